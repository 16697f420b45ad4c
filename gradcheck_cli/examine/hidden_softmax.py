"""Softmaxes between layers, where a nonlinearity is meant, and a ReLU in their place."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.variant import Variant
from gradcheck_cli.ops import KEEP, NORMS, placed

WEIGHTED = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
ALONG = NORMS | KEEP  # what leaves each number at its place


class _Softmaxes(TorchFunctionMode):
    """Follows outputs of layers into softmaxes and on into other layers; calls those in `bent` ReLU.

    Scores of attention are products of two outputs, and what their softmax gives multiplies values: neither
    comes from a layer's weights alone, nor goes into them.
    """

    def __init__(self, bent: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.bent, self.hidden = bent, set[int]()
        # What a layer gave, and which weights it has; the same after a softmax.
        self._scores: tuple[Any, int] = (None, 0)
        self._chosen: tuple[Any, int] = (None, 0)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, (args, kwargs) = getattr(func, "__name__", ""), placed(args, kwargs or {})
        given = args[0] if args else None
        if name == "softmax" and given is not None and given is self._scores[0]:
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
    subject, seen = scene.subject, _Softmaxes()
    try:
        with subject.at("start"), torch.no_grad(), seen:
            subject.outputs(subject.batches[0])
    except NotApplicableError:
        return None
    if not seen.hidden:
        return None
    hidden = frozenset(seen.hidden)
    return Variant(
        "without-softmax",
        "with a ReLU in place of each softmax between layers",
        ("saturating-activation",),
        around=lambda: _Softmaxes(hidden),
    )
