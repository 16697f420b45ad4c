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
               (no_grad, detach, .item()) or a term of the loss is computed without one; or with none of them
               alone and with all together: factors of one product that are all zero.
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
        saddle = not found and len(silent) > 1 and _acts(scene, *(p for _, p in silent))
    if saddle:
        yield _saddle([n for n, _ in silent])
    elif not found:
        yield Said(
            outcome=Outcome.FINE,
            said=f"{len(silent)} of {len(named)} tensors get none and need none"
            if silent
            else "it reaches all of them",
        )
    else:
        yield _wrong(
            found,
            f"shifting {', '.join(found[:3])} by {number(100 * SHIFT)} % changes the loss, but its gradient is exactly "
            "zero: it was cut off on the way, or a term of the loss is computed without gradients",
            "detached-graph",
        )


def _saddle(names: list[str]) -> Said:
    said = (
        f"the gradients of {', '.join(names[:3])} are exactly zero: none of them changes the loss alone, all "
        "together do. They are factors that begin at zero (both matrices of an adapter, for instance) and stay "
        "there; draw one of two at random"
    )
    return _wrong(names, said, "symmetric-init")


def _wrong(names: list[str], said: str, cause: str) -> Said:
    return Said(
        outcome=Outcome.WRONG,
        said=said,
        measured=float(len(names)),
        limit=0.0,
        unit="tensors",
        layers=tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in names)),
        supports=(cause,),
    )


def _is_zero(grad: Tensor | None) -> bool:
    return grad is None or not bool((grad._values() if grad.is_sparse else grad).any())  # noqa: SLF001


def _acts(scene: Scene, *parameters: Tensor) -> bool:
    """Does the loss change when these tensors are shifted together?"""
    subject, batch = scene.subject, scene.subject.batches[0]
    kept = [p.detach().clone() for p in parameters]
    seed_everything(0)
    directions = [
        torch.randn_like(k) * (float(k.float().square().mean().sqrt()) or 1.0) for k in kept
    ]
    losses = []
    with torch.no_grad():
        for shift in (0.0, SHIFT, NEAR):
            for parameter, known, direction in zip(parameters, kept, directions, strict=True):
                parameter.copy_(known + shift * direction)
            seed_everything(0)
            losses.append(float(subject.total(batch)))
        for parameter, known in zip(parameters, kept, strict=True):
            parameter.copy_(known)
    before, far, near = losses
    return near != before and abs(far - before) > CHANGE * (abs(before) or 1.0)
