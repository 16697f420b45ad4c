# ruff: noqa: ARG002 - all interventions have one signature
"""Changed in the forward pass: the scale of weights, outputs, scores and factors; weights along time; ways around."""

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.changing import Call, Intervention, Layout, Proceed, is_float
from gradcheck_cli.ops import CELLS, RECURRENT, SOFTMAX_CALLS

_TIMES = frozenset({"mul", "__mul__", "__rmul__", "multiply", "mul_", "__imul__"})
_OVER = frozenset({"div", "__truediv__", "divide", "div_", "__itruediv__", "true_divide"})


def _scale(values: Tensor) -> Tensor:
    """Return the standard deviation over samples and units, 1 where nothing varies."""
    std = values.detach().std() if values.numel() > 1 else values.new_tensor(1.0)
    return std if bool(std > 0) and bool(std.isfinite()) else torch.ones_like(std)


class Weights(Intervention):
    """The weights of each layer but the last are scaled so that its outputs have deviation 1."""

    name = "scale of the weights"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a product with weights that are applied once and are not the last?"""
        keys = {id(w) for w in call.weights}
        if call.name in CELLS or not call.weights or call.name == "embedding":
            return False
        return not keys & layout.repeated and not keys & layout.heads

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        result = proceed()
        if not is_float(result):
            return result
        scale = _scale(result)
        self.factors.append(float(1 / scale))
        return result / scale


class Standardized(Weights):
    """The outputs of each layer but the last are standardized over the batch, per unit."""

    name = "standardized layers"

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        result = proceed()
        if not is_float(result) or result.ndim < 2 or result.shape[0] < 2:
            return result
        units = 1 if call.name.startswith("conv") else result.ndim - 1
        over = [d for d in range(result.ndim) if d != units]
        centered = result - result.mean(over, keepdim=True)
        std = centered.square().mean(over, keepdim=True).sqrt()
        return centered / torch.where(std > 0, std, torch.ones_like(std))


class Skips(Intervention):
    """To what goes into a layer, what went into the one before is added where the shapes agree."""

    name = "skip connections"

    def __init__(self) -> None:
        super().__init__()
        self.before: Tensor | None = None

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a product with weights?"""
        return bool(call.weights) and call.name not in {"embedding", "multi_head_attention_forward"}

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        given, before = call.args[0] if call.args else None, self.before
        if not isinstance(given, Tensor) or not is_float(given) or given.ndim < 2:
            return proceed()
        same = before is not None and before.shape == given.shape and before is not given
        joined = (given + before) * sqrt(0.5) if same and before is not None else given
        self.before = joined
        return proceed(joined, *call.args[1:])


class Logits(Intervention):
    """The outputs of the last layers are scaled down to deviation 1 where they are larger."""

    name = "scale of the outputs"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a product with the weights of a last layer?"""
        return any(id(w) in layout.heads for w in call.weights)

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        result = proceed()
        if not is_float(result) or (scale := _scale(result)) <= 1:
            self.touched -= 1
            return result
        self.factors.append(float(1 / scale))
        return result / scale


class Scores(Intervention):
    """The scores of attention are scaled to deviation 1 before their softmax."""

    name = "scale of the scores of attention"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a softmax before the last weights, or attention in one call?"""
        hidden = call.index < layout.last_product
        return hidden and (
            call.name in SOFTMAX_CALLS or call.name == "scaled_dot_product_attention"
        )

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        given = call.first
        if given is None or not is_float(given):
            return proceed()
        if call.name in SOFTMAX_CALLS:
            finite = given.detach()[given.detach().isfinite()]
            scale = _scale(finite)
        else:
            query, key = call.args[0], call.args[1]
            size = call.kwargs.get("scale") or query.shape[-1] ** -0.5
            scale = _scale(query.detach() @ key.detach().transpose(-1, -2) * size)
        self.factors.append(float(1 / scale))
        return proceed(given / scale, *call.args[1:])


class BatchStatistics(Intervention):
    """Batch normalizations in evaluation mode use the statistics of the batch."""

    name = "batch statistics"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it one in evaluation mode?"""
        training = call.kwargs.get("training", call.args[5] if len(call.args) > 5 else True)
        return call.name == "batch_norm" and training is False

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        given = call.args[0]
        weight, bias = (call.kwargs.get(k) for k in ("weight", "bias"))
        if len(call.args) > 4:
            weight, bias = call.args[3], call.args[4]
        return torch.nn.functional.batch_norm(given, None, None, weight, bias, training=True)


class Factors(Intervention):
    """Constant factors on what layers computed are left out."""

    name = "constant factors"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is a tensor with a gradient multiplied by a number, or divided by one?"""
        if call.name not in _TIMES | _OVER:
            return False
        return len(call.args) == 2 and self._number(call) is not None

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        factor, values = self._number(call), call.first
        if factor is None or values is None or factor in (0, 1):
            return proceed()
        self.factors.append(1 / abs(factor))
        return values * 1.0

    def _number(self, call: Call) -> float | None:
        tensors = [a for a in call.args if isinstance(a, Tensor) and a.requires_grad and a.ndim]
        others = [a for a in call.args if isinstance(a, (int, float)) and not isinstance(a, bool)]
        if len(tensors) != 1 or len(others) != 1:
            return None
        return float(others[0]) if call.name in _TIMES else 1 / (float(others[0]) or 1.0)


class Gates(Intervention):
    """Sigmoids that multiply something else are 1: the gates are open."""

    name = "open gates"

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[int, Tensor] = {}  # results of sigmoids, by id

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a gated unit, a sigmoid, or a product with the result of one?"""
        if call.name == "glu":
            return True
        if call.name in {"sigmoid", "sigmoid_"}:
            return call.index < layout.last_product
        return call.name in _TIMES and self._gate(call) is not None

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        if call.name == "glu":
            axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else -1)
            return call.args[0].chunk(2, axis)[0]
        if call.name in _TIMES:
            gate = self._gate(call)
            return next(a for a in call.args if a is not gate) * 1.0
        self.touched -= 1  # a sigmoid alone is no gate
        result = proceed()
        if isinstance(result, Tensor):
            self.gates[id(result)] = result
        return result

    def _gate(self, call: Call) -> Tensor | None:
        if len(call.args) != 2 or call.args[0] is call.args[1]:
            return None
        found = [a for a in call.args if id(a) in self.gates]
        other = [a for a in call.args if isinstance(a, Tensor) and id(a) not in self.gates]
        fits = len(found) == 1 and len(other) == 1 and other[0].shape == found[0].shape
        return found[0] if fits else None


_OPEN = 2.5  # added to both biases of a gate, which is then open: sigmoid(5) = 0.993


class Recurrence(Intervention):
    """Weights along time are orthogonal, and gates that keep the state are open."""

    name = "orthogonal recurrence"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it a recurrence in one call, a cell, or a square matrix that is applied again and again?"""
        if call.name in RECURRENT | CELLS:
            return True
        square = (w for w in call.weights if w.ndim == 2 and w.shape[0] == w.shape[1])
        return any(id(w) in layout.repeated for w in square)

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
