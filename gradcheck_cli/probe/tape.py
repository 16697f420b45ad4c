"""What happens between the layers in one forward pass: nonlinearities, merges, cuts, the loss.

A torch function mode sees every call of torch's API by its arguments and result. The tape notes, for
each tensor, which layers it was computed from; so layers get an order, a distance from the loss and
the nonlinearity that follows, however they are written (`nn.ReLU()`, `F.relu(x)`, `x @ self.w`).
Calls inside a layer's own module are that layer's business and are not noted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from gradcheck_cli import ops
from gradcheck_cli.probe import attention, calls, nonlinearities
from gradcheck_cli.probe.calls import Call, Origin, Running, tensors_in
from gradcheck_cli.probe.comparisons import Comparisons
from gradcheck_cli.probe.makers import Slopes
from gradcheck_cli.probe.origins import LooseEnds, Origins
from gradcheck_cli.probe.remade import MadeAnew
from gradcheck_cli.probe.sites import calling_place, is_asked_by, user_site
from gradcheck_cli.probe.teachers import Made, sources
from gradcheck_cli.probe.units import Again
from gradcheck_cli.records.trace import Cut

_PROPERTIES = frozenset({"data", "T", "mT", "H", "mH"})  # that give a tensor


class Listener(Protocol):
    """Who reads the tensors of what the tape notes."""

    def nonlinearity(self, call: Call, x: torch.Tensor, y: torch.Tensor, again: Again) -> None:
        """A nonlinearity turned x into y."""

    def product(self, path: str, output: torch.Tensor) -> None:
        """A functional call used the weights of a layer."""

    def attention(self, call: Call, scores: torch.Tensor) -> None:
        """A softmax was taken of these scores."""


@dataclass(slots=True)
class Tape:
    """The notes of one forward pass.

    `parameter_names` maps id(parameter) to (its name, its layer), `layer_of` its name to its layer.
    """

    parameter_names: dict[int, tuple[str, str]]
    layer_of: dict[str, str]
    listener: Listener
    on_unscaling: Callable[[torch.Tensor, torch.Tensor], None]
    made: Made = field(default_factory=Made)
    anew: MadeAnew = field(default_factory=MadeAnew)
    calls: list[Call] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    loose: LooseEnds = field(default_factory=LooseEnds)
    comparisons: list[Cut] = field(default_factory=list)
    clamps: list[Cut] = field(default_factory=list)
    slopes: Slopes = field(default_factory=Slopes)
    compared: Comparisons = field(init=False)
    loss_reads: frozenset[int] = frozenset()
    merges: bool = False
    derived: set[int] = field(default_factory=set)  # identities of what a derivative was taken by
    backward_value: torch.Tensor | None = None
    open: bool = True
    deaf: bool = False  # an optimizer computes its update
    _origins: Origins = field(init=False)
    _stack: list[Running] = field(default_factory=list)
    _places: dict[str, list[Any]] = field(default_factory=dict)  # in the source, by owner:name

    def __post_init__(self) -> None:
        self._origins = Origins(self.parameter_names)
        self.compared = Comparisons(self._origins.of, self.makers)

    def makers(self, tensor: torch.Tensor) -> frozenset[int | str]:
        """Return what computed a tensor without a graph: identities of parameters, paths of layers."""
        todo, seen = set(self._origins.of(tensor).calls), set[int]()
        while todo:  # up to the nearest layers with weights
            seen.add(index := todo.pop())
            if not self.calls[index].is_weights:
                todo |= self.calls[index].reads - seen
        layers = {self.calls[i].path for i in seen if self.calls[i].is_weights}
        return frozenset({*self.made.by(tensor), *layers})

    def overhears(self, *call: Any) -> None:
        """A call returned while it is looked away."""
        self.made.overhears(*call)

    def enter(self, path: str, *, layer: Call | None, native: bool, leaf: bool) -> None:
        """A module's forward begins; `layer` is its call when it holds parameters."""
        self.deaf = False
        if layer is not None:
            self.calls.append(layer)
        self._stack.append(Running(path, len(self.calls) - 1 if layer else None, native, leaf))

    def leave(self, path: str, inputs: Any, output: Any) -> None:
        """A module's forward ends; forgets calls inside it that ended with an exception."""
        while self._stack:
            running = self._stack.pop()
            if running.path == path:
                if running.call is not None:
                    self._layer_ran(running.call, inputs, output)
                return

    def _layer_ran(self, index: int, inputs: Any, output: Any) -> None:
        call = self.calls[index]
        call.reads = self._origins.reads(tensors_in(inputs))
        inner = [
            i for i in range(index + 1, len(self.calls)) if self.calls[i].path.startswith(call.path)
        ]
        origin = Origin(frozenset({inner[-1] if inner else index}))
        for tensor in tensors_in(output):
            self._origins.note(tensor, origin)

    def close(self) -> None:
        """Nothing more is noted; no tensor is kept."""
        self.open = False
        self.compared.close()
        self.backward_value = None
        self._origins.clear()
        self._places.clear()
        self._stack.clear()

    @property
    def inside(self) -> str | None:
        """The innermost running module; None outside of all."""
        return self._stack[-1].path if self._stack else None

    @property
    def _layer(self) -> Running | None:
        """The running module that is a layer, if any."""
        return next((r for r in reversed(self._stack) if r.call is not None), None)

    def saw(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """A call of torch's API returned."""
        name = getattr(function, "__name__", "")
        if name == "__get__":
            name = getattr(function.__self__, "__name__", "")
            if name not in _PROPERTIES:
                return
        layer = self._layer
        if layer is not None and layer.native:
            return
        if name == "_amp_foreach_non_finite_check_and_unscale_":
            self.on_unscaling(args[2], args[1])
            return
        if name == "grad":
            self.derived.update(id(t) for t in tensors_in(args[1:2] or kwargs.get("inputs")))
        given = [*tensors_in(args), *tensors_in(kwargs)] if kwargs else [*tensors_in(args)]
        self.anew.saw(name, given, result, inside=bool(self._stack))
        if not given:
            return
        self.made.saw(name, args, given, result)
        self.slopes.saw(name, given, result, self.inside)
        name = calls.meant(name, args, kwargs)
        if layer is not None:  # a layer class of the user's: only its nonlinearities matter
            if nonlinearities.find(name) is not None:
                again = calls.repeated(function, args, kwargs)
                self._nonlinearity(name, given, result, again, after=layer.call)
            return
        if name in ops.ENDS:
            self._cut(name, given)
        elif calls.is_steep(name, args, kwargs) and self._origins.of(given[0]).calls:
            self.slopes.steep.append(Cut(operation=name, layer=self.inside, at=user_site()))
        self.compared.saw(function, name, args, kwargs, given, result, outside=not self._stack)
        if nonlinearities.find(name) is not None:
            self._nonlinearity(name, given, result, calls.repeated(function, args, kwargs))
        elif name in ops.PRODUCTS:
            self._product(given, result)
        elif name == "scaled_dot_product_attention" or name in ops.SOFTMAX_CALLS:
            self._attention(name, args, kwargs, given, result)
        else:
            self._passed(name, given, result)

    def _path(self, name: str, *, may_be_module: bool) -> str:
        """Name a call after the module it is in; calls at different places in the source differ."""
        running = self._stack[-1] if self._stack else None
        if running is not None and may_be_module and running.leaf and running.call is None:
            return running.path
        stem = f"{running.path}:{name}" if running and running.path else name
        place = calling_place()
        places = self._places.setdefault(stem, [])
        if place not in places:
            places.append(place)
        number = places.index(place) + 1
        return stem if number == 1 else f"{stem}#{number}"

    def _add(self, call: Call, result: Any, last: str | None = None) -> None:
        """Note a call; what it returned comes from it."""
        self.calls.append(call)
        origin = Origin(frozenset({len(self.calls) - 1}), last)
        for tensor in tensors_in(result):
            self._origins.note(tensor, origin)

    def _nonlinearity(
        self,
        name: str,
        given: list[torch.Tensor],
        result: Any,
        again: Again,
        after: int | None = None,
    ) -> None:
        found = nonlinearities.find(name)
        if found is None or not isinstance(result, torch.Tensor):
            return
        reads = self._origins.of(given[0]).calls if after is None else frozenset({after})
        if not reads and not given[0].requires_grad:
            return  # a nonlinearity of the data is preprocessing
        path = self._path(found.name, may_be_module=True)
        call = Call(path, found.name, False, reads, found, at=user_site())
        self._add(call, result, found.name)
        self.listener.nonlinearity(call, given[0], result, again)

    def _product(self, given: list[torch.Tensor], result: Any) -> None:
        """Note `x @ w` as a run of the layer that owns w."""
        parameters = [o.parameter for t in given if (o := self._origins.of(t)).parameter]
        layers = {self.layer_of[p] for p in parameters if p in self.layer_of}
        if not layers or not isinstance(result, torch.Tensor):
            self._passed("matmul", given, result)
            return
        path = min(layers)
        self._add(Call(path, "parameter", True, self._origins.reads(given)), result)
        self.listener.product(path, result)

    def _attention(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        given: list[torch.Tensor],
        result: Any,
    ) -> None:
        if not isinstance(result, torch.Tensor):
            return
        product = name == "scaled_dot_product_attention"
        path = self._path(name, may_be_module=True)
        attends = product or result.dim() > 2
        call = Call(path, name, False, self._origins.reads(given), attends=attends, at=user_site())
        self._add(call, result, name)
        scores = None
        if product:
            scores = attention.of_product(args, kwargs)
        elif name == "softmax":
            scores = attention.of_softmax(given[0], args, kwargs)
        if scores is not None:
            self.listener.attention(call, scores)

    def _passed(self, name: str, given: list[torch.Tensor], result: Any) -> None:
        """Any other call: its result comes from whatever its arguments came from."""
        if name == "broadcast_tensors":
            for before, after in zip(given, result, strict=False):
                self._origins.note(after, self._origins.of(before))
            return
        if isinstance(result, torch.Tensor) and not result.requires_grad:
            given = sources(name, given)
            if not given:
                return
        origins = [self._origins.of(t) for t in given]
        reads = frozenset().union(*(o.calls for o in origins))
        keeps = name in ops.KEEP and len(given) == 1
        last = origins[0].last if keeps or name in ops.PICKS else None
        parameter = origins[0].parameter if keeps else None
        if not reads and parameter is None:
            return
        if name in ops.ADDS and len({o.calls for o in origins if o.calls}) > 1:
            self.merges = True
        if name in ops.NORMS and reads:
            path = self._path(name, may_be_module=True)
            self._add(Call(path, name, False, reads, normalizes=True), result, last)
            return
        origin = Origin(reads, last, parameter)
        for tensor in tensors_in(result):
            self._origins.note(tensor, origin)

    def _cut(self, name: str, given: list[torch.Tensor]) -> None:
        if not given[0].requires_grad or is_asked_by("torch.distributions.constraints"):
            return
        if not self._stack:
            if name not in ops.CLAMPS and (makers := self.makers(given[0])):
                self.loose.note(Cut(operation=name, layer=None, at=user_site()), makers)
            return
        if self._origins.of(given[0]).calls:
            perhaps = self.comparisons if name in ops.COMPARISONS else self.clamps
            noted = self.cuts if name in ops.CUTS else perhaps
            noted.append(Cut(operation=name, layer=self.inside, at=user_site()))

    def backward_begins(self, loss: torch.Tensor) -> None:
        """The user calls `loss.backward()`: the forward pass is over."""
        self.loss_reads |= self._origins.of(loss).calls
        self.compared.backward_begins()
        value = loss.detach()
        self.backward_value = value if self.backward_value is None else self.backward_value + value
