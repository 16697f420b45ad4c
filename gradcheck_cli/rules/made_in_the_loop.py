"""GC823 made-in-the-loop."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC823", "made-in-the-loop")
def made_in_the_loop(trace: Trace, *, least: int = 3, few: int = 2) -> Iterator[Hit]:
    """The loop of the training makes the model or its weights, or an optimizer that keeps averages, anew.

    Measures  what was made before at the line that makes the optimizer: of the same parameters, or of others of the same
              shapes that were drawn anew; weights that nn.init, apply or load_state_dict drew again or put back to the
              start; how many updates it had made; what the loop around counts.
    Reports   a model or weights that were made anew `least` times in a loop that counts epochs, steps or batches, or a
              model after at most `few` updates each; an adaptive optimizer that was, after at most `few` updates each.
    Matters   what was learned is thrown away, and only the last pass counts; averages of gradients never fill.
    Severity  error for the model and its weights, warning where the last one learned; of the optimizer warning, note while the loss falls.
    Not for   folds, seeds and trials, each of which is a training; copies of weights; single layers; a model beside which another
              optimizer steps; an optimizer per epoch.
    Sources   PyTorch documentation, torch.optim.
    """
    habit = loop_of(trace).habit(Kind.REMADE)
    if habit.times < least:
        return
    what, counts, kind = habit.names
    short = habit.numbers["updates"] <= few
    state = progress(trace)
    if what == "weights" and counts:
        said = f"The weights of the model were drawn again or put back to the start {habit.times} times in the loop over `{counts}`{habit.where}"
        lost = "what was learned before is thrown away. Draw or load them once, before the loop."
        yield _hit(habit, said, lost, Severity.WARNING if state.better else Severity.ERROR)
    elif what == "model" and (counts or short):
        around = f" in the loop over `{counts}`" if counts else ""
        said = (
            f"The model was made anew {habit.times} times{around}, with its optimizer{habit.where}"
        )
        lost = "what was learned before is thrown away. Make both once, before the loop."
        yield _hit(habit, said, lost, Severity.WARNING if state.better else Severity.ERROR)
    elif what == "optimizer" and short and trace.adaptive:
        said = f"{kind} was made anew {habit.times} times{habit.where}"
        lost = "its averages of gradients are lost each time. Make it once, before the loop."
        yield _hit(habit, said, lost, Severity.NOTE if state.fine else Severity.WARNING)


def _hit(habit: Habit, said: str, lost: str, severity: Severity) -> Hit:
    updates = habit.numbers["updates"]
    return Hit(
        severity=severity,
        message=f"{said}, after {number(updates)} update{'' if updates == 1 else 's'} each: {lost}",
        evidence=(Evidence("times that it was made anew", float(habit.times), 0.0),),
        at=habit.at,
    )
