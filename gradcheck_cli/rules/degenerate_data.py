"""GC701 degenerate-data."""

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_cli.features.profile import (
    CONSTANT,
    DRAWN,
    DRIFTED,
    SORTED,
    drifts,
    few_drawn,
    rescaled,
)
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import OWN_CHOICES, Trace
from gradcheck_cli.rules.answers import eased, hit_of, speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)

FEWEST_SAMPLES = 4  # in a batch: of fewer, alike ones are chance
DISORDER = (
    "labels-count words-known numbers-whole rows-read edges-join pixels-in-order "
    "positions-in-order".split()
)


@rule("GC701", "degenerate-data")
def degenerate_data(
    trace: Trace,
    *,
    constant: float = CONSTANT,
    duplicates: float = 0.9,
    peak: float = 100.0,
    sorted_below: float = SORTED,
    drift: float = DRIFTED,
    drawn: float = DRAWN,
) -> Iterator[Hit]:
    """The data can not be learned from: constant inputs, one class, or values of a wild scale.

    Measures  the share of input features that never vary, the share of repeated samples in a batch, the
              number of classes among the targets, those in a batch against a batch drawn at random, the size of
              late batches against the first ones, which samples a loader draws in one pass, the first samples of data sets and inputs again later, and the largest input relative to 1.
    Reports   samples that are scaled or shifted in place after they were trained on; a weighted sampler with fewer weights than there are samples; a pass that draws the same samples again, and at most `drawn` of those it could draw; shares above `constant` or `duplicates`; a single class; one that the loss ignores; texts most of whose words are one token, or that are all one text; pictures whose channels stand side by side; sequences whose neighbors are other samples'; edges that join the nodes of one graph of many; samples that share an input and differ in their targets; numbers that were rounded, or scaled before they were cut to rows of an embedding; one number, as -9999, far from all others of its column; fewer than `sorted_below` of the classes
              in batches, one class after the other; inputs that become `drift` times smaller, or its square times larger;
              inputs above `peak` (a note).
    Matters   no network can tell apart what looks the same.
    Severity  error; warning for a class that is ignored, for words that are not known, pixels, positions or edges out of place, and for sorted ones, changed ones and codes for missing values while the loss falls; note for a wild scale, which GC202 and the causes judge by its effect.
    Not for   batches of fewer than four samples. Alike or drifting inputs of policies, which choose what they see.
    Sources   LeCun et al. 1998, Efficient BackProp, sec. 4.3 (normalizing the inputs).
    """
    data, fine = trace.data, progress(trace).fine
    yield from _of_samples(trace, drawn)
    if data.batch_size is None or data.batch_size < FEWEST_SAMPLES:
        raise CannotTellError("batches of fewer than four samples")
    for share, limit, what in (
        (data.constant_features, constant, "of the input features never vary"),
        (data.duplicate_inputs, duplicates, "of the samples in a batch repeat another one"),
    ):
        # as of a bandit, whose one state is all there is to see
        chosen = trace.loss.surrogate == OWN_CHOICES
        if share is not None and share > limit and not fine and not chosen:
            why = "were they cut to whole numbers, or was one array, changed in place, stored again and again"
            yield _hit(f"{number(100 * share)} % {what}: {why}?", f"share {what}", share, limit)
            return
    if data.classes_seen == 1 and _has_classes(trace):
        said = (
            "All targets that the loss counts belong to one class: there is nothing to tell apart."
        )
        yield _hit(said, "classes among the targets", 1.0, 2.0)
    for name in DISORDER:
        if (answer := speaks_against(trace, name)) is not None:
            yield hit_of(answer, Severity.WARNING)
    for name, severity in (("values-measured", eased(trace)), ("samples-differ", Severity.ERROR)):
        if (answer := speaks_against(trace, name)) is not None:
            yield hit_of(answer, severity)
    spread = data.sorted_by_class
    if spread is not None and spread < sorted_below:
        said = f"A batch holds {number(100 * spread)} % of the classes that one drawn at random would hold, "
        what = "classes in a batch, of those at random"
        grave = Severity.WARNING if fine else Severity.ERROR
        yield _hit(f"{said}and they come one after the other.", what, spread, sorted_below, grave)
    if data.input_drift is not None and drifts(trace, drift):
        yield _drifted(data.input_drift, drift)
    if data.input_peak is not None and data.input_peak > peak:
        said = f"Inputs reach {number(data.input_peak)}: layers expect values around 1."
        yield _hit(said, "largest input", data.input_peak, peak, Severity.NOTE)


def _of_samples(trace: Trace, drawn: float) -> Iterator[Hit]:
    """Say which samples are never drawn, and which are changed in place."""
    if (few := few_drawn(trace, drawn)) is not None:
        yield _hit(f"{few[0][0].upper()}{few[0][1:]}.", *few[1:])
    if (moved := rescaled(trace)) is not None:
        said, habit = moved
        told = f"{said[0].upper()}{said[1:]}. Work on a copy, as x = (x - mean) / std does."
        grave = Severity.WARNING if progress(trace).fine else Severity.ERROR
        hit = _hit(told, "samples that were changed in place", float(habit.times), 0.0, grave)
        yield replace(hit, at=habit.at)


def _drifted(ratio: float, limit: float) -> Hit:
    return _hit(
        f"Inputs of late steps are {number(ratio)} times as large as those of the first: "
        "are samples changed in place, again in each pass over the data? Copy them first.",
        "size of late inputs relative to the first",
        ratio,
        1 / limit if ratio < 1 else limit**2,
    )


def _hit(
    said: str, what: str, value: float, limit: float, severity: Severity = Severity.ERROR
) -> Hit:
    sure = Confidence.MEDIUM if severity is Severity.NOTE else Confidence.HIGH
    told = (Evidence(what, value, limit),)
    return Hit(severity=severity, confidence=sure, message=said, evidence=told)


def _has_classes(trace: Trace) -> bool:
    """Are there as many outputs of a layer as classes? Scores of pairs (contrastive losses) have none."""
    classes = trace.loss.classes or 0
    return classes > 1 and any(
        classes in p.shape for layer in trace.layers for p in layer.parameters
    )
