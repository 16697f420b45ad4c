"""Does the loss depend on weights that no gradient reaches?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.draws import passing
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.optimizers import ids_held_by
from gradcheck_cli.targets.randomness import seed_everything

SHIFT = 0.5  # of a weight's root mean square
NEAR = 1e-3  # of it as well: a unit that is flat is woken by a large shift only
CHANGE = 1e-5  # of the loss, relative: above rounding in float32


@experiment("cut-gradient", "Does a gradient reach every trained weight the loss depends on?")
def cut_gradient(scene: Scene) -> Iterator[Said]:
    """Shift the weights whose gradient is exactly zero and see whether the loss changes.

    Procedure  one backward pass at the start; every trained tensor without a gradient is shifted by
               half of its size at random, alone, with the same chance, and by a thousandth, both ways (but no row of padding, which has none by design). Matrices
               of zeros are drawn at random together, and asked for their gradient once more.
    Answers    fine: the loss does not change with any of them, or hardly near where they are (dead or
               saturated units). Wrong: it changes by more than 0.001 %, and by small shifts both ways in proportion: the gradient was cut off
               (no_grad, detach, .item()) or a term of the loss is computed without one; or matrices of zeros
               get one once they are drawn at random: factors of one product that are all zero.
    Costs      two backward passes, and four forward passes for each tensor without a gradient, at most 16.
    Sources    finite differences against the gradient (Nocedal & Wright 2006, sec. 8.1).
    """
    subject = scene.subject
    batch = subject.batches[0]
    with subject.at("start"):
        trained = ids_held_by(*subject.optimizers)
        named = [(n, p) for n, p in subject.model.named_parameters() if id(p) in trained]
        for _, parameter in named:
            parameter.grad = None
        before = subject.total(batch)
        if not before.requires_grad:
            raise NotApplicableError("the loss has no gradient at all")
        before.backward()
        silent = [(n, p) for n, p in named if p.requires_grad and _is_zero(p.grad)]
        factors = [(n, p) for n, p in silent if p.ndim > 1 and _is_zero(p)]
        flat = len(silent) == len(named)
        found = [] if flat else [n for n, p in silent[:16] if _acts(scene, p)]
        saddle = not found and len(factors) > 1 and _wakes(scene, *(p for _, p in factors))
    if saddle:
        yield _saddle([n for n, _ in factors])
    elif flat:
        raise NotApplicableError("no gradient reaches any weight: the loss itself is flat")
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
            f"zero: {passing(subject) or 'it was cut off on the way, or a term of the loss is computed without gradients'}",
            "detached-graph",
        )


def _saddle(names: list[str]) -> Said:
    said = (
        f"{', '.join(names[:3])} begin at zero and their gradients are exactly zero; drawn at random together they "
        "get some. They are factors of one product (both matrices of an adapter, for instance) and stay "
        "at zero; draw one of two at random"
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


def _wakes(scene: Scene, *parameters: Tensor) -> bool:
    """Do these tensors of zeros get a gradient when they are drawn at random? They are put back."""
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(NEAR * torch.randn_like(parameter))
            parameter.grad = None
    loss = scene.subject.total(scene.subject.batches[0])
    if loss.requires_grad:
        loss.backward()
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()
    return not any(_is_zero(p.grad) for p in parameters)


def _acts(scene: Scene, parameter: Tensor) -> bool:
    """Does the loss change when this tensor is shifted?"""
    subject, batch = scene.subject, scene.subject.batches[0]
    known = parameter.detach().clone()
    seed_everything(0)
    direction = torch.randn_like(known) * (
        float(plain(known).float().square().mean().sqrt()) or 1.0
    )
    for table in subject.model.modules():
        row = getattr(table, "padding_idx", None)
        if row is not None and getattr(table, "weight", None) is parameter:
            direction[row] = 0.0  # torch gives it no gradient on purpose
    losses = []
    with torch.no_grad():
        for shift in (0.0, SHIFT, NEAR, -NEAR):
            parameter.copy_(known + shift * direction)
            seed_everything(0)
            losses.append(float(subject.total(batch)))
        parameter.copy_(known)
    far, *near = (value - losses[0] for value in losses[1:])
    # along a slope, small shifts do their part both ways; a flat unit wakes up on one side, or hardly
    steep = min(map(abs, near)) > 0.1 * NEAR / SHIFT * abs(far)
    return steep and abs(far) > CHANGE * (abs(losses[0]) or 1.0)
