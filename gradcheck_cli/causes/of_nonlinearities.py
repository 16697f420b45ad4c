"""Causes at nonlinearities: units that are flat, units that are dead, slopes that are infinite."""

from collections.abc import Iterator
from math import isfinite

from gradcheck_cli.causes.attenuation import budget
from gradcheck_cli.causes.base import Evidence, Sign, Support, cause, experiment, fact, signs
from gradcheck_cli.causes.shares import BOUNDED_SLOPES, ENOUGH, GATES
from gradcheck_cli.features.circumstances import (
    LARGE,
    VANISHING,
    broke_later,
    broke_unlooked,
    broken_in_backward,
    broken_in_forward,
    fed_a_constant,
    input_size,
    saturated_at_start,
    uses_half,
)
from gradcheck_cli.features.profile import first, late, typical
from gradcheck_cli.ops import BOUNDED, STEEP
from gradcheck_cli.records.trace import Cut, Step
from gradcheck_cli.rules.base import counted, number
from gradcheck_cli.rules.non_finite import first_broken, whole

FLAT = 0.6  # a mean slope below it takes more than a third of the gradient
DEAD, NEARLY_ALL = 0.6, 0.9  # of a layer's units that never fire
_NAMED = 3  # calls in a sentence
_HIDDEN = (
    "the backward pass of {} makes NaN or infinity of gradients that are numbers: what hides its value behind it, as "
    "torch.where does, multiplies its infinite slope by 0"
)


@cause(
    "saturating-activation",
    f"{VANISHING} saturated-activation",
    "Swap the nonlinearity and keep the initial weights: if gradients reach the lower layers, this cause is confirmed.",
)
def saturating_activation(seen: Evidence) -> Support | None:
    """Sigmoid or tanh units have a slope far below 1, and slopes multiply along the depth.

    Speaks for it  most of the loss of gradient along the depth happens at bounded nonlinearities.
    Against it     weights that were far too small or too large at the beginning; one bounded layer only.
    Sources        Glorot & Bengio 2010, sec. 3; sigmoid' <= 1/4.
    """
    trace = seen.trace
    found = seen.at_start
    opened = found[GATES].value if found and not found.along_time else 0.0  # else the memory's
    if found and opened >= ENOUGH and opened > found[BOUNDED_SLOPES].value:
        return experiment(found, GATES, trace.weight_layers)
    now = budget(trace, at_start=False)
    bounded = [x for x in now.links if x.layer.activation in BOUNDED]
    flat = [x for x in bounded if x.slope < FLAT]
    if not flat or not seen.noted("vanishing-gradient", "saturated-activation", "zero-gradient"):
        return None
    at_once = saturated_at_start(trace)
    kinds = ", ".join(sorted({x.layer.activation or "" for x in flat}))
    said = (
        f"{counted(len(flat), 'goes', 'go')} through {kinds} at a mean slope of {number(now.slope)}"
    )
    layers = [x.nonlinearity or x.layer for x in flat]
    share = now.share_of_slopes
    if found and found[BOUNDED_SLOPES].value > 0 and not (at_once and input_size(trace) < LARGE):
        return experiment(found, BOUNDED_SLOPES, layers, first=layers[-1], more=(said,))
    lost_here = f"{number(100 * share)} % of the attenuation (in log units) happens at activations"
    return signs(
        [(True, said), (share > 0.5, lost_here)], list(_unlikely(seen)), layers, first=layers[-1]
    )


def _unlikely(seen: Evidence) -> Iterator[Sign]:
    """Yield what speaks against slopes as the cause."""
    at_once = saturated_at_start(seen.trace)
    yield (
        broke_later(seen.trace) and not at_once,
        "but they saturated only after large steps",
    )
    yield at_once, "but inputs or initial weights are large enough to drive them there at once"
    dynamic = seen.shares is not None and seen.shares.dynamic
    yield dynamic, "but the signal was whole before the first update"


@cause(
    "dead-relu",
    "dying-relu zero-gradient vanishing-gradient stalled-loss collapsed-features",
    "Give the units a slope on their negative side and reset their biases.",
)
def dead_relu(seen: Evidence) -> Support | None:
    """ReLU units were pushed to where they are never active, so they get no gradient to come back.

    Speaks for it  most units of a layer were silent on every sample; large negative biases or large steps.
    Against it     few dead units beside many living ones.
    Sources        Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165; Maas et al. 2013.
    """
    trace = seen.trace
    shares = {
        x.path: s
        for x in trace.layers
        if (s := typical(late(trace), x.path, lambda r: r.dead)) is not None
    }
    dead = [x for x in trace.layers if shares.get(x.path, 0.0) > DEAD]
    if not dead or not seen.noted("dying-relu"):
        return None
    worst = max(shares.values())
    before = max(
        (typical(first(trace), x.path, lambda r: r.dead) or 0.0 for x in dead), default=0.0
    )
    return signs(
        [
            (True, f"{number(100 * worst)} % of the units of a layer never fire"),
            (before > DEAD, "they were silent from the first steps on"),
            (len(dead) > 1, f"{len(dead)} layers are like that"),
            (worst > NEARLY_ALL, "that is nearly all of them"),
        ],
        [
            (broke_later(trace), "but they died only after large steps"),
            (
                all(fed_a_constant(trace, x) for x in dead),
                "but what reaches them hardly depends on the sample",
            ),
        ],
        dead,
    )


