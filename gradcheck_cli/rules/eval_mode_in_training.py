"""GC806 eval-mode-in-training."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC806", "eval-mode-in-training")
def eval_mode_in_training(trace: Trace, *, least: int = 10) -> Iterator[Hit]:
    """The model was switched to eval mode, as for an evaluation, and is trained on in it.

    Measures  at every update, whether the model is in train mode; whether it holds dropout or batch
              normalization, which compute something else in eval mode.
    Reports   at least `least` updates in eval mode up to the last one, after updates in train mode.
    Matters   dropout no longer acts, and batch normalization no longer follows its inputs.
    Severity  warning.
    Not for   models that are in eval mode from the start, as in fine-tuning with frozen statistics.
    Sources   PyTorch documentation, torch.nn.Module.train and eval.
    """
    habit = loop_of(trace).habit(Kind.EVAL_MODE)
    if habit.times < least or not habit.names:
        return
    yield Hit(
        severity=Severity.WARNING,
        message=f"The last {habit.times} of {habit.of} updates were made in eval mode, the first ones in train mode, "
        f"and the model holds {', '.join(habit.names)}: call `model.train()` after each evaluation.",
        evidence=(
            Evidence("updates in eval mode, up to the last", float(habit.times), float(least)),
        ),
        at=habit.at,
    )
