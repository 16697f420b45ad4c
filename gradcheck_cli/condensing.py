"""From a trace to the rows, curves and numbers that a report keeps of it; no torch."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from operator import attrgetter

from gradcheck_cli.features.profile import (
    Quantity,
    arriving_rms,
    elasticity,
    gradient_rms,
    gradient_zeros,
    late,
    typical,
    update_ratio,
)
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.reading import QUANTITIES
from gradcheck_cli.records.report import History, LayerSummary, LossCurve, LossSummary
from gradcheck_cli.records.trace import Layer, Reading, Step, Trace
from gradcheck_cli.rules import telling
from gradcheck_cli.rules.non_finite import first_broken, whole

_COLUMNS = 60  # steps kept for pictures
_CURVE = 400  # losses kept for pictures


def loss(trace: Trace) -> LossSummary:
    """Return the loss in the numbers that are printed beside its curve."""
    state = progress(trace)
    return LossSummary(
        state=state.state.value,
        of=state.of,
        start=state.start if isfinite(state.start) else None,
        end=state.end if isfinite(state.end) else None,
        reference=state.baseline,
        surrogate=state.surrogate,
        words=telling.line(state),
    )


def summaries(trace: Trace) -> tuple[LayerSummary, ...]:
    """Return one row per layer that ran or holds parameters, in execution order."""
    trace = _measured(trace)
    strongest = max(
        (s for x in trace.weight_layers if (s := typical(late(trace), x.path, elasticity))),
        default=0.0,
    )
    return tuple(_summary(trace, layer, strongest) for layer in trace.layers)


def _measured(trace: Trace) -> Trace:
    """Return the trace up to the first value that is no number, or with it where nothing came before."""
    broken, before = first_broken(trace), whole(trace)
    if broken is None or before.observed:
        return before
    return replace(trace, steps=tuple(s for s in trace.steps if s.index <= broken.index))


def _summary(trace: Trace, layer: Layer, strongest: float) -> LayerSummary:
    steps = late(trace)

    def middle(quantity: Quantity) -> float | None:
        return typical(steps, layer.path, quantity)

    strength = middle(elasticity)
    return LayerSummary(
        path=layer.path,
        kind=layer.kind,
        role=layer.role.value,
        order=layer.order,
        depth=layer.depth,
        numel=sum(p.numel for p in layer.parameters),
        activation=layer.activation,
        built_at=str(layer.built_at) if layer.built_at else None,
        gradient=middle(gradient_rms),
        gradient_zero=middle(gradient_zeros),
        arriving=middle(arriving_rms),
        weight=middle(lambda r: r.weight.norm if r.weight else None),
        update=middle(update_ratio),
        spread=middle(lambda r: r.spread),
        dead=middle(lambda r: r.dead),
        saturated=middle(lambda r: r.saturated),
        sensitivity=strength / strongest if strength is not None and strongest else None,
    )


SERIES: dict[str, Quantity] = {
    "gradient": gradient_rms,
    "arriving": arriving_rms,
    "update": update_ratio,
    **{name: attrgetter(name) for name, q in QUANTITIES.items() if q.curve},
}


def history(trace: Trace, subject: str | None = None) -> History:
    """Return per-layer curves over at most 60 steps, and the loss over at most 400.

    With a `subject`, the model that this loss trains beside others, the loss is named after it.
    """
    steps = _spaced(_measured(trace).observed, _COLUMNS)
    series: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for name, quantity in SERIES.items():
        rows = {x.path: _row(steps, x.path, quantity) for x in trace.layers}
        series[name] = {p: row for p, row in rows.items() if any(v is not None for v in row)}
    curve = _spaced(trace.steps, _CURVE)
    losses = tuple(s.loss for s in curve)
    at = trace.loop.backward_at if trace.loop is not None else None
    name = f"{subject}, {at}" if at else subject or ""
    alone = LossCurve(name=name, words=loss(trace).words, losses=losses)
    return History(
        steps=tuple(s.index for s in steps),
        series=series,
        loss_steps=tuple(s.index for s in curve),
        losses=losses,
        beside=(alone,) if subject is not None else (),
    )


def _row(steps: Sequence[Step], path: str, quantity: Quantity) -> tuple[float | None, ...]:
    def value(reading: Reading | None) -> float | None:
        found = quantity(reading) if reading is not None else None
        return found if found is None or isfinite(found) else None

    return tuple(value(s.readings.get(path)) for s in steps)


def _spaced(steps: Sequence[Step], most: int) -> Sequence[Step]:
    """Return at most `most` of the steps, evenly spaced, the last one always."""
    if len(steps) <= most:
        return steps
    stride = (len(steps) - 1) / (most - 1)
    return [steps[round(i * stride)] for i in range(most)]
