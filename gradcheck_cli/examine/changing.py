"""One forward and backward pass with some of its calls changed: a mode of torch, no hook, no patch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.ops import CELLS, KEEP, PRODUCTS, RECURRENT, placed
from gradcheck_cli.probe.calls import tensors_in

WEIGHTED = PRODUCTS | CELLS | {"multi_head_attention_forward"}
LEAST_CALLS = 4  # of the same weights in one pass, from which they are applied along time


@dataclass(slots=True)
class Call:
    """One call of a torch function, before and while it runs."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    index: int  # among the calls of the pass
    weights: tuple[Tensor, ...] = ()  # parameters of two dimensions or more that a product takes

    @property
    def first(self) -> Tensor | None:
        """The first tensor it is given that is no parameter."""
        found = (t for t in tensors_in(self.args) if not isinstance(t, nn.Parameter))
        return next(found, None)

    def run(self, *args: Any) -> Any:
        """Run it, with other positional arguments where some are given."""
        return self.function(*(args or self.args), **self.kwargs)


Proceed = Callable[..., Any]


class Intervention:
    """One thing that is changed in a pass; an instance lives for one pass."""

    name = ""

    def __init__(self) -> None:
        self.touched = 0
        self.factors: list[float] = []

    def applies(self, call: Call, layout: "Layout") -> bool:
        """Is this call changed?"""
        raise NotImplementedError

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now; `proceed(*args)` runs it."""
        raise NotImplementedError

    @property
    def factor(self) -> float | None:
        """The median of the factors by which it changed a scale."""
        return median(self.factors) if self.factors else None


def is_float(values: Any) -> bool:
    """Is it a tensor of floating-point numbers?"""
    return isinstance(values, Tensor) and values.is_floating_point()


@dataclass(slots=True)
class Layout:
    """Where in the sequence of calls the network ends, learned in the unchanged pass."""

    last_product: int = -1  # index of the last call that applied weights
    repeated: frozenset[int] = frozenset()  # ids of weights that are applied again and again
    heads: frozenset[int] = frozenset()  # ids of the weights of the last layers
    depth: Mapping[int, int] = field(default_factory=dict)  # of weights by id, 0 = the last


class Changing(TorchFunctionMode):
    """Apply interventions to the calls of a pass, and take the gradients along time."""

    def __init__(self, layout: Layout, interventions: Sequence[Intervention] = ()) -> None:
        super().__init__()
        self.layout = layout
        self.interventions = interventions
        self.count = 0
        self.last_product = -1
        self.uses: dict[int, int] = {}
        self.turned: dict[int, tuple[Tensor, Tensor]] = {}  # views of weights, by id
        self.taps: dict[int, list[Tensor]] = {}  # zeros added to what recurrences return
        self.sequences: list[tuple[Tensor, int]] = []  # zeros added to sequences, and where time is

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        args, kwargs = placed(args, kwargs or {})
        call = Call(name, func, args, kwargs, self.count)
        self.count += 1
        if name in WEIGHTED:
            given = (self.turned.get(id(t), (t, t))[1] for t in tensors_in((args, call.kwargs)))
            call.weights = tuple(t for t in given if isinstance(t, nn.Parameter) and t.ndim > 1)
            if call.weights:
                self.last_product = call.index
                call.args = self._counted(call)
        elif name in RECURRENT:
            self.last_product = call.index
            call.args = self._tapped(call)
        result = self._through(call, 0, call.args)
        if name in KEEP and args and isinstance(args[0], nn.Parameter) and args[0].ndim > 1:
            self.turned.update({id(result): (result, args[0])})
        if call.weights and name not in CELLS and isinstance(result, Tensor):
            return self._tap(id(call.weights[0]), result)
        return result

    def _through(self, call: Call, at: int, args: tuple[Any, ...]) -> Any:
        """Run a call through the interventions that apply to it, the first outermost."""
        for index in range(at, len(self.interventions)):
            one = self.interventions[index]
            if not one.applies(call, self.layout):
                continue
            one.touched += 1
            inner = Call(call.name, call.function, args, call.kwargs, call.index, call.weights)
            return one.changed(
                inner, lambda *given, i=index + 1: self._through(call, i, given or args)
            )
        return call.run(*args)

    def _counted(self, call: Call) -> tuple[Any, ...]:
        """Count the use of weights; of a cell, tap what goes in."""
        key = id(call.weights[0])
        self.uses[key] = self.uses.get(key, 0) + 1
        if call.name not in CELLS:
            return call.args
        return (self._tap(key, call.args[0]), *call.args[1:])

    def _tap(self, key: int, values: Tensor) -> Tensor:
        """Add zeros whose gradient can be read, where weights are applied along time."""
        if key not in self.layout.repeated or not values.is_floating_point():
            return values
        tap = torch.zeros_like(values, requires_grad=True)
        self.taps.setdefault(key, []).append(tap)
        return values + tap

    def _tapped(self, call: Call) -> tuple[Any, ...]:
        """Let the gradient be read at each time step of a sequence that goes into a recurrence."""
        args = call.args
        if not args or not isinstance(args[0], Tensor) or args[0].ndim != 3:
            return args
        if not torch.is_grad_enabled() or not isinstance(args[-1], bool):
            return args  # packed sequences have no axis of time
        tap = torch.zeros_like(args[0], requires_grad=True)
        self.sequences.append((tap, 1 if args[-1] else 0))
        return (args[0] + tap, *args[1:])
