"""Does it matter to a loss of several views which of them belong together?"""

from collections.abc import Iterator, Mapping
from statistics import mean

from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import quietly
from gradcheck_cli.examine.subject import Moment, NotApplicableError, Subject
from gradcheck_cli.features.profile import begun, late, typical
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything

HARDLY = 0.05  # of what the loss has fallen
ROUNDING = 1e-5  # of the loss: views that are only added up, as of two networks that compete
FELL = 3.0  # times less do outputs differ between samples now


@experiment("pairs-matter", "Does it matter which views belong together?")
def pairs_matter(scene: Scene) -> Iterator[Said]:
    """Give each sample the view of another one, and see whether the loss rises.

    Procedure  where several calls of networks make the loss: one input at a time gets the values of other
               samples (the batch turned by one), before the first step and now, in evaluation mode.
    Answers    fine: the loss rises. Wrong: it rises by less than 5 % of what it has fallen, although the views
               mattered at first, and outputs differ between samples a third as much as at first: all samples are
               given one output, which costs nothing where nothing keeps them apart. Noted: the former alone. Not asked
               where targets of other samples move the loss that much: then these say what is learned.
    Costs      two forward passes for each input, at both moments, and one for each target.
    Sources    Chen & He 2021, arXiv:2011.10566, sec. 4.1 (collapse); Bardes et al. 2022, arXiv:2105.04906.
    """
    subject = scene.subject
    if _is_one_call(subject):
        raise NotApplicableError("one call of the network makes what the loss compares")
    before, _, first = _losses(subject, "start")
    now, exchanged, _ = _losses(subject, "now")
    if not before > now:
        raise NotApplicableError("the loss of the same batches has not fallen")
    if first <= ROUNDING * abs(before):
        raise NotApplicableError("no input belongs to another one")
    rise, fell = max(exchanged - now, 0.0), before - now
    if _by_targets(subject, now) >= HARDLY * fell:
        raise NotApplicableError("the samples have targets, which say what is learned")
    was, spread = _differ(scene.trace, start=True), _differ(scene.trace, start=False)
    hardly = rise < HARDLY * fell
    share = f"{number(100 * rise / fell)} % of what it has fallen"
    said = f"views of other samples raise the loss ({number(now)}) by {number(rise)}, {share}"
    alike = was is not None and spread is not None and spread * FELL <= was
    if was is not None and spread is not None and hardly:
        said += (
            f"; outputs differ between samples by {number(100 * spread)} % of their mean square, "
            f"at first by {number(100 * was)} %"
        )
    yield Said(
        outcome=Outcome.FINE if not hardly else Outcome.WRONG if alike else Outcome.NOTED,
        said=said,
        measured=100 * rise / fell,
        limit=100 * HARDLY,
        unit="%",
        supports=("representation-collapse",) if hardly and alike else (),
    )


def _is_one_call(subject: Subject) -> bool:
    try:
        with quietly(subject):
            subject.outputs(subject.batches[0])
    except NotApplicableError:
        return False
    return True


def _losses(subject: Subject, moment: Moment) -> tuple[float, float, float]:
    """Return the loss, that with the most important input exchanged, and by how much any exchange moves it."""
    with quietly(subject, moment=moment):
        own = mean(_loss(subject, batch) for batch in subject.batches)
        others = [
            mean(_loss(subject, {**b, n: b[n].roll(1, 0)}) for b in subject.batches)
            for n in _views(subject)
        ]
    return own, max(others), max(abs(other - own) for other in others)


def _views(subject: Subject) -> tuple[str, ...]:
    """Return the names of the inputs but for the first, where all are of as many samples."""
    batch = subject.batches[0]
    if not isinstance(batch, Mapping):
        raise NotApplicableError("its batches have no names")
    named: dict[str, Tensor] = {n: t for n, t in subject.inputs(batch).items() if t.ndim > 1}
    views = tuple(named)[1:]
    if not views or len({t.shape[0] for t in named.values()}) > 1 or len(named[views[0]]) < 2:
        raise NotApplicableError("there are no several inputs of the same samples")
    return views


def _by_targets(subject: Subject, now: float) -> float:
    """Return by how much targets of other samples move the loss, at most; 0 where samples have none."""
    batch, named = subject.batches[0], subject.inputs(subject.batches[0])
    sizes = {len(t) for t in named.values() if t.ndim}
    others = [n for n, t in batch.items() if n not in named and isinstance(t, Tensor) and t.ndim]
    targets = [n for n in others if len(batch[n]) in sizes]
    with quietly(subject):
        moved = [
            mean(_loss(subject, {**b, n: b[n].roll(1, 0)}) for b in subject.batches) - now
            for n in targets
        ]
    return max(map(abs, moved), default=0.0)


def _loss(subject: Subject, batch: Mapping[str, Tensor]) -> float:
    seed_everything(0)
    return float(subject.total(batch))


def _differ(trace: Trace, *, start: bool) -> float | None:
    """Return by which share of their mean square last outputs differ between samples, at most."""
    window = begun(trace) if start else late(trace)
    found = [
        v
        for x in trace.weight_layers
        if x.depth == 0 and (v := typical(window, x.path, lambda r: r.spread)) is not None
    ]
    return max(found, default=None)
