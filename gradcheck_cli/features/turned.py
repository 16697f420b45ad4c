"""Does a policy's loss make choices rarer that went well?"""

from gradcheck_cli.records.trace import Trace

AGAINST = -0.3  # cosine beyond which it is no accident of noise over the median of steps


REDRAWN = (
    "the log-probabilities in the loss are of choices that were drawn for them alone: nothing else reads these draws, "
    "so that the numbers they are multiplied by belong to other choices; take log_prob of the choice that was made"
)


def turned(trace: Trace) -> tuple[float, str, bool] | None:
    """Return the cosine of pushes on choices with what they brought, in words, and whether values tell it.

    None where there is no policy, or its choices are moved with what they brought.
    """
    loss = trace.loss
    valued = loss.pushed_by_values is not None
    cosine = loss.pushed_by_values if valued else loss.pushed_by_weights
    if cosine is None or cosine >= AGAINST or not loss.surrogate or loss.redrawn:
        return None
    what = "bring more than the estimated value" if valued else "are weighed by large numbers"
    return cosine, f"choices that {what} become less likely (cosine {cosine:.3g})", valued
