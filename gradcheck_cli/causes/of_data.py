"""Causes in the data: scale, constancy, labels."""

from gradcheck_cli.causes.base import Evidence, Support, cause, experiment, fact, signs
from gradcheck_cli.causes.shares import ENOUGH, INPUTS
from gradcheck_cli.features.circumstances import LARGE, input_size, unusual_inputs
from gradcheck_cli.features.mismatch import REDRAWN
from gradcheck_cli.features.profile import (
    CONSTANT,
    SORTED,
    depths,
    drifts,
    few_drawn,
    first,
    rescaled,
    typical,
)
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Role
from gradcheck_cli.rules.answers import speaks_against
from gradcheck_cli.rules.base import number

AT_ONCE = 0.3  # of the first nonlinearity, saturated in the first steps
REPEATED = 0.9  # of the samples


@cause(
    "unnormalized-input",
    "saturated-activation vanishing-gradient exploding-gradient diverging-loss non-finite dying-relu "
    "stalled-loss update-too-large zero-gradient degenerate-data risen-loss held-back",
    "Standardize the inputs and change nothing else.",
)
def unnormalized_input(seen: Evidence) -> Support | None:
    """Inputs are far from mean 0 and standard deviation 1, so the first layer works out of its range.

    Speaks for it  inputs of a size well above 1, and trouble from the first layer on.
    Against it     trouble that begins higher up.
    Sources        LeCun et al. 1998, Efficient BackProp, sec. 4.3.
    """
    data = seen.trace.data
    if data.input_std is None or data.input_mean is None or not seen.findings:
        return None
    if not unusual_inputs(seen.trace):
        return None
    size_said = f"inputs have mean {number(data.input_mean)} and standard deviation {number(data.input_std)}"
    lowest = seen.trace.weight_layers[:1]
    found = seen.shares
    if found and found[INPUTS].value >= ENOUGH:
        return experiment(found, INPUTS, lowest, more=(size_said,))
    nonlinearity = next((x for x in seen.trace.layers if x.role is Role.ACTIVATION), None)
    share = 0.0
    if nonlinearity is not None and input_size(seen.trace) >= LARGE:
        share = typical(first(seen.trace), nonlinearity.path, lambda r: r.saturated) or 0.0
    flat = f"{number(100 * share)} % of the first nonlinearity is saturated at once"
    at_once = seen.has("non-finite", "diverging-loss", "update-too-large", "exploding-gradient")
    no_help = "but the passes show that inputs of mean 0 and deviation 1 would bring back little"
    return signs(
        [
            (True, size_said),
            (share > AT_ONCE, flat),
            (at_once, "the trouble begins at the first step"),
        ],
        [(seen.at_start is not None, no_help)],
        lowest,
    )


@cause("degenerate-data", "stalled-loss degenerate-data non-finite collapsed-features")
def degenerate_data(seen: Evidence) -> Support | None:
    """The data holds nothing to learn: constant inputs, repeated samples, one class, NaN.

    Speaks for it  the shares and counts that the rule on data measured.
    Against it     a loss that falls below that of a constant prediction.
    Sources        none needed.
    """
    data = seen.trace.data
    bad = data.nonfinite_inputs + data.nonfinite_targets
    one_class = data.classes_seen == 1 and (seen.trace.loss.classes or 0) > 1
    constant = data.constant_features or 0.0
    deaf, few = speaks_against(seen.trace, "labels-count"), few_drawn(seen.trace)
    coded = speaks_against(seen.trace, "values-measured")
    moved = rescaled(seen.trace)
    facts = (
        (moved is not None, moved[0] if moved is not None else ""),
        (few is not None, few[0] if few is not None else ""),
        (bad > 0, f"the data holds {bad} values that are NaN or infinite"),
        (constant > CONSTANT, f"{number(100 * constant)} % of the input features never vary"),
        ((data.duplicate_inputs or 0) > REPEATED, "samples repeat each other"),
        (one_class, "all targets belong to one class"),
        (deaf is not None, deaf.said if deaf is not None else ""),
        (coded is not None, coded.said if coded is not None else ""),
        (
            drifts(seen.trace),
            f"late inputs are {number(data.input_drift or 0.0)} times as large as the first",
        ),
    )
    said = next((sentence for holds, sentence in facts if holds), None)
    return fact(said) if said and seen.findings else None


@cause("unshuffled-data", "degenerate-data stalled-loss update-too-large")
def unshuffled_data(seen: Evidence) -> Support | None:
    """The data is sorted by class: each batch undoes what the one before has taught.

    Speaks for it  batches hold far fewer classes than at random, and they come one after the other.
    Against it     tasks that are learned one after the other on purpose.
    Sources        McCloskey & Cohen 1989 (interference); Bottou 2012, Stochastic gradient descent tricks, sec. 3.
    """
    spread = seen.trace.data.sorted_by_class
    if spread is None or spread >= SORTED:
        return None
    return fact(
        f"batches hold {number(100 * spread)} % of the classes that they would hold at random"
    )


@cause(
    "labels-without-signal",
    "stalled-loss learned-by-heart wrong-direction",
    "Train on a hundred samples only: a network that can fit them by heart is sound, and the labels are not.",
)
def labels_without_signal(seen: Evidence) -> Support | None:
    """Nothing in the inputs tells the targets: shuffled labels, misaligned files or pixels, missing features.

    Speaks for it  gradients reach all layers, updates have a usual size, and the loss stays at that of a
                   constant prediction. A policy learns from other choices than it made.
    Against it     any other finding that would explain a stalled loss.
    Sources        Zhang et al. 2017, arXiv:1611.03530 (random labels).
    """
    if seen.trace.loss.redrawn and seen.has("wrong-direction"):
        return fact(REDRAWN)
    if not seen.has("stalled-loss") or not depths(seen.trace):
        return None  # without a look at the gradients, nothing speaks for it
    others = {f.name for f in seen.findings if f.severity.rank > 1} - {"stalled-loss"}
    state = progress(seen.trace)
    return signs(
        [
            (not others, "gradients, activations and updates show nothing wrong"),
            (
                not others and state.baseline is not None and not state.above,
                "the loss stays at that of a constant prediction",
            ),
        ]
    )
