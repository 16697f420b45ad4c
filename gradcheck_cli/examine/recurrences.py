"""Changed along time: the weights of a recurrence."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.changing import Call, Intervention, Layout
from gradcheck_cli.ops import CELLS, RECURRENT

_OPEN = 2.5  # added to both biases of a gate, which is then open: sigmoid(5) = 0.993
Proceed = Callable[..., Any]


class Recurrence(Intervention):
    """Weights along time are orthogonal, and gates that keep the state are open."""

    name = "orthogonal recurrence"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a recurrence in one call, a cell, or a square matrix that is applied again and again?"""
        if call.name in RECURRENT | CELLS:
            return True
        return any(id(w) in layout.repeated and _is_square(w) for w in call.weights)

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        if call.name in RECURRENT:
            at = next(i for i, a in enumerate(call.args) if isinstance(a, list))
            flat = [self._kept(w, call.name) for w in call.args[at]]
            return proceed(*call.args[:at], flat, *call.args[at + 1 :])
        return proceed(*(self._kept(a, call.name) for a in call.args))

    def _kept(self, values: Any, name: str) -> Any:
        if not isinstance(values, Tensor) or not isinstance(values, torch.nn.Parameter):
            return values
        gates = 4 if "lstm" in name else 3 if "gru" in name else 1
        if values.ndim == 1 and gates > 1 and values.numel() % gates == 0:
            opened, size = values.detach().clone(), values.numel() // gates
            opened[size : 2 * size] += _OPEN  # input and recurrent biases add up
            return opened
        if values.ndim == 2 and values.shape[0] == gates * values.shape[1]:
            parts = values.detach().float().chunk(gates)
            return torch.cat([torch.linalg.qr(p)[0] for p in parts]).to(values)
        return values


def _is_square(weight: Tensor) -> bool:
    return weight.ndim == 2 and weight.shape[0] == weight.shape[1]
