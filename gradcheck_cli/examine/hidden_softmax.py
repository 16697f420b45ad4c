"""Softmaxes, sigmoids and tanhs between layers, and what has a slope in their place."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.subject import NotApplicableError
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
