"""Does the loss prefer right outputs to wrong ones?"""

from collections.abc import Iterator
from math import isfinite

import torch

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.ideal import Costs, costs
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEW = 2  # batches are enough: the order of three numbers


@experiment("loss-prefers-right", "Does the loss prefer right outputs to wrong ones?")
def loss_prefers_right(scene: Scene) -> Iterator[Said]:
    """Put outputs made from the targets into the user's loss and compare what they cost.

    Procedure  outputs that are right, that say nothing, and that are wrong, written in every usual way
               (logits, probabilities, logarithms of probabilities, values), on two batches.
    Answers    fine: in at least one way of writing, right costs less than nothing said, and that less
               than wrong. Wrong: in every way that has an order, it is turned round: the sign of the loss
               is flipped, or weights or smoothing turn it over. Skipped where the shapes do not tell.
    Costs      eighteen evaluations of the loss, none of the model's gradients.
    Sources    a proper scoring rule is least for the truth (Gneiting & Raftery 2007, sec. 2).
    """
    subject = scene.subject
    with subject.at("now"), torch.no_grad():
        raw = [subject.outputs(batch) for batch in subject.batches[:FEW]]
        tried = costs(subject, raw)
    scene.known["costs"] = tried
    usual = [c for c in tried if c.right < c.neutral < c.wrong or (c.right < c.wrong == c.neutral)]
    turned = [c for c in tried if isfinite(c.right) and c.right > c.neutral > c.wrong]
    if usual and not turned:
        best = min(usual, key=lambda c: c.right)
        yield Said(outcome=Outcome.FINE, said=_said(best), measured=best.right, limit=best.wrong)
    elif turned and not usual:
        worst = turned[0]
        yield Said(
            outcome=Outcome.WRONG,
            said=_said(worst) + ": the loss rewards mistakes",
            measured=worst.right,
            limit=worst.wrong,
            supports=("flipped-loss",),
        )
    else:
        raise NotApplicableError("no way of writing outputs puts the loss in an order")


def _said(of: Costs) -> str:
    return (
        f"outputs made from the targets cost {number(of.right)} when right, {number(of.neutral)} when they "
        f"say nothing and {number(of.wrong)} when wrong ({of.name})"
    )
