"""Does the loss fit the output that it is computed from, what a policy chose, and all of its tasks?"""

from math import prod

from gradcheck_cli.features.domains import outside_domain, told
from gradcheck_cli.ops import LOGARITHM_LOSSES, LOGIT_LOSSES, NO_LOGITS, REGRESSION_LOSSES
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.records.trace import OVER_THE_BATCH, Trace

Shape = tuple[int, ...]
STEPS = 3  # that have to weigh so: one may be an accident
CHANCES = (-0.4, 1.4)  # of targets that are chances: the noisy labels of GANs leave 0..1
# What an output can reach, by its last nonlinearity.
_REACH = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
}
_REACH |= {"relu": (0.0, float("inf")), "softmax": (0.0, 1.0), "softplus": (0.0, float("inf"))}


def mismatch(trace: Trace, outside: float = 0.1) -> tuple[str, float | None] | None:
    """Return what does not fit, in a sentence, and which share of the targets is out of reach; or None."""
    loss = trace.loss
    before = loss.activation_before
    if (found := broadcast(trace)) is not None:
        return f"{found[0]}.", None
    if loss.kind is None:
        return None
    if one_class(trace):
        return (
            f"{loss.kind} is computed over a single class: its softmax is 1, so that the loss and its gradient are 0 "
            "whatever the network gives; yes or no from one output takes binary_cross_entropy_with_logits.",
            None,
        )
    if before == OVER_THE_BATCH:
        return (
            f"The input of {loss.kind} went through a log_softmax over the samples of the batch, not over "
            "the classes: samples compete with each other.",
            None,
        )
    if loss.kind in LOGIT_LOSSES and before in NO_LOGITS:
        return f"{loss.kind} expects logits, but its input went through {before} already.", None
    if loss.kind in LOGARITHM_LOSSES and before in {"softmax", "sigmoid"}:
        return (
            f"{loss.kind} expects logarithms of probabilities, but its input is the result of {before}.",
            None,
        )
    for habit in outside_domain(trace):
        return f"{told(habit)}.", None
    return _out_of_reach(trace, outside)


def broadcast(trace: Trace) -> tuple[str, SourceSite | None] | None:
    """Say which shapes are stretched over each other, and where: those of a comparison, or of a sample's weight."""
    loss, habit = trace.loss, weighed_by_all(trace)
    if loss.broadcast:
        return (
            f"{loss.kind} compares an output {loss.output_shape} with a target {loss.target_shape}: {stretched(trace)}",
            loss.at,
        )
    if habit is None:
        return None
    value, weight = shapes_of(habit)
    return (
        f"{value} losses or log-probabilities times {weight} weights{habit.where} make {value[:1] * 2}: each sample is "
        f"weighed by the weights of all samples, so that only their sum counts; write {weight_of_each(habit)}",
        habit.at,
    )


def weighed_by_all(trace: Trace) -> Habit | None:
    """Return how samples are weighed by the numbers of all others; a loss of pairs has a step in which pairs differ."""
    habit = (trace.loop or LoopFacts()).habit(Kind.WEIGHED_BY_ALL)
    sure = habit.times == habit.of >= STEPS and not trace.loss.broadcast  # by its own targets
    return habit if sure else None


def shapes_of(habit: Habit) -> tuple[Shape, Shape]:
    """Return the shape of what is weighed, and that of its weights."""
    row = (int(habit.numbers["samples"]),)
    return (row, (*row, 1)) if habit.numbers["column"] else ((*row, 1), row)


def weight_of_each(habit: Habit) -> str:
    """Return what to write for the weights; their name is not known."""
    return f"`weights.{'squeeze' if habit.numbers['column'] else 'unsqueeze'}(1)`"


def numbered(output: Shape, target: Shape) -> tuple[float, float] | None:
    """Return from where to where class numbers run of which one is compared with all outputs of a sample."""
    several = len(output) > 1 and output[1] > 2 and target == (output[0], 1, *output[2:])
    return (0.0, output[1] - 1.0) if several else None


def class_numbers(trace: Trace) -> bool:
    """Is the number of a class compared with the outputs of all classes?"""
    loss, data = trace.loss, trace.data
    ends = numbered(loss.output_shape or (), loss.target_shape or ())
    return loss.broadcast and ends == (data.target_low, data.target_high)


def stretched(trace: Trace) -> str:
    """Say what is compared with what where shapes are stretched over each other."""
    if class_numbers(trace):
        return f"the number of a class is compared with the outputs of all {(trace.loss.output_shape or ())[1]} classes"
    if not on_purpose(trace):
        return "every output is compared with every target"
    few = prod(trace.loss.output_shape or ()) < prod(trace.loss.target_shape or ())
    return "one {} is compared with several {}s".format(
        *("output target" if few else "target output").split()
    )


def on_purpose(trace: Trace) -> bool:
    """May it be meant that shapes are stretched, as one number of a sample over several of the same sample?"""
    return prod(trace.loss.output_shape or ()) != prod(trace.loss.target_shape or ())


def one_class(trace: Trace) -> bool:
    """Does a softmax choose among one class, the only one there is?"""
    shape = trace.loss.output_shape or ()
    return trace.loss.kind == "cross_entropy" and len(shape) > 1 and shape[1] == 1


def beyond_chances(trace: Trace) -> bool:
    """Are the targets of a binary cross-entropy outside of 0..1, so that it falls without end?"""
    low, high = trace.data.target_low, trace.data.target_high
    binary = (trace.loss.kind or "").startswith("binary_cross_entropy")
    return (
        binary and low is not None and high is not None and (low < CHANCES[0] or high > CHANCES[1])
    )


def _out_of_reach(trace: Trace, outside: float) -> tuple[str, float | None] | None:
    """Return which part of the targets a regression's last nonlinearity can not reach."""
    loss, data, before = trace.loss, trace.data, trace.loss.activation_before
    binary = (loss.kind or "").startswith("binary_cross_entropy")
    reach = CHANCES if binary else _REACH.get(before or "")
    if (
        (binary or loss.kind in REGRESSION_LOSSES)
        and reach
        and data.target_low is not None
        and data.target_high is not None
    ):
        span = data.target_high - data.target_low or 1.0
        beyond = max(reach[0] - data.target_low, data.target_high - reach[1]) / span
        if beyond > outside:
            end = (
                f"{loss.kind} takes them from 0 to 1 and falls without end beyond."
                if binary
                else f"the output goes through {before} and can not reach them."
            )
            return (
                f"Targets run from {data.target_low:.3g} to {data.target_high:.3g}, but {end}",
                beyond,
            )
    return None


DROWNED = (
    1e-3  # of what constant predictions lose together: a task that makes less hardly moves a weight
)
STANDS = 0.95  # of its own constant's loss: a task above it is not learned
FALLS = 0.8  # of theirs: the others are


def drowned(trace: Trace) -> str | None:
    """Say which task it is, or return None; an experiment that saw it learn when the run went on decides."""
    answer = trace.answer("parts-learn")
    if answer is not None and answer.outcome is Outcome.FINE:
        return None
    for habit in trace.loop.habits_of(Kind.DROWNED) if trace.loop else ():
        share, stands, others = (habit.numbers[n] for n in ("share", "stands", "others"))
        if share < DROWNED and stands > STANDS and others < FALLS:
            return (
                f"{habit.names[0]} is {100 * share:.2g} % of a loss of several tasks and stays at {stands:.2f} times that of its "
                f"best constant, while another comes down to {others:.2f} times its own: bring them to one size"
            )
    return None


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
