"""What is said of a loss, from its `Progress` alone: no clause can contradict the numbers beside it."""

from math import inf

from gradcheck_cli.features.progress import SOON, WHOLE, Progress, State
from gradcheck_cli.rules.base import number

ENOUGH_STEPS = 200  # four times the steps of a usual run: more of the same decides nothing
OTHERWISE = {
    State.STALLED: "whether the model can fit 32 samples by heart would decide: train on them alone",
    State.KEPT: "the loss of one fixed batch, before and after, would decide",
    State.SLOW: "the loss of one fixed batch, before and after, would decide",
}


def lower(after: float, before: float) -> bool:
    """Is one number lower than the other, as they are printed?"""
    return float(number(after)) < float(number(before))


def versus(state: Progress) -> str:
    """Return how the end compares with what the loss is held against, with that number."""
    known = state.baseline is not None and not lower(state.start, state.baseline)
    held = state.baseline if known and state.baseline is not None else state.start
    what = "a constant prediction" if known else "in the beginning"
    how = "hardly better than" if lower(state.end, held) else "no better than"
    return f"{how} {what} ({number(held)})"


def reduction(state: Progress) -> str:
    """Return what `state.learned` is a share of, in words."""
    held = "a constant prediction" if state.baseline is not None else "the first steps"
    return f"loss reduction relative to {held}"


def clause(state: Progress) -> str:
    """Return what the loss does, as a clause with its numbers."""
    it, end = state.of, number(state.end)
    if state.state is State.UNKNOWN:
        return "there were too few steps to judge the loss"
    if state.state is State.BROKEN:
        return "the loss stopped being a finite number"
    if state.state is State.UNRATED:
        return f"the size of the loss does not tell whether it learns ({state.surrogate})"
    if state.state is State.CONVERGED:
        if state.baseline is None:
            return f"{it} has fallen from {number(state.start)} to {end}"
        return f"{it} has converged to {end}; a constant prediction costs {number(state.baseline)}"
    if state.state is State.KEPT:
        return (
            f"{it} was below that of a constant prediction ({number(state.baseline or 0.0)}) from the "
            f"first steps on and has not fallen since ({number(state.start)} to {end})"
        )
    return f"{it} {_moves(state)}{_besides(state)}"


def _moves(state: Progress) -> str:
    start, end = number(state.start), number(state.end)
    if state.state is State.DIVERGING:
        return f"grows ({start} to {end})"
    if state.state is State.STALLED:
        return f"stays at {end}"
    if lower(state.end, state.start):
        if state.state is State.SLOW and not state.better:
            return f"goes from {start} to {end}, which its noise of {number(state.noise)} may hide or feign"
        return f"falls ({start} to {end})"
    return f"is {end} after {start}"


def _besides(state: Progress) -> str:
    """Return how the end compares with a constant prediction, where that is known."""
    if state.baseline is None or state.state is State.DIVERGING:
        return ""
    if state.state is State.STALLED:
        return f", {versus(state)}"
    if state.above:
        return f", still above that of a constant prediction ({number(state.baseline)})"
    if lower(state.end, state.baseline):
        return f", below that of a constant prediction ({number(state.baseline)})"
    return f", no better than a constant prediction ({number(state.baseline)})"


def decider(state: Progress, more: str, taken: int) -> str:
    """Return what would decide; `more` says how more steps are observed, as long as they may help."""
    left = state.steps_to() if state.baseline is not None else inf
    if 0 < left < inf and taken + left <= SOON * max(taken, ENOUGH_STEPS / SOON):
        return f"at its pace it passes that after about {left:.0f} more steps: {more}"
    if taken < ENOUGH_STEPS:
        return more
    return OTHERWISE.get(state.state, OTHERWISE[State.SLOW])


def line(state: Progress) -> str:
    """Return the numbers beside the curve of the loss."""
    if state.state in {State.UNKNOWN, State.BROKEN}:
        return ""
    words = f"{number(state.start)} to {number(state.end)}"
    if state.of != WHOLE:
        words += " compared with targets"
    if state.baseline is not None:
        words += f", a constant {number(state.baseline)}"
    return words
