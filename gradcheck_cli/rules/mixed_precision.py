"""Numbers too small for half precision: scaled gradients, and what is done with them too early."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.circumstances import uses_half
from gradcheck_cli.features.profile import gradient_zeros, late, typical
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    in_order,
    loop_of,
    number,
    rule,
)


@rule("GC502", "precision-underflow")
def precision_underflow(trace: Trace, *, zeros: float = 0.5) -> Iterator[Hit]:
    """Gradients are too small for the number format: they become exactly zero.

    Measures  the share of exact zeros in the weights' gradients late in the run, where weights or the
              computation use 16 bits, or where float32 itself underflows (rms below 1e-38).
    Reports   a median share above `zeros`.
    Matters   what is rounded to zero is not learned; a loss scale or a wider format brings it back.
    Severity  error when the loss does not fall well, note when it does.
    Not for   zeros from dead units (GC201) or unused embedding rows.
    Sources   Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.2.
    """
    if not uses_half(trace):
        raise CannotTellError("weights and computation use 32 bits or more")
    shares = [
        (x, share)
        for x in trace.weight_layers
        if (share := typical(late(trace), x.path, gradient_zeros)) is not None
    ]
    if not shares:
        raise CannotTellError("no weight layer received a gradient")
    middle = median(share for _, share in shares)
    dead = [typical(late(trace), x.path, lambda r: r.dead) or 0.0 for x in trace.layers]
    if middle <= zeros or max(dead, default=0.0) > zeros:
        return
    state = progress(trace)
    yield Hit(
        severity=Severity.NOTE if state.fine else Severity.ERROR,
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{number(100 * middle)} % of the gradient's numbers are exactly zero at 16 bits.",
        layers=in_order([x for x, share in shares if share > zeros]),
        evidence=(Evidence("share of exact zeros in the gradients, median", middle, zeros),),
    )


@rule("GC804", "clipped-before-unscale")
def clipped_before_unscale(trace: Trace, *, least: int = 3) -> Iterator[Hit]:
    """Gradients are clipped while the factor of the gradient scaler is still in them.

    Measures  at the first clippings of the norm, whether a scaler had scaled the loss and not yet
              unscaled the gradients, and whether their norm was above the limit.
    Reports   at least `least` such clippings.
    Matters   the limit is divided by the scale, so that a step is only a small part of what it should be.
    Severity  error; warning where an adaptive optimizer gives the step its size back.
    Not for   clipping after unscaling; scalers that are switched off.
    Sources   PyTorch documentation, Automatic Mixed Precision examples (gradient clipping).
    """
    habit = loop_of(trace).habit(Kind.CLIPPED_SCALED)
    if habit.times < least:
        return
    limit, scale = habit.numbers["limit"], habit.numbers["scale"]
    yield Hit(
        severity=Severity.WARNING if trace.adaptive else Severity.ERROR,
        message=f"The gradients are clipped to {number(limit)}{habit.where} while the loss scale of {number(scale)} is still "
        f"in them, which makes the limit {number(limit / scale)}: call `scaler.unscale_(optimizer)` before "
        "clipping.",
        evidence=(Evidence("clippings before unscaling", float(habit.times), 0.0),),
        at=habit.at,
    )


@rule("GC822", "stepped-before-unscale")
def stepped_before_unscale(trace: Trace, *, share: float = 0.5) -> Iterator[Hit]:
    """An optimizer steps by itself while the factor of the gradient scaler is still in the gradients.

    Measures  at the first updates by gradients of a scaled loss that are numbers and not 0, whether a scaler was
              asked to step or unscaled, and the norm of a gradient then beside that after the backward pass.
    Reports   more than `share` of these updates by gradients that were left as they came, and no scaler was asked.
    Matters   each step is as many times too large as the scale says, and Inf and NaN are not skipped.
    Severity  error; warning where an adaptive optimizer gives the step its size back.
    Not for   loops that divide the gradients themselves; scalers that are switched off.
    Sources   PyTorch documentation, Automatic Mixed Precision examples (typical mixed precision training).
    """
    habit = loop_of(trace).habit(Kind.STEPPED_SCALED)
    if not habit.times or habit.share <= share:
        return
    scale = number(habit.numbers["scale"])
    yield Hit(
        severity=Severity.WARNING if trace.adaptive else Severity.ERROR,
        message=f"The optimizer steps{habit.where} while the loss scale of {scale} is still in the gradients, so that they "
        f"are {scale} times too large: call `scaler.step(optimizer)` and `scaler.update()`, not `optimizer.step()`.",
        evidence=(Evidence("share of updates before unscaling", habit.share, share),),
        at=habit.at,
    )
