"""Does the order of tokens count?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import quietly
from gradcheck_cli.examine.sequences import (
    CHANGE,
    Entries,
    change,
    outputs_of,
    per_position,
    spread_of,
    tokens_of,
)
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number


@experiment("order-counts", "Do outputs depend on the order of the tokens?")
def order_counts(scene: Scene) -> Iterator[Said]:
    """Reorder the positions of all samples and compare the outputs, put back in order.

    Procedure  one permutation for all samples; with an output at each position, also whether a position's
               output depends on the other positions at all.
    Answers    fine: outputs change, or no position looks at others. Wrong: each position looks at the others
               but their order makes no difference: positions are not encoded. Noted: one output for the whole
               sequence that is the same in every order (a bag of tokens).
    Costs      three forward passes.
    Sources    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5; Lee et al. 2019, arXiv:1810.00825.
    """
    subject = scene.subject
    tokens = tokens_of(subject)
    x = tokens.values
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(1)).to(x.device)
    with quietly(subject):
        before = outputs_of(subject, tokens)
        after = outputs_of(subject, tokens, x[:, order])
        spread = spread_of(before)
        if per_position(before, tokens):
            moved = change(before[:, order], after, spread)
            mixing = _looks_around(scene, tokens, before, spread)
        else:
            moved, mixing = change(before, after, spread), True
    whole = not per_position(before, tokens)
    if moved > CHANGE or not mixing:
        yield Said(
            outcome=Outcome.FINE,
            said=f"another order changes outputs by {number(100 * moved)} % of their spread"
            if moved > CHANGE
            else "each position looks only at itself",
        )
        return
    yield Said(
        outcome=Outcome.NOTED if whole else Outcome.WRONG,
        said="in every order of the tokens the output is the same"
        if whole
        else "outputs of all positions are the same in every order of the others: positions are not encoded",
        measured=100 * moved,
        limit=100 * CHANGE,
        unit="%",
        supports=("missing-positions",),
    )


def _looks_around(scene: Scene, tokens: Entries, before: Tensor, spread: float) -> bool:
    """Does another last token change the outputs of the positions before it?"""
    other = tokens.values.clone()
    other[:, -1] = other[:, -1].roll(1, 0)
    after = outputs_of(scene.subject, tokens, other)
    return change(before[:, :-1], after[:, :-1], spread) > CHANGE
