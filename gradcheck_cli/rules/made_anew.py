"""Layers and weights that are made where the optimizer never gets to know them."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC820", "made-in-forward")
def made_in_forward(trace: Trace, *, least: int = 3, share: float = 0.3) -> Iterator[Hit]:
    """The forward pass or the body of the loop makes a layer, anew and at random in each step.

    Measures  in inspected steps, which weights of a product are parameters that were drawn while the forward pass
              ran; before each update, which layers outside of any module were made since the last one; whether they
              got a gradient and an optimizer holds them.
    Reports   at least `least` steps, and more than `share` of all, with some that no optimizer holds.
    Matters   each step trains weights that the next one has no more; what lies below learns to please weights
              that are drawn anew.
    Severity  error; warning outside of a module where the loss falls all the same.
    Not for   layers that are made in the first call only (lazy ones); random numbers that ask for no gradient;
              weights that are computed by another network; inputs that are to get a gradient.
    Sources   PyTorch documentation, torch.nn.Module (submodules are assigned when it is made).
    """
    for habit in loop_of(trace).habits_of(Kind.MADE_ANEW):
        if habit.times < least or habit.times <= share * habit.of:
            continue
        if habit.names:  # outside of any module
            said = f"Before {habit.times} of {habit.of} updates the loop drew the weights of a layer anew"
            where = "before the loop, and give the optimizer its parameters"
        else:
            said = (
                f"In {habit.times} of {habit.of} inspected steps the forward pass drew new weights"
            )
            where = "in `__init__`, and call it in `forward`"
        learned = habit.names and progress(trace).better
        yield Hit(
            severity=Severity.WARNING if learned else Severity.ERROR,
            message=f"{said}{habit.where}, which got a gradient and were gone before any update: make the layer once, {where}.",
            evidence=(Evidence("times with new weights", float(habit.times), float(least)),),
            at=habit.at,
        )
        return


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
