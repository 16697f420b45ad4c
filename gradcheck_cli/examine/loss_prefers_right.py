"""Does the loss prefer right outputs to wrong ones?"""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf, isclose, isfinite
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import class_dimension, link_of, reads_targets
from gradcheck_cli.examine.ideal import Costs, cost, costs, families
from gradcheck_cli.examine.last_layers import SIZES, endless, without_end
from gradcheck_cli.examine.subject import NotApplicableError, Only, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEW = 2  # batches are enough: the order of a few numbers
MORE = 16  # batches that are asked before it is said that right outputs save nothing
CLEAR = 0.05  # of what saying nothing costs, that right outputs save for sure over all of these
LEAST = 0.01  # of what saying nothing costs, that right outputs save
HALF = 0.5  # of what turned outputs save, that those of a wrong class may save; of places that count for another
LITTLE = 0.25  # of what saying nothing costs: right outputs that save less may be compared with other places
SAME = 1e-4  # relative, of a loss: rounding
ENERGIES = "scores are energies or distances: that of the right class is to be the smallest"
DISTANCES = "outputs are never negative, as distances are: a target of 1 may mean near"
RISKS = "only differences of outputs count: they may rise where targets fall, as a risk does against time"
BLIND = (
    "; outputs that are large for all classes alike cost as little: the loss falls without end, whatever "
    "the inputs are"
)

ELSEWHERE = (
    ": it compares outputs with the targets of other places (a view or reshape for a transpose, or classes in another "
    "dimension than the loss reads?)"
)


@experiment("loss-prefers-right", "Does the loss prefer right outputs to wrong ones?")
def loss_prefers_right(scene: Scene) -> Iterator[Said]:
    """Put outputs made from the targets into the user's loss and compare what they cost.

    Procedure  outputs that are right, that say nothing, that are wrong, and that are large and alike for all
               classes, written in every usual way (logits of several sizes, probabilities, logarithms of
               probabilities, values), on two batches. Each output of the last layers that the loss pulls to the
               same side for all samples is made 10, 100 and 1000 on that side, for all of them.
    Answers    fine: in at least one way of writing, right costs at least 1 % less than nothing said, and that
               less than wrong. Wrong: in every way that has an order it is turned round, or right ones save
               nothing (a flipped sign, smoothing or weights); or outputs that are alike for all classes cost
               as little as right ones, or ever less the larger one entry is, so that the loss falls without end
               and proves nothing; or what right outputs save is nothing because the loss compares each output
               with the target of another place, which is asked of many batches where they save less than a quarter. Skipped where the shapes do not tell, or the
               batches differ in what right outputs save (labels that are mixed by a number drawn for each), or the
               order is turned round on purpose: with a least loss at one class's smallest score (energies), at
               outputs that are never negative (distances), or where differences of outputs alone count (risks).
    Costs      some forty evaluations of the loss, and six passes; three more for each output that is made so large.
    Sources    a proper scoring rule is least for the truth (Gneiting & Raftery 2007, sec. 2).
    """
    scene.require_right_outputs()
    subject = scene.subject
    with subject.at("now"), torch.no_grad():
        if falls := without_end(scene):
            yield falls
            return
        raw = [subject.outputs(batch) for batch in subject.batches[:FEW]]
        if not reads_targets(subject, raw[0]):
            raise NotApplicableError("the loss does not read the targets")
        tried = costs(subject, raw)
        main = subject.main(raw[0])
        dim = class_dimension(main, subject.targets(subject.batches[0])) or -1
        free = link_of(main, dim)[0] == "real"
    scene.known["costs"] = tried
    usual = [c for c in tried if c.right < c.neutral < c.wrong or (c.right < c.wrong == c.neutral)]
    turned = [c for c in tried if isfinite(c.right) and c.right > c.neutral > c.wrong]
    spoiled = [c for c in tried if c.name == "logits" and isfinite(c.right)] if free else []
    best = min(usual, key=lambda c: c.right, default=None)
    if best is not None and LEAST <= best.gain < LITTLE and _all_elsewhere(subject):
        yield _answer(best, ELSEWHERE, ("mixed-samples",))
    elif best is not None and not turned and best.gain >= LEAST:
        blind = free and best.blind <= best.right
        yield _answer(best, BLIND if blind else "", ("loss-without-bound",) if blind else ())
    elif turned and not usual:
        if meant := _meant(scene, raw[0]):
            raise NotApplicableError(meant)
        yield _answer(turned[0], ": the loss rewards mistakes", ("flipped-loss",))
    elif _save_nothing(spoiled) and not turned:
        more: Any = Only(subject, tuple(islice(subject.more(), MORE)))
        others = costs(more, [more.outputs(batch) for batch in more.batches])
        if not _save_nothing([c for c in others if c.name == "logits"], CLEAR):
            raise NotApplicableError("what right outputs save differs between batches")
        apart = _elsewhere(subject, raw[0], subject.batches[0])
        why = ELSEWHERE if apart else ": the loss rewards saying nothing"
        yield _answer(spoiled[0], why, ("mixed-samples" if apart else "flipped-loss",))
    else:
        raise NotApplicableError("no way of writing outputs puts the loss in an order")


