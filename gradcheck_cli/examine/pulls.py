"""Does weight decay, or a penalty in the loss, pull harder than the data?"""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import alike
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

HARDER = 1.0  # times the gradient of the data: beyond it the weights shrink whatever the data says


@experiment(
    "pulls",
    "Does weight decay pull harder than the data?",
    doubtful=True,
    penalty_pull="Does the penalty in the loss pull harder than the data?",
)
def pulls(scene: Scene) -> Iterator[Said]:
    """Compare the pull of decay and of penalties with the gradient of the data term, at the start.

    Procedure  one backward pass of the data term alone (through the output that meets the targets), one of
               what the loss takes from the weights past it, directly or through other outputs (a divergence
               of a latent code); weight decay times the weights. Where decay is decoupled it is compared with
               a step instead.
    Answers    fine: weaker. Wrong: stronger, before anything was learned.
    Costs      two backward passes and a step.
    Sources    Krogh & Hertz 1992; Loshchilov & Hutter 2019, arXiv:1711.05101.
    """
    scene.require_doubt()
    subject = scene.subject
    asked = False
    with subject.at("start"):
        decay = _decay(subject)
    if decay is not None:
        asked = True
        yield _said("", "weight decay", decay, "weight-decay-too-strong")
    with subject.at("start"):
        penalty = _penalty(subject)
    if penalty is not None:
        asked = True
        yield _said("penalty-pull", "the penalty", penalty, "penalty-too-strong")
    if not asked:
        raise NotApplicableError("there is neither weight decay nor a penalty")


def _said(about: str, what: str, ratio: float, supports: str) -> Said:
    harder = ratio > HARDER
    return Said(
        about=about,
        outcome=Outcome.WRONG if harder else Outcome.FINE,
        said=f"at the start {what} pulls {number(ratio)} times as hard as the data",
        measured=ratio,
        limit=HARDER,
        unit="times",
        supports=(supports,) if harder else (),
    )


def _norm(tensors: list[Tensor]) -> float:
    return sqrt(sum(float(plain(t).double().square().sum()) for t in tensors))


def _decay(subject: Subject) -> float | None:
    """Return the pull of weight decay over that of the data; None where nothing decays."""
    groups = [g for o in subject.optimizers for g in o.param_groups if g.get("weight_decay")]
    held = [(g, p) for g in groups for p in g["params"] if p.requires_grad]
    if not held:
        return None
    decoupled = any(
        isinstance(o, torch.optim.AdamW) or g.get("decoupled_weight_decay")
        for o in subject.optimizers
        for g in o.param_groups
    )
    pull = _norm([p * (g["weight_decay"] * (g["lr"] if decoupled else 1.0)) for g, p in held])
    before = [p.detach().clone() for _, p in held]
    if decoupled:
        for group in groups:
            group["weight_decay"] = 0.0
        subject.step(subject.batches[0])
        data = _norm([p - b for (_, p), b in zip(held, before, strict=True)])
    else:
        subject.total(subject.batches[0]).backward()
        data = _norm([p.grad for _, p in held if p.grad is not None and not p.grad.is_sparse])
    return pull / data if data > 0 else None


def _penalty(subject: Subject) -> float | None:
    """Return the pull of what reaches the weights past the main output; None where nothing does."""
    batch = subject.batches[0]
    held = [p for p in subject.model.parameters() if p.requires_grad]
    raw = subject.outputs(batch)
    main = subject.main(raw)
    if alike(raw, main) > 1:
        return None
    point = main.detach().requires_grad_()
    value = subject.loss(subject.with_main(raw, point), batch)
    direct = torch.autograd.grad(value, [point, *held], materialize_grads=True, retain_graph=True)
    if not any(bool(slope.any()) for slope in direct[1:]):
        return None
    data = torch.autograd.grad(main, held, direct[0], materialize_grads=True)
    size = _norm(list(data))
    return _norm(list(direct[1:])) / size if size > 0 else None
