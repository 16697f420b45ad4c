"""GC401 update-too-small."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.profile import first, gradient_rms, late, typical, update_ratio
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import late_end, warming_up
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    in_order,
    number,
    rule,
)


@rule("GC401", "update-too-small")
def update_too_small(trace: Trace, *, ratio: float = 1e-5, lost: float = 0.5) -> Iterator[Hit]:
    """The weights hardly change from step to step, in no layer.

    Measures  norm(change) / norm(weight) per step, of what the optimizer really did, for the layer that
              moves most, late in the run; and the share of weights that have a gradient and do not move
              because the change is below the last digit of the weight.
    Reports   a ratio below `ratio` (ten times that while the loss stalls) in every layer, or more than `lost` of the weights not moving.
    Matters   at 1e-5 a weight needs a hundred thousand steps to change by its own size.
    Severity  error when the loss does not fall; warning where rounding takes the changes and the loss comes below
              that of a constant prediction later than after as many steps more; else note, also while the
              learning rate warms up.
    Not for   converged models; single layers (the lower ones are the business of GC101).
    Sources   Karpathy, cs231n notes (a ratio near 1e-3 is usual); Micikevicius et al. 2018,
              arXiv:1710.03740, sec. 3.1 (updates lost to rounding).
    """
    rows = [
        (x, value)
        for x in trace.weight_layers
        if (value := typical(late(trace), x.path, update_ratio)) is not None
    ]
    if not rows:
        raise CannotTellError("no update of a weight was observed")
    state = progress(trace)
    layer, most = max(rows, key=lambda pair: pair[1])
    rounded = rounded_away(trace)
    if state.stuck:
        ratio *= 10
    if most >= ratio and rounded <= lost:
        return
    zero = [x for x, _ in rows if not typical(late(trace), x.path, gradient_rms)]
    if len(zero) == len(rows):
        return  # without any gradient there is nothing to move (GC103)
    grave = not state.fine and state.state is not State.UNKNOWN and not warming_up(trace)
    small = most < ratio
    slowed = rounded > lost and late_end(trace) is not None
    yield Hit(
        severity=Severity.ERROR if grave else Severity.WARNING if slowed else Severity.NOTE,
        confidence=Confidence.HIGH if grave else Confidence.MEDIUM,
        message=(
            f"Even the layer that moves most, {layer.path}, changes by only {number(most)} of its size per step."
            if small
            else f"{number(100 * rounded)} % of the weights have a gradient and do not move: the change is lost "
            "to rounding."
        ),
        layers=in_order([x for x, _ in rows]),
        evidence=(
            Evidence("largest change of a layer per step", most, ratio, "of its norm"),
            Evidence("share of weights whose change is lost to rounding", rounded, lost),
            Evidence("the same change in the first steps", _largest(trace), None, "of its norm"),
        ),
    )


def _largest(trace: Trace) -> float:
    values = (typical(first(trace), x.path, update_ratio) or 0.0 for x in trace.weight_layers)
    return max(values, default=0.0)


def rounded_away(trace: Trace) -> float:
    """Return the share of weights that have a gradient and do not move, late in the run: median over layers."""
    found = (typical(late(trace), x.path, lambda r: r.lost) for x in trace.weight_layers)
    shares = [share for share in found if share is not None]
    return median(shares) if shares else 0.0
