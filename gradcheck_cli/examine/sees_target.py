"""Does a position of a sequence see what it is to predict?"""

from collections.abc import Iterator

from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.own_targets import OWN_TARGETS
from gradcheck_cli.examine.passes_over import quietly
from gradcheck_cli.examine.sequences import CHANGE, Entries, change, of_spread
from gradcheck_cli.examine.shifted import column_of_targets, outputs_at, shifted
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome


@experiment(
    "sees-target",
    "Does a position see what it has to predict?",
    target_in_inputs="Is the target among the inputs?",
    target_in_part="Is the target among the inputs of many samples, or in another unit?",
    own_entry="Is a position asked for its own input?",
)
def sees_target(scene: Scene) -> Iterator[Said]:
    """Exchange what stands behind a position and see whether its output changes.

    Procedure  where the target of a position is the next entry of an input (tokens or numbers, samples or
               positions first, flattened or not): the entries of the second half are taken from other
               samples, and the outputs of the first half are compared. Where it is the token of the position
               itself, the last token is exchanged. Of a table, each column is compared with the targets.
    Answers    fine: they stay. Wrong: they change: no causal mask, a mask turned round, or padding on the
               wrong side; the loss falls and the model is useless when it has to generate. Or a column is
               the target, or the target in another unit, or that of many samples; or a token changes its own position and no earlier one, and is asked for there.
    Costs      two forward passes.
    Sources    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.3 (masked attention); van den Oord et al. 2016,
               arXiv:1609.03499, sec. 2.1 (causal convolutions).
    """
    subject = scene.subject
    yield from _given_away(subject)
    if scene.answer(OWN_TARGETS) is not None:
        raise NotApplicableError("outputs are compared with the targets of other samples")
    sequence = shifted(subject)
    half = sequence.length // 2
    with quietly(subject):
        before = outputs_at(subject, sequence)
        after = outputs_at(subject, sequence, _with_another_end(sequence, half))
    moved = change(before[:, :half], after[:, :half], float(before.std()))
    seen = moved > CHANGE
    yield Said(
        outcome=Outcome.WRONG if seen else Outcome.FINE,
        said=f"later entries of {sequence.name} change the outputs of earlier positions by "
        f"{of_spread(moved)} their spread: each position sees its own target"
        if seen
        else f"later entries of {sequence.name} change nothing at earlier positions",
        measured=100 * moved,
        limit=100 * CHANGE,
        unit="%",
        supports=("leaking-target",) if seen else (),
    )


def _given_away(subject: Subject) -> Iterator[Said]:
    """Say where the inputs hold the target itself."""
    column, how, whole = column_of_targets(subject)
    if column:
        yield Said(
            about="target-in-inputs" if whole else "target-in-part",
            outcome=Outcome.WRONG,
            said=f"{column} {how}",
            supports=("leaking-target",),
        )
    try:
        sequence = shifted(subject, ahead=0)
        other, batch = _with_another_end(sequence, sequence.length - 1), sequence.batch
        with quietly(subject):
            raws = subject.outputs(batch), subject.outputs(batch, {sequence.name: other})
            costs = [float(subject.loss(raw, batch)) for raw in raws]
            before, after = outputs_at(subject, sequence), outputs_at(subject, sequence, other)
    except NotApplicableError:
        return
    spread = float(before.std())
    if costs[0] == costs[1]:
        return  # the loss leaves the last output out: it compares with the next entries itself
    if change(before[:, :-1], after[:, :-1], spread) <= CHANGE < change(before, after, spread):
        yield Said(
            about="own-entry",
            outcome=Outcome.WRONG,
            said=f"the target of a position is its own entry of {sequence.name}, not the next one: it is copied",
            supports=("leaking-target",),
        )


def _with_another_end(sequence: Entries, half: int) -> Tensor:
    """Return the input with the second half from other samples; of a single one, turned round."""
    other = sequence.values.transpose(0, 1 - sequence.axis).clone()  # samples first
    end = other[:, half:]
    other[:, half:] = end.roll(1, 0) if len(other) > 1 else end.flip(1)
    return other.transpose(0, 1 - sequence.axis)