@cause(
    "infinite-slope",
    "non-finite",
    "Keep what the function is given a little away from the point.",
)
def infinite_slope(seen: Evidence) -> Support | None:
    """A function was evaluated where its slope or its value is not finite: the square root at 0, the logarithm of 0.

    Speaks for it  a call that makes NaN or Inf of numbers; one whose backward pass makes them out of gradients that
                   are numbers, while the loss is a number; a function that has a value and no slope at some point, and a gradient that is NaN or
                   Inf in a step whose loss and outputs are not.
    Against it     a loss that is NaN or Inf first; sixteen bits, which overflow; steps so large that anything breaks.
    Sources        IEEE 754: 0 * inf is NaN; PyTorch notes, Autograd mechanics (non-differentiable
                   functions).
    """
    if forward := broken_in_forward(seen.trace):
        return _without_value(seen, forward[0])
    made = broken_in_backward(seen.trace)
    calls = made[:1] or seen.trace.steep
    broken = next((s for s in seen.trace.observed if _has_broken_gradient(s)), None)
    if not calls:
        return None
    named = ", ".join(map(_name, calls[:_NAMED]))
    if broken is None or not isfinite(broken.loss):
        if made:
            return _broke_unlooked(seen, made[0])
        return _unlooked(seen, f"there is no finite slope at the end of the range of {named}")
    outside = _has_broken_output(broken)
    if outside and not made:
        return None
    said = f"in step {broken.index + 1} " + (
        f"the loss is a number, and {_HIDDEN.format(named)}"
        if outside or calls[0].operation not in STEEP
        else f"loss and outputs are numbers and a gradient is not, and there is no finite slope at the end of the range "
        f"of {named}"
    )
    return _unless(seen, broken.index, said, calls[0])


def _broke_unlooked(seen: Evidence, call: Cut) -> Support | None:
    """Return the support where the call was seen, and the step was not looked into."""
    last = max((s.index for s in whole(seen.trace).steps), default=0)
    said = f"up to step {last + 1} the loss is a number, and {_HIDDEN.format(_name(call))}"
    return _unless(seen, last, said, call)


def _without_value(seen: Evidence, call: Cut) -> Support | None:
    """Return the support of a call that has no finite value at what it was given, where that was of a usual size."""
    broken = first_broken(seen.trace)
    if broken is None or any(holds for holds, _ in _shaken(seen, broken.index)):
        return None
    said = f"in step {broken.index + 1} {_name(call)} is the first call that makes NaN or infinity of numbers"
    return fact(said, at=call.at)


def _unless(seen: Evidence, index: int, said: str, call: Cut) -> Support | None:
    """Return a fact, and what speaks for it where something else may have broken the numbers."""
    opposed = _shaken(seen, index)
    if any(holds for holds, _ in opposed):
        return signs([(True, said)], opposed, at=call.at)
    return fact(said, at=call.at)


def _name(call: Cut) -> str:
    return f"{call.operation.strip('_')}()" + (f" at {call.at}" if call.at else "")


def _shaken(seen: Evidence, index: int) -> list[Sign]:
    """Return what else makes numbers into none at this step."""
    large = index > 0 and seen.has("update-too-large", "diverging-loss")
    return [
        (uses_half(seen.trace), "but sixteen bits overflow"),
        (large, "but steps so large break anything"),
    ]


def _unlooked(seen: Evidence, why: str) -> Support | None:
    """Return the support where it happened in a step that was not looked into: the loss before was as usual."""
    last = broke_unlooked(seen.trace)
    if last is None:
        return None
    said = f"the loss is a number up to step {last.index + 1}, no larger than at first, and none right after it; {why}"
    place = next((c.at for c in seen.trace.steep if c.at), None)
    return signs([(True, said)], _shaken(seen, last.index), at=place)


def _has_broken_gradient(step: Step) -> bool:
    """Is a gradient no number, in a step that no scaler skipped on purpose?"""
    moments = (
        m for r in step.readings.values() for m in (r.output_grad, r.weight_grad, r.bias_grad)
    )
    return not step.skipped and any(m is not None and m.nonfinite for m in moments)


def _has_broken_output(step: Step) -> bool:
    return any(r.output is not None and r.output.nonfinite for r in step.readings.values())
