"""GC801 gradients-not-cleared."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC801", "gradients-not-cleared")
def gradients_not_cleared(trace: Trace, *, least: int = 3, share: float = 0.2) -> Iterator[Hit]:
    """The optimizer steps with gradients that earlier steps had already used.

    Measures  at sampled updates, the first ones among them, whether the gradients were cleared at any time since the update before
              and before the backward passes that they come from.
    Reports   at least `least` updates, and more than `share` of all, by gradients that were not.
    Matters   each update repeats all those before it: the steps grow, and the loss rises or jumps.
    Severity  error.
    Not for   accumulation, which clears after each update; several losses or backward passes per
              update; gradients that another optimizer's loss left behind and that are cleared in time.
    Sources   PyTorch documentation, torch.optim.Optimizer.zero_grad.
    """
    habit = loop_of(trace).habit(Kind.UNCLEARED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"In {habit.times} of {habit.of} inspected updates{habit.where} the gradients still held those of earlier "
        "updates: call `optimizer.zero_grad()` once per update, before its first `backward()`.",
        evidence=(
            Evidence(
                "share of inspected updates with gradients of earlier ones", habit.share, share
            ),
        ),
        at=habit.at,
    )
