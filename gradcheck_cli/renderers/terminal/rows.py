"""Which layers the picture shows: weights with their activation's numbers, deep stacks folded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import LayerSummary, Report
from gradcheck_cli.renderers.marks import marks

MOST_ROWS = 20
EDGE = 4  # rows always kept at either end
AROUND = 2  # rows kept around a break


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of the picture and how it is marked."""

    layer: LayerSummary
    worst: Severity | None
    suspect: bool  # a cause says that the signal is lost here


def rows_of(report: Report) -> list[Row]:
    """Return the layers that have something to show, lowest first."""
    worst = marks(report)
    suspects = {cause.first_layer for cause in report.causes[:1] if cause.first_layer}
    rows: list[Row] = []
    for layer in sorted(report.layers, key=lambda x: x.order):
        grave = worst.get(layer.path)
        if _has_weights(layer):
            rows.append(Row(layer, grave, layer.path in suspects))
        elif rows and _belongs(layer, rows[-1].layer):
            rows[-1] = _merged(rows[-1], layer, grave, suspect=layer.path in suspects)
        elif grave or (layer.dead or 0) > 0 or (layer.saturated or 0) > 0:
            rows.append(Row(layer, grave, layer.path in suspects))
    return rows


def fold(rows: Sequence[Row], most: int = MOST_ROWS) -> Iterator[Row | list[Row]]:
    """Yield rows, and lists of rows that are shown as one line; short stacks are never folded."""
    if len(rows) <= most:
        yield from rows
        return
    kept = _kept(rows)
    hidden: list[Row] = []
    for i, row in enumerate(rows):
        if i in kept:
            if hidden:
                yield hidden if len(hidden) > 1 else hidden[0]
                hidden = []
            yield row
        else:
            hidden.append(row)
    if hidden:
        yield hidden


def _kept(rows: Sequence[Row]) -> set[int]:
    """Return the indices of the ends, the suspects and the first places where the state changes."""
    count = len(rows)
    kept = set(range(EDGE)) | set(range(count - EDGE, count))
    breaks = [i for i in range(1, count) if rows[i].worst is not rows[i - 1].worst]
    suspects = [i for i, row in enumerate(rows) if row.suspect]
    for i in [*suspects[:2], *breaks[:3]]:
        kept |= set(range(max(i - AROUND, 0), min(i + AROUND, count)))
    return kept


def _has_weights(layer: LayerSummary) -> bool:
    return layer.role != "activation" and (
        layer.gradient is not None or layer.update is not None or layer.weight is not None
    )


def _belongs(activation: LayerSummary, layer: LayerSummary) -> bool:
    """Is it the nonlinearity behind this layer, and does the layer lack its numbers?"""
    return activation.role == "activation" and layer.dead is None and layer.saturated is None


def _merged(row: Row, activation: LayerSummary, grave: Severity | None, *, suspect: bool) -> Row:
    layer = replace(
        row.layer,
        dead=activation.dead,
        saturated=activation.saturated,
        activation=row.layer.activation or activation.kind,
    )
    worst = max((s for s in (row.worst, grave) if s), key=lambda s: s.rank, default=None)
    return Row(layer, worst, row.suspect or suspect)