def _save_nothing(tried: Sequence[Costs], least: float = LEAST) -> bool:
    """Do right outputs cost as much as those that say nothing, in every way of writing them?"""
    return bool(tried) and all(abs(c.gain) < least for c in tried)


def _meant(scene: Scene, raw: Any) -> str:
    """Say why outputs may be meant to run against the targets, as energies, distances and risks do; or nothing.

    Such a loss is least for outputs that are turned round, and has an end there: with a flipped sign it falls for ever.
    """
    subject, batch = scene.subject, scene.subject.batches[0]
    main, target = subject.main(raw), subject.targets(batch)
    many, sizes = main.shape[class_dimension(main, target) or 0] > 2, (1.0, *SIZES)
    for family in reversed(families(main, target)):
        if family.name == "logits" and many and class_dimension(main, target) is not None:
            ends = [cost(subject, raw, -s * family.right, batch) for s in sizes]
            none, wrong = (cost(subject, raw, x, batch) for x in (family.neutral, family.wrong))
            single = none - wrong < HALF * (none - ends[0])  # one class is meant, not all others
            return ENERGIES if single and isfinite(sum(ends)) and not endless(ends[1:]) else ""
        if family.name == "values":
            least = 0.0 if bool((main >= 0).all()) else -inf
            turned = [family.neutral.lerp(family.wrong, s).clamp(least) for s in sizes]
            ends = [cost(subject, raw, made, batch) for made in turned]
            if not isfinite(sum(ends)) or endless(ends[1:]):
                return ""
            binary = bool(((target == 0) | (target == 1)).all())
            if least == 0 and binary and scene.trace.loss.activation_before is None:
                return DISTANCES
            same = [cost(subject, raw, made, batch) for made in (turned[0] + 1, 2 * turned[0])]
            moved, scaled = (isclose(value, ends[0], rel_tol=SAME) for value in same)
            return RISKS if moved and not scaled else ""
    return ""


def _all_elsewhere(subject: Subject) -> bool:
    """Do most places of many batches count for others? Samples that are mixed by a number drawn for each do not."""
    return all(
        _elsewhere(subject, subject.outputs(batch), batch, HALF)
        for batch in (*subject.batches[:FEW], *islice(subject.more(), MORE))
    )


def _elsewhere(subject: Subject, raw: Any, batch: Any, least: float = 0.0) -> bool:
    """Does the score of a class at one place count for the target of another? So it is after a view for a transpose."""
    main, target = subject.main(raw), subject.targets(batch)
    dim = class_dimension(main, target)
    if dim is None or main.ndim < 3 or not isinstance(target, Tensor):
        return False
    with torch.enable_grad():
        point = torch.zeros_like(main).requires_grad_()
        loss = subject.loss(subject.with_main(raw, point), batch)
        [slope] = torch.autograd.grad(loss, [point])
    pulled = slope.movedim(dim, -1).argmin(-1)  # what each place is pulled to, from all alike
    known = (target >= 0) & (target < main.shape[dim]) & (slope != 0).any(dim)
    other = float((pulled != target)[known].double().mean()) if known.any() else 0.0
    return other > least * (
        1 - 1 / main.shape[dim]
    )  # of classes that have nothing to do with each other


def _answer(of: Costs, more: str, supports: tuple[str, ...]) -> Said:
    said = (
        f"outputs made from the targets cost {number(of.right)} when right, {number(of.neutral)} when they "
        f"say nothing and {number(of.wrong)} when wrong ({of.name}){more}"
    )
    return Said(
        outcome=Outcome.WRONG if supports else Outcome.FINE,
        said=said,
        measured=of.right,
        limit=of.wrong,
        supports=supports,
    )
