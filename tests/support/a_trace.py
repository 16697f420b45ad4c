"""Hand-made traces: what a probe would have measured, without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan, sqrt

from gradcheck_cli.records.finding import Finding, Skip
from gradcheck_cli.records.reading import Moments
from gradcheck_cli.records.trace import Layer, LossFacts, Parameter, Reading, Role, Step, Trace
from gradcheck_cli.rules.base import Rule

STEPS = 30
GUESSING = 2.0  # the loss of the best constant prediction in these traces
SCALES = (1e-6, 1e-3, 1.0, 1e3, 1e6)
SIZE = 64  # elements of each tensor


def losses(shape: str, steps: int = STEPS) -> list[float]:
    """Return losses that learn, are slow, stalled, diverging, converged or broken."""
    wobble = [0.01 * (-1) ** i * (1 + i % 3) for i in range(steps)]
    curves = {
        "learning": [GUESSING * 0.93 ** min(i, 100) for i in range(steps)],
        "slow": [GUESSING * (1 - 0.07 * i / steps) for i in range(steps)],
        "stalled": [GUESSING] * steps,
        "diverging": [GUESSING * 1.2 ** min(i, 100) for i in range(steps)],
        "converged": [GUESSING * 1e-3] * steps,
        "broken": [GUESSING] * (steps - 1) + [nan],
    }
    size = GUESSING * 1e-3 if shape == "converged" else 1.0
    return [loss + size * w for loss, w in zip(curves[shape], wobble, strict=True)]


def moments(rms: float, *, count: int = SIZE, zeros: float = 0.0, nonfinite: int = 0) -> Moments:
    """Return the sums of `count` numbers of this size around zero, a share of them exactly zero."""
    finite = count - nonfinite
    return Moments(count, nonfinite, round(zeros * count), 0.0, rms * rms * finite, 2 * rms)


def linear(path: str, order: int, depth: int | None, **changes: object) -> Layer:
    """Return a layer of eight by eight weights that keep the variance."""
    made = Layer(
        path=path,
        kind="Linear",
        role=Role.LINEAR,
        order=order,
        depth=depth,
        fan_in=8,
        fan_out=8,
        parameters=(Parameter(name=f"{path}.weight", shape=(8, 8), std=sqrt(1 / 8)),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def nonlinearity(path: str, order: int, depth: int, kind: str = "ReLU") -> Layer:
    """Return an activation that weights stand below and above of."""
    return Layer(path=path, kind=kind, role=Role.ACTIVATION, order=order, depth=depth)


def reading(gradient: float = 1e-2, *, weight: float = 0.3, update: float = 3e-4, **more: object):
    """Return what a usual weight layer shows in a step, with these differences."""
    usual = Reading(
        weight=moments(weight),
        weight_grad=moments(gradient),
        update=moments(update),
        output=moments(1.0),
        output_grad=moments(gradient),
        spread=0.5,
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def run(
    layers: Sequence[Layer],
    readings: Mapping[str, Reading],
    loss: str | Sequence[float] = "stalled",
    **facts: object,
) -> Trace:
    """Return a run in which every step showed these readings."""
    curve = losses(loss) if isinstance(loss, str) else loss
    steps = tuple(Step(index=i, loss=x, readings=readings) for i, x in enumerate(curve))
    usual = {"loss": LossFacts(kind="cross_entropy", classes=10, baseline=GUESSING)}
    return Trace(layers=tuple(layers), steps=steps, **(usual | facts))  # type: ignore[arg-type]


def a_trace(
    gradients: Sequence[float] = (1e-2,) * 4,
    loss: str | Sequence[float] = "stalled",
    *,
    update: float = 3e-4,
    **facts: object,
) -> Trace:
    """Return a run of linear layers l0, l1, ... from the lowest up, with these gradients."""
    top = len(gradients) - 1
    layers = [linear(f"l{i}", i, top - i) for i in range(len(gradients))]
    readings = {f"l{i}": reading(g, update=update) for i, g in enumerate(gradients)}
    return run(layers, readings, loss, **facts)


def with_reading(trace: Trace, path: str, **changes: object) -> Trace:
    """Return the trace with something else read at one layer, in every step."""
    steps = []
    for step in trace.steps:
        changed = replace(step.readings.get(path, Reading()), **changes)  # type: ignore[arg-type]
        steps.append(replace(step, readings={**step.readings, path: changed}))
    return replace(trace, steps=tuple(steps))


def with_outputs_that_part(trace: Trace, path: str = "l3", by: float = 1.02) -> Trace:
    """Return the trace with outputs of one layer that differ more between samples at every step."""
    steps = []
    for step in trace.steps:
        larger = moments(by**step.index)
        changed = replace(step.readings[path], output=larger)
        steps.append(replace(step, readings={**step.readings, path: changed}))
    return replace(trace, steps=tuple(steps))


def with_nonlinearity(
    trace: Trace, path: str = "act", kind: str = "ReLU", *, depth: int = 1, **values: float
) -> Trace:
    """Return the trace with one more nonlinearity, which shows these values in every step."""
    added = nonlinearity(path, len(trace.layers), depth, kind)
    return with_reading(replace(trace, layers=(*trace.layers, added)), path, **values)


def with_layer(trace: Trace, path: str, /, **changes: object) -> Trace:
    """Return the trace with one layer changed."""
    layers = (replace(x, **changes) if x.path == path else x for x in trace.layers)  # type: ignore[arg-type]
    return replace(trace, layers=tuple(layers))


def with_parameter(trace: Trace, path: str, **changes: object) -> Trace:
    """Return the trace with the parameters of one layer changed."""
    parameters = tuple(replace(p, **changes) for p in trace.layer(path).parameters)  # type: ignore[arg-type]
    return with_layer(trace, path, parameters=parameters)


def scaled(trace: Trace, by: float) -> Trace:
    """Return what would have been measured with the loss multiplied by `by`, the updates kept."""

    def larger(reading: Reading) -> Reading:
        return replace(
            reading,
            weight_grad=_times(reading.weight_grad, by),
            bias_grad=_times(reading.bias_grad, by),
            output_grad=_times(reading.output_grad, by),
        )

    steps = tuple(
        replace(s, loss=s.loss * by, readings={k: larger(r) for k, r in s.readings.items()})
        for s in trace.steps
    )
    baseline = trace.loss.baseline
    loss = replace(trace.loss, baseline=None if baseline is None else baseline * by)
    return replace(trace, steps=steps, loss=loss)


def _times(of: Moments | None, by: float) -> Moments | None:
    if of is None:
        return None
    return replace(of, total=of.total * by, square=of.square * by * by, peak=of.peak * by)


def shuffled(trace: Trace) -> Trace:
    """Return the trace with its layers and readings listed the other way round."""
    steps = (replace(s, readings=dict(reversed(list(s.readings.items())))) for s in trace.steps)
    return replace(trace, layers=trace.layers[::-1], steps=tuple(steps))


def found(rule: Rule, trace: Trace, **thresholds: float) -> list[Finding]:
    """Return what the rule found; fails where it could not look."""
    answer = _everywhere(rule, trace, thresholds)
    assert not isinstance(answer, Skip), answer.reason
    return answer


def skipped(rule: Rule, trace: Trace) -> Skip:
    """Return why the rule could not look; fails where it could."""
    answer = _everywhere(rule, trace, {})
    assert isinstance(answer, Skip), answer
    return answer


def _everywhere(rule: Rule, trace: Trace, thresholds: dict[str, float]) -> list[Finding] | Skip:
    """Return what the rule says; fails where another scale of the loss or order of the layers changes it."""
    answer = rule(trace, thresholds)
    for other in (scaled(trace, by) for by in SCALES):
        for changed in (other, shuffled(other)):
            assert gist(rule(changed, thresholds)) == gist(answer)
    return answer


def gist(answer: list[Finding] | Skip) -> object:
    """Return what must not depend on scale or order."""
    if isinstance(answer, Skip):
        return "skipped"
    return [(f.name, f.severity, f.confidence, f.layers, f.first_step) for f in answer]
