"""GC812 labels-all-ignored."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC812", "labels-all-ignored")
def labels_all_ignored(trace: Trace, *, least: int = 2, share: float = 0.25) -> Iterator[Hit]:
    """Every label of a batch is one that the loss ignores, or there is no label at all.

    Measures  in inspected steps, the labels of cross_entropy and nll_loss beside their ignore_index (-100); for
              all comparisons whether there are targets, whether a mask or weights of zeros leave anything.
    Reports   no target left in at least `least` inspected steps and more than `share` of them.
    Matters   the mean over no labels is not a number, their sum is 0, and no gradient comes of either.
    Severity  error.
    Not for   batches of which some labels are ignored, as for padding or prompts; losses that are 0 by
              themselves, as those of margins that are kept.
    Sources   PyTorch documentation, torch.nn.CrossEntropyLoss (ignore_index).
    """
    habit = loop_of(trace).habit(Kind.IGNORED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"In {habit.times} of {habit.of} inspected steps all labels are ignored by the loss (ignore_index, "
        "mask, weights), or there are none, so nothing can be learned from the batch: look at how labels are masked, "
        "shifted and truncated.",
        evidence=(Evidence("share of inspected steps without a label", habit.share, share),),
    )
