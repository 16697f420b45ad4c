"""Squared errors of probabilities, whose slope ends where mistakes are certain, and cross entropy in their place."""

from math import isclose, isfinite
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.constants import classes_of, link_of
from gradcheck_cli.examine.ideal import ROUNDING, cost
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.examine.variant import Variant

WAY = (0.0, 0.25, 0.5, 0.75)  # parts of the way to wrong probabilities, evenly apart
EVEN = 1e-3  # far above rounding
LEAST = 1e-30  # a probability whose logarithm is a number


def entropic(scene: Scene) -> Variant | None:
    """Return the run with the gradient of cross entropy, where its loss is of squared errors of probabilities."""
    subject, batch = scene.subject, scene.subject.batches[0]
    try:
        with subject.at("now"):
            with torch.no_grad():
                raw = subject.outputs(batch)
            kind = _kind(subject, raw, batch)
            if kind is None or not _is_squared(subject, raw, batch, kind):
                return None
    except NotApplicableError:
        return None

    def loss(batch: Any) -> Tensor:
        raw = subject.outputs(batch)
        main = subject.main(raw)
        apart = subject.with_main(raw, main.detach())
        rest = subject.loss(apart, batch)  # penalties keep their pull
        return rest - rest.detach() + _entropy(main, subject.targets(batch), kind)

    words, cause = "with the gradient of cross entropy", ("wrong-output-activation",)
    return Variant("cross-entropy", words, cause, loss=loss)


def _kind(subject: Subject, raw: Any, batch: Any) -> str | None:
    """Return how outputs are read: as scores under a softmax in the loss, as probabilities, or as one of two."""
    main, target = subject.main(raw).detach().float(), subject.targets(batch)
    if classes_of(main, target) is not None:
        one, other = (cost(subject, raw, main + shift, batch) for shift in (0.0, 1.0))
        if isfinite(one) and isclose(one, other, rel_tol=ROUNDING):
            return "scores"
        return "probabilities" if link_of(main, 1)[0] == "probabilities" else None
    binary = isinstance(target, Tensor) and main.numel() == len(main) == target.numel()
    binary = binary and bool(((target == 0) | (target == 1)).all())
    return "chance" if binary and bool(((main >= 0) & (main <= 1)).all()) else None


def _is_squared(subject: Subject, raw: Any, batch: Any, kind: str) -> bool:
    """Is the loss a parabola of probabilities, on the way from even ones to wrong ones?"""
    main, target = subject.main(raw).detach().float(), subject.targets(batch)
    classes = classes_of(main, target)
    if classes is None:
        even, wrong = torch.full_like(main, 0.5), (1 - target.float()).reshape(main.shape)
    else:
        even = torch.full_like(main, 1 / main.shape[1])
        wrong = functional.one_hot((classes + 1) % main.shape[1], main.shape[1]).to(main)
    ways = (even.lerp(wrong, part) for part in WAY)
    a, b, c, d = (cost(subject, raw, x.log() if kind == "scores" else x, batch) for x in ways)
    bent, rest = c - 2 * b + a, d - 3 * c + 3 * b - a  # second and third differences
    return isfinite(d) and bent > EVEN * abs(a) and abs(rest) < EVEN * bent


def _entropy(main: Tensor, target: Tensor, kind: str) -> Tensor:
    """Return the cross entropy of outputs that are read in this way."""
    if kind == "chance":
        return functional.binary_cross_entropy(main, target.to(main.dtype).reshape(main.shape))
    classes = classes_of(main, target)
    assert classes is not None
    logs = main.log_softmax(1) if kind == "scores" else main.clamp_min(LEAST).log()
    return functional.nll_loss(logs, classes)
