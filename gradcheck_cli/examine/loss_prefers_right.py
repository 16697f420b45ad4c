"""Does the loss prefer right outputs to wrong ones?"""

from collections.abc import Iterator
from math import isfinite

import torch

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import class_dimension, link_of
from gradcheck_cli.examine.ideal import Costs, costs
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEW = 2  # batches are enough: the order of a few numbers
LEAST = 0.01  # of what saying nothing costs, that right outputs save
BLIND = (
    "; outputs that are large for all classes alike cost as little: the loss falls without end, whatever "
    "the inputs are"
)


@experiment("loss-prefers-right", "Does the loss prefer right outputs to wrong ones?")
def loss_prefers_right(scene: Scene) -> Iterator[Said]:
    """Put outputs made from the targets into the user's loss and compare what they cost.

    Procedure  outputs that are right, that say nothing, that are wrong, and that are large and alike for all
               classes, written in every usual way (logits of several sizes, probabilities, logarithms of
               probabilities, values), on two batches.
    Answers    fine: in at least one way of writing, right costs at least 1 % less than nothing said, and that
               less than wrong. Wrong: in every way that has an order it is turned round, or right ones save
               nothing (a flipped sign, smoothing or weights); or outputs that are alike for all classes cost
               as little as right ones, so that the loss falls without end and proves nothing. Skipped where
               the shapes do not tell.
    Costs      some forty evaluations of the loss, none of the model's gradients.
    Sources    a proper scoring rule is least for the truth (Gneiting & Raftery 2007, sec. 2).
    """
    scene.require_right_outputs()
    subject = scene.subject
    with subject.at("now"), torch.no_grad():
        raw = [subject.outputs(batch) for batch in subject.batches[:FEW]]
        tried = costs(subject, raw)
        main = subject.main(raw[0])
        free = (
            link_of(main, class_dimension(main, subject.targets(subject.batches[0])) or -1)[0]
            == "real"
        )
    scene.known["costs"] = tried
    usual = [c for c in tried if c.right < c.neutral < c.wrong or (c.right < c.wrong == c.neutral)]
    turned = [c for c in tried if isfinite(c.right) and c.right > c.neutral > c.wrong]
    spoiled = [c for c in tried if c.name == "logits" and isfinite(c.right)] if free else []
    best = min(usual, key=lambda c: c.right, default=None)
    if best is not None and not turned and best.gain >= LEAST:
        blind = free and best.blind <= best.right
        yield _answer(best, BLIND if blind else "", ("loss-without-bound",) if blind else ())
    elif turned and not usual:
        yield _answer(turned[0], ": the loss rewards mistakes", ("flipped-loss",))
    elif spoiled and all(abs(c.gain) < LEAST for c in spoiled) and not turned:
        yield _answer(spoiled[0], ": the loss rewards saying nothing", ("flipped-loss",))
    else:
        raise NotApplicableError("no way of writing outputs puts the loss in an order")


def _answer(of: Costs, more: str, supports: tuple[str, ...]) -> Said:
    return Said(
        outcome=Outcome.WRONG if supports else Outcome.FINE,
        said=_said(of) + more,
        measured=of.right,
        limit=of.wrong,
        supports=supports,
    )


def _said(of: Costs) -> str:
    return (
        f"outputs made from the targets cost {number(of.right)} when right, {number(of.neutral)} when they "
        f"say nothing and {number(of.wrong)} when wrong ({of.name})"
    )
