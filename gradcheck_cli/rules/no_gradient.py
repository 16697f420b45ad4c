"""Gradients that end at zero, or at a call of the user's."""

from collections.abc import Iterator, Sequence

from gradcheck_cli.features.circumstances import zeroed
from gradcheck_cli.features.profile import late, typical
from gradcheck_cli.features.progress import progress
from gradcheck_cli.ops import SMOOTH_BOUNDED
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Layer, Step, Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Evidence,
    Hit,
    Severity,
    in_order,
    loop_of,
    number,
    rule,
)
from gradcheck_cli.rules.flat import NEARLY_ALL


@rule("GC103", "zero-gradient")
def zero_gradient(trace: Trace, *, lowest_share: float = 0.5) -> Iterator[Hit]:
    """Layers receive a gradient in which every single number is exactly zero.

    Measures  the share of exact zeros in the weight's gradient, in every step of the last third.
    Reports   layers where it is 1 in all of them, when everything below them is zero too or they make
              up more than `lowest_share` of the weight layers.
    Matters   no optimizer can make a step out of nothing; weight decay alone moves such a layer.
    Severity  error when the layers block the way down and the loss does not fall well; note for side
              branches such as experts that no sample was routed to, and where a smooth nonlinearity that
              is saturated stands above: its slope is not 0, the zero is what rounding leaves of a
              gradient that has vanished (GC101).
    Not for   gradients that do not arrive at all (GC601), frozen layers (GC603).
    Sources   Lu, Shin, Su & Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165 (dying ReLU).
    """
    steps = late(trace)
    trained = [x for x in trace.weight_layers if x.trainable]
    measured = {x.path: _always_zero(x, steps) for x in trained}
    known = [x for x in trained if measured[x.path] is not None]
    if not known:
        raise CannotTellError("no weight layer received a gradient")
    zero = [x for x in known if measured[x.path]]
    if not zero:
        return
    state = progress(trace)
    deepest = max((x.depth or 0 for x in known), default=0)
    at_bottom = [x for x in known if (x.depth or 0) == deepest]
    blocks = all(measured[x.path] for x in at_bottom) or len(zero) > lowest_share * len(known)
    grave = blocks and not state.proven and not _rounded(trace, zero)
    yield Hit(
        severity=Severity.ERROR if grave else Severity.NOTE,
        message=f"The gradient of {len(zero)} of {len(known)} layers is exactly zero in every number.",
        layers=in_order(zero),
        evidence=(Evidence("share of layers without any gradient", len(zero) / len(known), 0.0),),
    )


def _always_zero(layer: Layer, steps: Sequence[Step]) -> bool | None:
    shares = [
        r.weight_grad.zero_share
        for step in steps
        if (r := step.readings.get(layer.path)) is not None and r.weight_grad is not None
    ]
    return all(share == 1 for share in shares) if shares else None


def _rounded(trace: Trace, zero: Sequence[Layer]) -> bool:
    """Does a saturated smooth nonlinearity above explain the zeros, and nothing else with a name?"""
    lowest = min(x.order for x in zero)
    shares = [
        typical(late(trace), x.path, lambda r: r.saturated)
        for x in trace.layers
        if x.order > lowest and x.kind.lower() in SMOOTH_BOUNDED
    ]
    return max((s for s in shares if s is not None), default=0.0) > NEARLY_ALL and not zeroed(trace)


@rule("GC104", "hooked-gradient")
def hooked_gradient(trace: Trace, *, factor: float = 0.1) -> Iterator[Hit]:
    """A hook of your own makes gradients much smaller or larger, or zero.

    Measures  f = the median size of the gradients that a hook hands on / of those that it is given, over
              its last 40 calls, of which every 5th is read, or the first 16 where there are no more:
              hooks on tensors and modules, and those called when a gradient arrived.
    Reports   f below `factor` or above 1 / `factor`.
    Matters   layers behind the hook learn more slowly or faster than the loss says, or not at all.
    Severity  note: it may be on purpose. Where layers are found sick, it is their cause.
    Not for   hooks that clip, mask or scale by less; hooks of libraries.
    Sources   PyTorch documentation, Tensor.register_hook; usual factors between rates of layers lie above
              a tenth (Howard & Ruder 2018, arXiv:1801.06146: 1 / 2.6 a layer).
    """
    for habit in loop_of(trace).habits_of(Kind.HOOKED):
        found = habit.numbers["factor"]
        if factor <= found <= 1 / factor:
            continue
        known = {x.path for x in trace.layers}
        yield Hit(
            severity=Severity.NOTE,
            message=f"{told(habit)}.",
            layers=tuple(name for name in habit.names if name in known),
            evidence=(Evidence("size of gradients after the hook / before it", found, factor),),
            at=habit.at,
        )


def told(habit: Habit) -> str:
    """Say what a hook does, as a sentence without its full stop."""
    first, *others = habit.names or ("",)
    more = f" and {len(others)} more" if others else ""
    whose = f"gradients at layer `{first}`{more}" if first else "gradients"
    since = int(habit.numbers.get("since", 1))
    later = f", from about its call {since} on" if since > 1 else ""
    factor = habit.numbers["factor"]
    if factor == 0:
        return f"Your hook{habit.where} sets {whose} to zero{later}"
    return (
        f"Your hook{habit.where} changes the size of {whose} by a factor of {number(factor)}{later}"
    )


@rule("GC813", "checkpoint-cuts-gradient")
def checkpoint_cuts_gradient(trace: Trace, *, least: int = 2) -> Iterator[Hit]:
    """A reentrant checkpoint is given inputs without gradient, so nothing inside it gets one.

    Measures  at every reentrant checkpoint with trainable parameters inside, whether any of its inputs
              requires a gradient.
    Reports   at least `least` calls in which none does.
    Matters   the parameters inside are not trained, whatever the loss is.
    Severity  error.
    Not for   checkpoints with nothing to train inside; calls without a graph, as in an evaluation.
    Sources   PyTorch documentation, torch.utils.checkpoint (use_reentrant).
    """
    habit = loop_of(trace).habit(Kind.CUT_CHECKPOINT)
    if habit.times < least:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"The checkpoint{habit.where} runs {', '.join(habit.names)} on inputs that require no gradient, so the "
        "parameters inside get none: pass use_reentrant=False, or let the inputs require a gradient (with PEFT: "
        "model.enable_input_require_grads()).",
        evidence=(Evidence("share of checkpoints that cut", habit.share, 0.0),),
        at=habit.at,
    )
