"""Why losses jump."""

from gradcheck_cli.causes.base import Evidence, Support, Weighing, cause


@cause("step-too-bold", "jumping-loss", "Divide the learning rate by ten; nothing else is changed.")
def step_too_bold(seen: Evidence) -> Support | None:
    """A step goes further than the gradient at its beginning can tell.

    Speaks for it  the loss jumps while the weights move.
    Against it     batches that differ much from each other.
    Sources        this package.
    """
    weighing = Weighing()
    weighing.add(0.5, "the loss jumps from step to step", when=seen.has("jumping-loss"))
    return weighing.support(seen.trace.weight_layers)
