"""A run without its weight decay, or with frozen weights trained that are as they were drawn."""

from functools import partial
from math import sqrt

import torch
from torch import Tensor

from gradcheck_cli.causes.of_training import HARD, clipped
from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.examine.variant import Variant

SHRUNK = 0.1  # of the weights, that decay takes away
SCALED = 1e-3  # decay in the gradient of an adaptive optimizer, which makes steps of any gradient
FEWEST = 64  # weights that tell how they were drawn
BOUND = 1.8  # standard deviations, in which all of a uniform distribution lies: 3 ** 0.5, and some
EDGE = 1.15  # times the largest singular value of random entries, in the limit


def _no_decay(subject: Subject) -> None:
    for optimizer in subject.optimizers:
        for group in optimizer.param_groups:
            if "weight_decay" in group:
                group["weight_decay"] = 0.0


UNDECAYED = Variant(
    "without-decay", "without weight decay", ("weight-decay-too-strong",), _no_decay
)


def undecayed(scene: Scene, steps: int) -> Variant | None:
    """Return the run without weight decay, where that can matter within so many steps."""
    for optimizer in scene.subject.optimizers:
        apart = isinstance(optimizer, torch.optim.AdamW) or not scene.trace.adaptive
        for group in optimizer.param_groups:
            decay = abs(float(group.get("weight_decay") or 0.0))
            if decay * float(group.get("lr", 0.0)) * steps >= SHRUNK if apart else decay >= SCALED:
                return UNDECAYED
    return None


def unclipped(scene: Scene) -> Variant | None:
    """Return the run with steps as large as they are without clipping, where that leaves little of them."""
    left = clipped(scene.trace)
    if left is None or not 0 < left < HARD or scene.trace.adaptive:
        return None
    return Variant(
        "unclipped",
        f"with steps as large as they are unclipped ({1 / left:.3g} times)",
        ("clipping-too-strong",),
        partial(scaled_rates, factor=1 / left),
    )


def scaled_rates(subject: Subject, factor: float) -> None:
    """Multiply the learning rates."""
    for optimizer in subject.optimizers:
        for group in optimizer.param_groups:
            if "lr" in group:
                group["lr"] = group["lr"] * factor


def unfrozen(scene: Scene) -> Variant | None:
    """Return the run in which weights are trained that are frozen, or have a rate of 0, and look as they were drawn."""
    subject = scene.subject
    groups = [g for o in subject.optimizers for g in o.param_groups if g.get("lr") == 0]
    idle = {id(p) for g in groups for p in g["params"]}
    with subject.at("start"):
        held = list(subject.model.parameters())
        rest = [p for p in held if not p.requires_grad or id(p) in idle]
        trained = [p.detach().clone() for p in held if all(p is not other for other in rest)]
        still = {p: p.detach().clone() for p in rest if looks_drawn(p)}
    copies = [
        t for t in trained if any(t.shape == p.shape and torch.equal(t, p) for p in still.values())
    ]
    with subject.at("now"):
        freed = tuple(p for p, before in still.items() if torch.equal(p, before))
    if not freed or copies or not isinstance(subject.targets(subject.batches[0]), Tensor):
        return None  # a copy, or targets that a frozen network gives, are frozen on purpose
    share = sum(p.numel() for p in freed) / sum(p.numel() for p in held)
    return Variant(
        "unfrozen",
        f"with the frozen random weights trained ({100 * share:.3g} % of all)",
        ("frozen-parameters",),
        freed=freed,
    )


def looks_drawn(weight: Tensor) -> bool:
    """Are its entries as an initializer draws them: uniform or normal, and without a direction that stands out?"""
    rows = weight.detach().float()
    if rows.ndim < 2 or rows.numel() < FEWEST or not bool(rows.std() > 0):
        return False
    rows = rows.flatten(1) - rows.mean()
    # Five standard errors of a normal's kurtosis.
    spread, chance = rows.std(), 5 * sqrt(24 / rows.numel())
    kurtosis = float((rows / spread).pow(4).mean())
    uniform = abs(kurtosis - 1.8) < chance and float(rows.abs().max() / spread) < BOUND
    edge = float(spread) * (sqrt(rows.shape[0]) + sqrt(rows.shape[1]))
    return (uniform or abs(kurtosis - 3) < chance) and float(
        torch.linalg.matrix_norm(rows, 2)
    ) < EDGE * edge
