"""Does the order of tokens count?"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import hooked, quietly
from gradcheck_cli.examine.sequences import (
    CHANGE,
    Entries,
    change,
    of_spread,
    outputs_of,
    per_position,
    seen_at,
    spread_of,
    tokens_of,
)
from gradcheck_cli.records.examination import Outcome


@experiment("order-counts", "Do outputs depend on the order of the tokens?")
def order_counts(scene: Scene) -> Iterator[Said]:
    """Reorder the positions of all samples and compare the outputs, put back in order.

    Procedure  one permutation for all samples; with an output at each position, also whether a position's
               output depends on the other positions at all; with one for the whole, the same of the last layer
               that has one at each.
    Answers    fine: outputs change, or no position looks at others. Wrong: each position looks at the others
               but their order makes no difference: positions are not encoded. Noted: one output for the whole
               sequence, whose positions look at each other, that is the same in every order. No cause is named
               where samples are mixed, or their place in the batch is encoded: that is the mistake then.
    Costs      three forward passes.
    Sources    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5; Lee et al. 2019, arXiv:1810.00825.
    """
    subject = scene.subject
    tokens = tokens_of(subject)
    x = tokens.values
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(1)).to(x.device)
    with quietly(subject):
        states = seen_at(subject, tokens)
        before, after = states[0], outputs_of(subject, tokens, x[:, order])
        whole, spread = not per_position(before, tokens), spread_of(before)
        moved = change(before if whole else before[:, order], after, spread)
        mixing = len(states) > whole and _looks_around(scene, tokens, states[-1])
    if moved > CHANGE or not mixing:
        yield Said(
            outcome=Outcome.FINE,
            said=f"another order changes outputs by {of_spread(moved)} their spread"
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
        supports=() if _follow_the_batch(scene) else ("missing-positions",),
    )


def numbered(model: nn.Module) -> AbstractContextManager[None]:
    """Add codes of its position to each token's embedding, as large as it is (sines, Vaswani et al. 2017, sec. 3.5)."""

    def coded(_module: nn.Module, inputs: Any, output: Any) -> Any:
        if (
            not isinstance(output, Tensor)
            or output.ndim != 3
            or output.shape[:2] != inputs[0].shape
        ):
            return None
        length, width = output.shape[1:]
        columns = torch.arange(width, device=output.device)
        slow = 1e4 ** -(columns // 2 * 2 / width)
        angles = torch.arange(length, device=output.device)[:, None] * slow + columns % 2 * pi / 2
        return output + sqrt(2) * output.detach().std() * angles.sin().to(output.dtype)

    return hooked([m for m in model.modules() if isinstance(m, nn.Embedding)], coded)


def _follow_the_batch(scene: Scene) -> bool:
    samples = scene.answer("samples-in-model")
    return samples is not None and samples.outcome is Outcome.WRONG


def _looks_around(scene: Scene, tokens: Entries, before: Tensor) -> bool:
    """Does another last token change the outputs of the positions before it?"""
    other = tokens.values.clone()
    other[:, -1] = other[:, -1].roll(1, 0)
    after = seen_at(scene.subject, tokens, other)[-1]
    return change(before[:, :-1], after[:, :-1], max(float(before.std()), 1e-12)) > CHANGE
