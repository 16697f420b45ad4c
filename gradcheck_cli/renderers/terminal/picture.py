"""The layers from lowest to uppermost as one picture: gradient and update on a log scale, deep stacks folded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from rich.text import Text

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import LayerSummary, Report
from gradcheck_cli.renderers.places import marks
from gradcheck_cli.renderers.terminal.glyphs import Scale, bar, spell
from gradcheck_cli.renderers.terminal.pen import (
    BAD,
    BAD_INK,
    FAINT,
    INK,
    OF_SEVERITY,
    STRONG,
    Pen,
    ink,
)
from gradcheck_cli.renderers.words import clean, number, percent, plural, shorten

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


NUMBER = 7  # cells of a number
SHARE = 6  # cells of a percentage
HIGH_SHARE = 0.5  # of dead or saturated units: drawn in red from here


class Picture:
    """The table of layers, fitted to the width."""

    def __init__(self, pen: Pen, rows: Sequence[Row]) -> None:
        self.pen = pen
        self.rows = rows
        self.gradient = Scale.of([row.layer.gradient for row in rows])
        self.update = Scale.of([row.layer.update for row in rows])
        self.has_dead = any(row.layer.dead for row in rows)
        self.has_saturated = any(row.layer.saturated for row in rows)
        shares = (self.has_dead + self.has_saturated) * SHARE
        room = pen.width - 4 - shares - 2 * (NUMBER + 2)
        longest = max((len(clean(row.layer.path)) for row in rows), default=0)
        self.kind = min(max((len(clean(r.layer.kind)) for r in rows), default=0), 12)
        if room < 44:
            self.kind = 0
        self.path = min(max(longest, 5), max(room - self.kind - 20, 10), 28)
        rest = room - self.path - (self.kind + 1 if self.kind else 0) - 1
        self.bar = max(min(rest // 2, 18), 1)

    def lines(self) -> Iterator[Text]:
        """Yield the head and one line per layer or folded stretch."""
        yield self._head()
        for item in fold(self.rows):
            yield self._folded(item) if isinstance(item, list) else self._row(item)

    def _head(self) -> Text:
        line = "    " + "layer".ljust(self.path) + " "
        if self.kind:
            line += "kind".ljust(self.kind) + " "
        cell = self.bar + NUMBER + 2
        line += "gradient".ljust(cell) + "update".ljust(cell)
        line += "dead".rjust(SHARE) if self.has_dead else ""
        line += "sat.".rjust(SHARE) if self.has_saturated else ""
        return ink(line.rstrip(), FAINT)

    def _row(self, row: Row) -> Text:
        layer = row.layer
        line = Text("  ") + self._mark(row)
        line += self._cell(layer.path, self.path, STRONG if row.suspect else "")
        if self.kind:
            line += self._cell(layer.kind, self.kind, FAINT)
        color = BAD_INK if row.worst is Severity.ERROR else INK
        line += self._gauge(layer.gradient, self.gradient, color)
        line += self._gauge(layer.update, self.update, color)
        if self.has_dead:
            line += self._share(layer.dead)
        if self.has_saturated:
            line += self._share(layer.saturated)
        line.rstrip()
        return line

    def _mark(self, row: Row) -> Text:
        if row.worst is None:
            return Text("  ")
        if row.worst is Severity.NOTE:
            return ink(f"{self.pen.glyphs.bullet} ", FAINT)
        sign = "!" if row.worst is not Severity.ERROR else self.pen.glyphs.sick
        return ink(f"{sign} ", OF_SEVERITY[row.worst])

    def _cell(self, text: str, width: int, style: str) -> Text:
        said = clean(text)
        cell = self.pen.say(shorten(spell(said) if self.pen.ascii else said, width, "~"), style)
        cell.truncate(width, pad=True)
        return cell + Text(" ")

    def _gauge(self, value: float | None, scale: Scale, color: str) -> Text:
        drawn = bar(scale.share(value), self.bar, self.pen.glyphs)
        alarming = value is not None and (value == 0 or not isfinite(value))
        gauge = ink(drawn.ljust(self.bar), color) + Text(" ")
        return gauge + ink(number(value, 2).rjust(NUMBER) + " ", BAD if alarming else "")

    def _share(self, share: float | None) -> Text:
        text = percent(share).rjust(SHARE)
        if share is None or share < 0.005:
            return ink(text, FAINT)
        return ink(text, BAD if share >= HIGH_SHARE else "")

    def _folded(self, rows: Sequence[Row]) -> Text:
        broken = sum(row.worst not in {None, Severity.NOTE} for row in rows)
        said = f"{plural(len(rows), 'more layer')}"
        values = [v for r in rows if (v := r.layer.gradient) is not None and isfinite(v)]
        if values:
            said += f", gradient {number(min(values), 2)} to {number(max(values), 2)}"
        if broken:
            said += f", {'all' if broken == len(rows) else broken} of them marked"
        return Text("    ") + self.pen.say(f"{self.pen.glyphs.ellipsis} {said}", FAINT)


def strip(pen: Pen, values: Sequence[float | None], width: int) -> Text:
    """Return one cell per layer, higher for larger values; wide stacks show the lowest of each bin."""
    scale = Scale.of(values)
    cells = min(width, len(values))
    edges = [round(i * len(values) / cells) for i in range(cells + 1)] if cells else []
    out = Text()
    for start, end in pairwise(edges):
        shares = [scale.share(v) for v in values[start:end]]
        if any(s is None for s in shares):
            out.append("!" if any(v is not None for v in values[start:end]) else " ", BAD)
            continue
        level = min(s for s in shares if s is not None) * (len(pen.glyphs.levels) - 1)
        out.append(pen.glyphs.levels[round(level)], BAD_INK if level < 1.5 else INK)
    return out
