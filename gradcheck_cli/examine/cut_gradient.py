"""Does the loss depend on weights that no gradient reaches?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything

SHIFT = 0.5  # of a weight's root mean square
NEAR = 0.01  # of it as well: a unit that never fires is woken by a large shift only
CHANGE = 1e-5  # of the loss, relative: above rounding in float32


@experiment("cut-gradient", "Does a gradient reach every trained weight the loss depends on?")
def cut_gradient(scene: Scene) -> Iterator[Said]:
    """Shift the weights whose gradient is exactly zero and see whether the loss changes.

    Procedure  one backward pass at the start; every trained tensor without a gradient is shifted by
               half of its size at random, alone, with the same chance, and by a hundredth of it.
    Answers    fine: the loss does not change with any of them, or not near where they are (dead units).
               Wrong: it changes by more than 0.001 %, and by the small shift: the gradient was cut off
               (no_grad, detach, .item()) or a term of the loss is computed without one.
    Costs      one backward pass, and three forward passes for each tensor without a gradient, at most 16.
    Sources    finite differences against the gradient (Nocedal & Wright 2006, sec. 8.1).
    """
    subject = scene.subject
    batch = subject.batches[0]
    with subject.at("start"):
        trained = {id(p) for o in subject.optimizers for g in o.param_groups for p in g["params"]}
        named = [(n, p) for n, p in subject.model.named_parameters() if id(p) in trained]
        for _, parameter in named:
            parameter.grad = None
        before = subject.total(batch)
        if not before.requires_grad:
            raise NotApplicableError("the loss has no gradient at all")
        before.backward()
        silent = [(n, p) for n, p in named if p.requires_grad and _is_zero(p.grad)]
        if len(silent) == len(named):
            raise NotApplicableError("no gradient reaches any weight: the loss itself is flat")
        found = [n for n, p in silent[:16] if _acts(scene, p)]
    if not found:
        yield Said(
            outcome=Outcome.FINE,
            said=f"{len(silent)} of {len(named)} tensors get none and need none"
            if silent
            else "it reaches all of them",
        )
        return
    yield Said(
        outcome=Outcome.WRONG,
        said=f"shifting {', '.join(found[:3])} by {number(100 * SHIFT)} % changes the loss, but its gradient is exactly zero: "
        "it was cut off on the way, or a term of the loss is computed without gradients",
        measured=float(len(found)),
        limit=0.0,
        unit="tensors",
        layers=tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in found)),
        supports=("detached-graph",),
    )


def _is_zero(grad: Tensor | None) -> bool:
    return grad is None or not bool((grad._values() if grad.is_sparse else grad).any())  # noqa: SLF001


def _acts(scene: Scene, parameter: Tensor) -> bool:
    """Does the loss change when this tensor is shifted?"""
    subject, batch = scene.subject, scene.subject.batches[0]
    kept = parameter.detach().clone()
    seed_everything(0)
    direction = torch.randn_like(kept) * (float(kept.float().square().mean().sqrt()) or 1.0)
    losses = []
    with torch.no_grad():
        for shift in (0.0, SHIFT, NEAR):
            parameter.copy_(kept + shift * direction)
            seed_everything(0)
            losses.append(float(subject.total(batch)))
        parameter.copy_(kept)
    before, far, near = losses
    return near != before and abs(far - before) > CHANGE * (abs(before) or 1.0)
