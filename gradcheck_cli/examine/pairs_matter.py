"""Does it matter to a loss of several views which of them belong together?"""

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import hooked, quietly
from gradcheck_cli.examine.subject import Moment, NotApplicableError, Subject
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything

HARDLY = 0.05  # of what the loss has fallen
ROUNDING = 1e-5  # of the loss: views that are only added up, as of two networks that compete
FELL = 3.0  # times less do outputs differ between samples now
MOST = 0.25  # of the first loss is left, of pairs in one call, when it asks nothing more of them
COLUMNS = (2, 3)  # of a table of ids: pairs or triplets


@experiment("pairs-matter", "Does it matter which views belong together?")
def pairs_matter(scene: Scene) -> Iterator[Said]:
    """Give each sample the view of another one, and see whether the loss rises.

    Procedure  where several calls of networks make the loss, or one call is given several inputs or pairs of ids:
               one input at a time gets the values of other samples (the batch turned by one), before the first step
               and now, in evaluation mode.
    Answers    fine: the loss rises. Wrong: it rises by less than 5 % of what it has fallen, although the views
               mattered, and outputs of the last layers differ between samples a third as much as at first: all samples are
               given one output, which costs nothing where nothing keeps them apart. In one call and of ids a quarter of the first loss or less must
               be left, also with views of other samples. Noted: outputs that still differ, of several calls. Not asked
               where targets of other samples move the loss that much, or at all in one call: then these say what is learned.
    Costs      two forward passes for each input, at both moments, one for each target, and four more.
    Sources    Chen & He 2021, arXiv:2011.10566, sec. 4.1 (collapse); Bardes et al. 2022, arXiv:2105.04906;
               Mikolov et al. 2013, arXiv:1310.4546, eq. 4 (negatives).
    """
    subject = scene.subject
    views, targets, strict = roles(subject)
    before, _, moved = losses_of(subject, views, "start")
    now, exchanged, still = losses_of(subject, views, "now")
    if not before > now:
        raise NotApplicableError("the loss of the same batches has not fallen")
    if moved <= ROUNDING * abs(before) and (not strict or still <= ROUNDING * abs(now)):
        raise NotApplicableError("no input belongs to another one")
    rise, fell = max(exchanged - now, 0.0), before - now
    others: list[View] = [(name, None) for name in targets]
    told = losses_of(subject, others, "now")[2] if others else 0.0
    if told >= HARDLY * fell or (strict and told > ROUNDING * abs(before)):
        raise NotApplicableError("the samples have targets, which say what is learned")
    hardly = rise < HARDLY * fell
    share = f"{number(100 * rise / fell)} % of what it has fallen"
    said = f"views of other samples raise the loss ({number(now)}) by {number(rise)}, {share}"
    ends = {x.path for x in scene.trace.weight_layers if x.depth == 0}
    was, spread = (_differ(subject, ends, moment) for moment in ("start", "now"))
    alike = was is not None and spread is not None and spread * FELL <= was
    if strict and hardly and (not alike or before - exchanged < (1 - MOST) * abs(before)):
        raise NotApplicableError("samples are told apart, or the loss asks for more than it got")
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


View = tuple[str, int | None]  # an input, or one of its columns


def roles(subject: Subject) -> tuple[list[View], list[str], bool]:
    """Return the views, the targets, and whether they are ids or meet in one call, where more is asked."""
    batch = subject.batches[0]
    if not isinstance(batch, Mapping):
        raise NotApplicableError("its batches have no names")
    named = {n: t for n, t in subject.inputs(batch).items() if t.ndim}
    sizes = {len(t) for t in named.values()}
    ids = any(t.ndim == 1 or _is_table(t) for t in named.values())
    strict = ids or _is_one_call(subject)
    views: list[View] = [(n, None) for n in [*named][1:]]
    if len(named) == 1 and _is_table(table := next(iter(named.values()))):
        views = [(n, column) for n in named for column in range(1, table.shape[1])]
    if strict:
        views = [view for view in views if _enters(subject, batch, view)]
    if not views or len(sizes) > 1 or min(sizes) < 2:
        raise NotApplicableError("there are no several inputs of the same samples")
    known = {n for n, _ in views} | {*[*named][:1]}
    rest = [n for n, t in batch.items() if n not in known and isinstance(t, Tensor) and t.ndim]
    return views, [n for n in rest if len(batch[n]) in sizes], strict


def _is_table(tensor: Tensor) -> bool:
    """Are its rows pairs or triplets of ids?"""
    whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    return whole and tensor.ndim == 2 and tensor.shape[1] in COLUMNS


def _is_one_call(subject: Subject) -> bool:
    try:
        with quietly(subject):
            subject.outputs(subject.batches[0])
    except NotApplicableError:
        return False
    return True


def _turned(batch: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Return the batch, of which each sample has the view of the one before."""
    name, column = view
    values = batch[name].clone()
    which = ... if column is None else (slice(None), column)
    values[which] = batch[name][which].roll(1, 0)
    return {**batch, name: values}


def _enters(subject: Subject, batch: Mapping[str, Any], view: View) -> bool:
    """Does it reach a layer? A model that computes its own loss may be given targets, which do not."""
    own, turned = (made_by(subject, [x], "now") for x in (batch, _turned(batch, view)))
    return any(
        a.shape != b.shape or not torch.equal(a, b)
        for name, found in own.items()
        for a, b in zip(found, turned.get(name, ()), strict=False)
    )


def made_by(subject: Subject, batches: Any, moment: Moment) -> dict[str, list[Tensor]]:
    """Return what each layer with weights makes of these batches, by its name."""
    found: dict[str, list[Tensor]] = {}
    names = {m: n for n, m in subject.model.named_modules() if [*m.parameters(recurse=False)]}

    def note(module: nn.Module, _given: Any, output: Any) -> None:
        made = [x.detach().float() for x in tensors_in(output) if x.is_floating_point()]
        found.setdefault(names[module], []).extend(made[:1])

    with quietly(subject, moment=moment), hooked(names, note):
        for batch in batches:
            _loss(subject, batch)
    return found


def losses_of(subject: Subject, views: list[View], moment: Moment) -> tuple[float, float, float]:
    """Return the loss, that with the most important view exchanged, and by how much any exchange moves it."""
    with quietly(subject, moment=moment):
        own = mean(_loss(subject, batch) for batch in subject.batches)
        others = [mean(_loss(subject, _turned(b, v)) for b in subject.batches) for v in views]
    return own, max(others), max(abs(other - own) for other in others)


def _loss(subject: Subject, batch: Mapping[str, Tensor]) -> float:
    seed_everything(0)
    return float(subject.total(batch))


def _differ(subject: Subject, layers: set[str], moment: Moment) -> float | None:
    """Return by which share of their mean square outputs of these layers differ between samples, at most."""
    found = [
        float((x - x.mean(0)).square().mean() / x.square().mean().clamp_min(1e-30))
        for name, outputs in made_by(subject, subject.batches, moment).items()
        for x in outputs
        if name in layers and x.ndim > 1 and len(x) > 1
    ]
    return max(found, default=None)
