"""Trained in eval mode, evaluated in train mode."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against
from gradcheck_cli.rules.base import Confidence, Evidence, Hit, Severity, loop_of, rule


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


@rule("GC807", "evaluation-in-train-mode")
def evaluation_in_train_mode(trace: Trace, *, share: float = 0.2, least: int = 20) -> Iterator[Hit]:
    """The model is evaluated in train mode: dropout acts on what is measured, or batch norm mixes its samples.

    Measures  spells between updates in which dropout acts, or batch norm takes the statistics of the batch at hand,
              although no graph is kept, and those in which they rest. By experiment, calls of `functional.dropout` in evaluation mode.
    Reports   such spells, fewer than `share` of at least `least` updates, when they never rest; calls that are
              not told whether the model is trained.
    Matters   the numbers of the evaluation are noisier and worse than those of the model; of single samples batch norm
              leaves little, and running statistics take up what is evaluated.
    Severity  warning; note when they rest in other spells, which may be meant (Monte Carlo dropout, statistics
              measured once more).
    Not for   `training=True`, which is meant; passes before the first update (dry runs, calibration); passes without a graph at each update, as for targets, teachers and rollouts; recomputation;
              models that nobody trains; trainings of several models (GANs).
    Sources   PyTorch documentation, torch.nn.Module.eval; Gal & Ghahramani 2016, arXiv:1506.02142.
    """
    if (answer := speaks_against(trace, "dropout-rests")) is not None:
        yield hit_of(answer, Severity.WARNING)
        return
    habit = loop_of(trace).habit(Kind.TRAIN_MODE)
    if not habit.times or habit.of < least or habit.times > share * habit.of:
        return
    what = " and ".join(habit.names) or "dropout"
    rested = habit.numbers.get("rested", 0.0)
    yield Hit(
        severity=Severity.NOTE if rested else Severity.WARNING,
        confidence=Confidence.MEDIUM,
        message=f"In {habit.times} of the spells between {habit.of} updates the model ran without gradients and with {what} "
        f"acting{habit.where}: call `model.eval()` before an evaluation and `model.train()` after it.",
        evidence=(
            Evidence(f"spells without gradients in which {what} acted", float(habit.times), 0.0),
            Evidence("spells in which nothing of it acted", rested, None),
        ),
        at=habit.at,
    )
