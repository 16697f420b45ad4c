"""GC701 degenerate-data."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import CONSTANT
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)


@rule("GC701", "degenerate-data")
def degenerate_data(
    trace: Trace, *, constant: float = CONSTANT, duplicates: float = 0.9, peak: float = 100.0
) -> Iterator[Hit]:
    """The data can not be learned from: constant inputs, one class, or values of a wild scale.

    Measures  the share of input features that never vary, the share of repeated samples in a batch, the
              number of classes among the targets, and the largest input relative to 1.
    Reports   shares above `constant` or `duplicates`; a single class; inputs above `peak` (a note).
    Matters   no network can tell apart what looks the same.
    Severity  error; note for a wild scale, which GC202 and the causes judge by its effect.
    Not for   batches of fewer than four samples.
    Sources   LeCun et al. 1998, Efficient BackProp, sec. 4.3 (normalizing the inputs).
    """
    data = trace.data
    if data.batch_size is None or data.batch_size < 4:
        raise CannotTellError("batches of fewer than four samples")
    state = progress(trace)
    for share, limit, what in (
        (data.constant_features, constant, "of the input features never vary"),
        (data.duplicate_inputs, duplicates, "of the samples in a batch repeat another one"),
    ):
        if share is not None and share > limit and not state.fine:
            yield Hit(
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                message=f"{number(100 * share)} % {what}.",
                evidence=(Evidence(f"share {what}", share, limit),),
            )
            return
    if data.classes_seen == 1 and _has_classes(trace):
        yield Hit(
            severity=Severity.ERROR,
            confidence=Confidence.HIGH,
            message="All targets seen belong to one class: there is nothing to tell apart.",
            evidence=(Evidence("classes among the targets", 1.0, 2.0),),
        )
    if data.input_peak is not None and data.input_peak > peak:
        yield Hit(
            severity=Severity.NOTE,
            confidence=Confidence.MEDIUM,
            message=f"Inputs reach {number(data.input_peak)}: layers expect values around 1.",
            evidence=(Evidence("largest input", data.input_peak, peak),),
        )


def _has_classes(trace: Trace) -> bool:
    """Are there as many outputs of a layer as classes? Scores of pairs (contrastive losses) have none."""
    classes = trace.loss.classes or 0
    return classes > 1 and any(
        classes in p.shape for layer in trace.layers for p in layer.parameters
    )
