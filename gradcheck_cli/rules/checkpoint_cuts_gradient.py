"""GC813 checkpoint-cuts-gradient."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


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
