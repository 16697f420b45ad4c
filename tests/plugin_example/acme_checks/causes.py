"""Why losses jump."""

from gradcheck_cli.causes.base import Evidence, Support, cause, signs


@cause("step-too-bold", "jumping-loss", "Divide the learning rate by ten; nothing else is changed.")
def step_too_bold(seen: Evidence) -> Support | None:
    """A step goes further than the gradient at its beginning can tell.

    Speaks for it  the loss jumps while the weights move.
    Against it     batches that differ much from each other.
    Sources        this package.
    """
    jumps = (seen.has("jumping-loss"), "the loss jumps from step to step")
    return signs([jumps], layers=seen.trace.weight_layers)
