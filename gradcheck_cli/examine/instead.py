"""What a replay puts in the place of a call: softmaxes with a slope, cross entropy for squared errors of probabilities."""

from functools import partial
from math import isclose, isfinite
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.constants import classes_of, link_of
from gradcheck_cli.examine.ideal import ROUNDING, cost
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.examine.variant import Variant
from gradcheck_cli.ops import BOUNDED, KEEP, NORMS, placed
from gradcheck_cli.remedies.surgery import WEIGHTED as DRAWN
from gradcheck_cli.remedies.weights import draw

WEIGHTED = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
ALONG = NORMS | KEEP  # what leaves each number at its place
SOFTMAXES = frozenset({"softmax"})
FLAT = BOUNDED | {f"{name}_" for name in BOUNDED}
BENDS = ("saturating-activation",)


class _Flat(TorchFunctionMode):
    """Follows outputs of layers into calls of `kinds` and on into other layers; calls those in `bent` ReLU.

    Scores of attention are products of two outputs, and what their softmax gives multiplies values: neither
    comes from a layer's weights alone, nor goes into them.
    """

    def __init__(self, kinds: frozenset[str], bent: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.kinds, self.bent, self.hidden = kinds, bent, set[int]()
        # What a layer gave, and which weights it has; the same after such a call.
        self._scores: tuple[Any, int] = (None, 0)
        self._chosen: tuple[Any, int] = (None, 0)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, (args, kwargs) = getattr(func, "__name__", ""), placed(args, kwargs or {})
        given = args[0] if args else None
        if name in self.kinds and given is not None and given is self._scores[0]:
            weights = self._scores[1]
            made = torch.relu(given) if weights in self.bent else func(*args, **kwargs)
            self._chosen = made, weights
            return made
        made = func(*args, **kwargs)
        if given is None or not isinstance(made, Tensor):
            return made
        if given is self._chosen[0]:
            if name in WEIGHTED:
                self.hidden.add(self._chosen[1])
            elif name in NORMS or not any(isinstance(x, Tensor) for x in args[1:]):
                self._chosen = made, self._chosen[1]
        if name in WEIGHTED and len(args) > 1:
            self._scores = made, id(args[1])
        elif name in ALONG and given is self._scores[0]:
            self._scores = made, self._scores[1]
        return made


def bent_softmaxes(scene: Scene) -> Variant | None:
    """Return the run with a ReLU in place of softmaxes between layers; None where there are none."""
    hidden = _hidden(scene, SOFTMAXES)
    around = partial(_Flat, SOFTMAXES, hidden)
    words = "with a ReLU in place of each softmax between layers"
    return Variant("without-softmax", words, BENDS, around=around) if hidden else None


def bent_units(scene: Scene) -> Variant | None:
    """Return the run with ReLUs, and weights drawn for them, in place of hidden sigmoids and tanhs."""
    model, hidden = scene.subject.model, _hidden(scene, FLAT)
    named = dict(model.named_modules())
    layers = [x for x in scene.trace.weight_layers if isinstance(named.get(x.path), DRAWN)]
    around, edit = partial(_Flat, FLAT, hidden), draw(layers, "relu")
    words = "with ReLUs in place of sigmoids and tanhs between layers, and weights drawn for them"
    made = Variant("without-saturation", words, BENDS, lambda _: edit(model), around=around)
    return made if hidden and layers else None


def _hidden(scene: Scene, kinds: frozenset[str]) -> frozenset[int]:
    """Return the weights whose outputs go through such a call into other layers."""
    subject, seen = scene.subject, _Flat(kinds)
    try:
        with subject.at("start"), torch.no_grad(), seen:
            subject.outputs(subject.batches[0])
    except NotApplicableError:
        return frozenset()
    return frozenset(seen.hidden)


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
