"""What happens between the layers in one forward pass: nonlinearities, merges, cuts, the loss.

A torch function mode sees every call of torch's API by its arguments and result. The tape notes, for
each tensor, which layers it was computed from; so layers get an order, a distance from the loss and
the nonlinearity that follows, however they are written (`nn.ReLU()`, `F.relu(x)`, `x @ self.w`).
Calls inside a layer's own module are that layer's business and are not noted.
"""

import sys
import sysconfig
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode_stack,
    _pop_mode,
    _push_mode,
)

from gradcheck_cli.probe import nonlinearities
from gradcheck_cli.probe.nonlinearities import Nonlinearity
from gradcheck_cli.records.trace import Cut, SourceSite

_PRODUCTS = frozenset(
    "linear matmul __matmul__ __rmatmul__ mm bmm mv addmm baddbmm einsum bilinear embedding tensordot "
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()
)
_NORMS = frozenset("layer_norm batch_norm group_norm instance_norm rms_norm normalize".split())
_LOSSES = frozenset(
    "cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss "
    "smooth_l1_loss huber_loss kl_div gaussian_nll_loss poisson_nll_loss hinge_embedding_loss "
    "multi_margin_loss multilabel_soft_margin_loss multilabel_margin_loss soft_margin_loss ctc_loss "
    "cosine_embedding_loss triplet_margin_loss margin_ranking_loss".split()
)
_SOFTMAX = frozenset("softmax log_softmax gumbel_softmax softmin".split())
# Calls whose result carries no gradient, or only zeros, back to its argument.
_CUTS = frozenset(
    "detach detach_ argmax argmin round round_ sign sgn floor floor_ ceil ceil_ trunc bernoulli item "
    "tolist numpy heaviside bucketize multinomial one_hot argsort numpy_force __bool__ __int__".split()
)
_QUIET_CUTS = frozenset({"__bool__", "__int__"})
_ADDS = frozenset("add add_ __add__ __iadd__ __radd__".split())
_DIFFERENCES = frozenset("sub subtract __sub__ __rsub__ rsub".split())
_KEEP = frozenset(
    "view reshape flatten squeeze unsqueeze transpose permute contiguous float to t double mean "
    "__getitem__ unflatten expand swapaxes movedim clone type_as select narrow".split()
)
_BACKWARD: Any = torch.Tensor.backward
_DATA_GET = torch.Tensor.data.__get__  # type: ignore[attr-defined]
_INTERNAL = (
    str(Path(torch.__file__).parent),
    sysconfig.get_paths()["stdlib"],
    str(Path(__file__).parent.parent),
)


@dataclass(slots=True)
class Call:
    """One run of a layer or of a nonlinearity; `reads` are indices of earlier calls."""

    path: str
    kind: str
    is_weights: bool
    reads: frozenset[int]
    nonlinearity: Nonlinearity | None = None
    normalises: bool = False
    attends: bool = False
    at: SourceSite | None = None  # of a functional call


@dataclass(slots=True)
class Running:
    """A module whose forward is running."""

    path: str
    call: int | None  # index of its call, when it is a layer
    native: bool  # a class of torch.nn: what happens inside is its own business
    leaf: bool  # has no children


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tensor came from: the nearest layer calls, and the last thing that shaped it."""

    calls: frozenset[int] = frozenset()
    last: str | None = None  # the nonlinearity or softmax it went through directly
    parameter: str | None = None  # it is this parameter, or a view of it


@dataclass(slots=True)
class LossCall:
    """A call of one of torch's loss functions."""

    kind: str
    value: torch.Tensor
    output: torch.Tensor | None
    target: torch.Tensor | None
    activation_before: str | None
    again: Callable[[torch.Tensor], torch.Tensor]  # the same loss of another output


def _calling_frame(*, users_only: bool) -> FrameType | None:
    """Return the innermost frame outside torch and gradcheck, or outside all installed packages."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((*_INTERNAL, "<")) and not (users_only and "site-packages" in name):
            return frame
        frame = frame.f_back
    return None


def user_site() -> SourceSite | None:
    """Return the innermost line of the user's code on the stack, if there is one."""
    frame = _calling_frame(users_only=True)
    return SourceSite(_shown(frame.f_code.co_filename), frame.f_lineno) if frame else None


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def tensors_in(values: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested tuples, lists, dicts and objects with fields."""
    if isinstance(values, torch.Tensor):
        yield values
    elif depth and isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors_in(value, depth - 1)
    elif depth and isinstance(values, dict):
        for value in values.values():
            yield from tensors_in(value, depth - 1)
    elif depth and hasattr(values, "__dataclass_fields__"):
        for name in values.__dataclass_fields__:
            yield from tensors_in(getattr(values, name, None), depth - 1)


@dataclass(slots=True)
class Tape:
    """The notes of one forward pass.

    `parameter_names` maps id(parameter) to (its name, its layer), `layer_of` its name to its layer.
    """

    parameter_names: dict[int, tuple[str, str]]
    layer_of: dict[str, str]
    on_nonlinearity: Callable[[Call, torch.Tensor, torch.Tensor], None]
    on_product: Callable[[str, torch.Tensor], None]
    on_attention: Callable[[Call, torch.Tensor], None]
    calls: list[Call] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    losses: list[LossCall] = field(default_factory=list)
    loss_reads: frozenset[int] = frozenset()
    merges: bool = False
    backward_value: torch.Tensor | None = None
    open: bool = True
    _origins: dict[int, tuple[weakref.ref[torch.Tensor], Origin]] = field(default_factory=dict)
    _stack: list[Running] = field(default_factory=list)
    _places: dict[str, list[Any]] = field(
        default_factory=dict
    )  # owner:name -> places in the source

    def origin(self, tensor: torch.Tensor) -> Origin:
        """Return what is known about where `tensor` came from."""
        entry = self._origins.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            return entry[1]
        named = self.parameter_names.get(id(tensor))
        return Origin(parameter=named[0]) if named else Origin()

    def set_origin(self, tensor: torch.Tensor, origin: Origin) -> None:
        """Note where `tensor` came from."""
        self._origins[id(tensor)] = (weakref.ref(tensor), origin)

    def enter(self, path: str, *, layer: Call | None, native: bool, leaf: bool) -> None:
        """A module's forward begins; `layer` is its call when it holds parameters."""
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
        call.reads = self.reads_of(tensors_in(inputs))
        inner = [
            i for i in range(index + 1, len(self.calls)) if self.calls[i].path.startswith(call.path)
        ]
        origin = Origin(frozenset({inner[-1] if inner else index}))
        for tensor in tensors_in(output):
            self.set_origin(tensor, origin)

    @property
    def depth(self) -> int:
        """How many modules are running."""
        return len(self._stack)

    @property
    def inside(self) -> str | None:
        """The innermost running module."""
        return self._stack[-1].path if self._stack else None

    @property
    def _layer(self) -> Running | None:
        """The running module that is a layer, if any."""
        return next((r for r in reversed(self._stack) if r.call is not None), None)

    def reads_of(self, tensors: Iterable[torch.Tensor]) -> frozenset[int]:
        """Return the calls that any of the tensors came from."""
        return frozenset().union(*(self.origin(t).calls for t in tensors))

    def saw(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """A call of torch's API returned."""
        name = getattr(function, "__name__", "")
        if name == "__get__":
            if function != _DATA_GET:
                return
            name = "data"
        layer = self._layer
        if layer is not None and layer.native:
            return
        given = [*tensors_in(args), *tensors_in(kwargs)]
        if layer is not None:  # a layer class of the user's: only its nonlinearities matter
            if nonlinearities.find(name) is not None and given:
                self._nonlinearity(name, given, result, after=layer.call)
            return
        if not given:
            return
        if name in _CUTS or name == "data":
            self._cut(name, given)
        if name in _LOSSES:
            self._loss(function, args, kwargs, result)
        if name in _DIFFERENCES and not self._stack:
            self._difference(given, result)
        if name in {"clamp", "clamp_min", "clamp_", "clamp_min_", "maximum"} and _is_relu(
            args, kwargs
        ):
            name = "relu"
        if nonlinearities.find(name) is not None:
            self._nonlinearity(name, given, result)
        elif name in _PRODUCTS and self._product(given, result):
            return
        elif name == "scaled_dot_product_attention" or name in _SOFTMAX:
            self._attention(name, kwargs, given, result)
        else:
            self._passed(name, given, result)

    def _path(self, name: str, *, may_be_module: bool) -> str:
        """Name a call after the module it is in; calls at different places in the source differ."""
        running = self._stack[-1] if self._stack else None
        if running is not None and may_be_module and running.leaf and running.call is None:
            return running.path
        stem = f"{running.path}:{name}" if running and running.path else name
        frame = _calling_frame(users_only=False)
        place = (frame.f_code, frame.f_lasti) if frame else None
        places = self._places.setdefault(stem, [])
        if place not in places:
            places.append(place)
        number = places.index(place) + 1
        return stem if number == 1 else f"{stem}#{number}"

    def _nonlinearity(
        self, name: str, given: list[torch.Tensor], result: Any, after: int | None = None
    ) -> None:
        found = nonlinearities.find(name)
        if found is None or not isinstance(result, torch.Tensor):
            return
        reads = self.origin(given[0]).calls if after is None else frozenset({after})
        if not reads and not given[0].requires_grad:
            return  # a nonlinearity of the data is preprocessing
        path = self._path(found.name, may_be_module=True)
        call = Call(path, found.name, False, reads, found, at=user_site())
        self.calls.append(call)
        self.set_origin(result, Origin(frozenset({len(self.calls) - 1}), found.name))
        self.on_nonlinearity(call, given[0], result)

    def _product(self, given: list[torch.Tensor], result: Any) -> bool:
        """Note `x @ w` as a run of the layer that owns w; False when no parameter takes part."""
        parameters = [o.parameter for t in given if (o := self.origin(t)).parameter]
        layers = {self.layer_of[p] for p in parameters if p in self.layer_of}
        if not layers or not isinstance(result, torch.Tensor):
            self._passed("matmul", given, result)
            return True
        path = min(layers)
        self.calls.append(Call(path, "parameter", True, self.reads_of(given)))
        self.set_origin(result, Origin(frozenset({len(self.calls) - 1})))
        self.on_product(path, result)
        return True

    def _attention(
        self,
        name: str,
        kwargs: dict[str, Any],
        given: list[torch.Tensor],
        result: Any,
    ) -> None:
        if not isinstance(result, torch.Tensor):
            return
        reads = self.reads_of(given)
        path = self._path(name, may_be_module=True)
        attends = name == "scaled_dot_product_attention" or result.dim() > 2
        call = Call(path, name, False, reads, attends=attends, at=user_site())
        self.calls.append(call)
        self.set_origin(result, Origin(frozenset({len(self.calls) - 1}), name))
        if name == "scaled_dot_product_attention":
            query, key = given[0], given[1]
            self.on_attention(call, _attention_rows(query, key, kwargs))
        elif name == "softmax" and result.dim() > 2:
            self.on_attention(call, result.detach())

    def _passed(self, name: str, given: list[torch.Tensor], result: Any) -> None:
        """Any other call: its result comes from whatever its arguments came from."""
        origins = [self.origin(t) for t in given]
        if name in _ADDS and len({o.calls for o in origins if o.calls}) > 1:
            self.merges = True
        calls = frozenset().union(*(o.calls for o in origins))
        keeps = name in _KEEP and len(given) == 1
        last = origins[0].last if keeps else None
        parameter = origins[0].parameter if keeps else None
        if name in _NORMS and calls:
            path = self._path(name, may_be_module=True)
            self.calls.append(Call(path, name, False, calls, normalises=True))
            calls = frozenset({len(self.calls) - 1})
        if not calls and parameter is None:
            return
        for tensor in tensors_in(result):
            self.set_origin(tensor, Origin(calls, last, parameter))

    def _cut(self, name: str, given: list[torch.Tensor]) -> None:
        if name in _QUIET_CUTS or not self._stack or not given[0].requires_grad:
            return  # outside the model, cuts are the training loop's business
        if self.origin(given[0]).calls:
            self.cuts.append(Cut(operation=name, layer=self.inside, at=user_site()))

    def _loss(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        if not isinstance(result, torch.Tensor):
            return
        kwargs = dict(kwargs)
        args = args or (kwargs.pop("input"),)
        output = args[0]
        target = args[1] if len(args) > 1 else kwargs.get("target")
        before = self.origin(output).last if isinstance(output, torch.Tensor) else None
        self.losses.append(
            LossCall(
                function.__name__,
                result.detach(),
                output.detach() if isinstance(output, torch.Tensor) else None,
                target.detach() if isinstance(target, torch.Tensor) else None,
                before,
                lambda other: function(other, *args[1:], **kwargs),
            )
        )

    def _difference(self, given: list[torch.Tensor], result: Any) -> None:
        """Note `output - target` outside the model: the beginning of a loss written by hand."""
        outputs = [t for t in given if self.origin(t).calls]
        targets = [t for t in given if not self.origin(t).calls and not t.requires_grad]
        if len(given) != 2 or len(outputs) != 1 or len(targets) != 1 or targets[0].numel() < 2:
            return
        output, target = outputs[0].detach(), targets[0].detach()
        apart = result.detach()
        self.losses.append(
            LossCall(
                "difference",
                (apart * apart).mean(),
                output,
                target,
                self.origin(outputs[0]).last,
                lambda other: (other - target).square().mean(),
            )
        )

    def backward_begins(self, loss: torch.Tensor) -> None:
        """The user calls `loss.backward()`: the forward pass is over."""
        self.loss_reads |= self.origin(loss).calls
        self.backward_value = (
            loss.detach() if self.backward_value is None else self.backward_value + loss.detach()
        )


def _is_relu(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    low = kwargs.get("min", args[1] if len(args) > 1 else None)
    high = kwargs.get("max", args[2] if len(args) > 2 else None)
    return isinstance(low, (int, float)) and low == 0 and high is None


def _attention_rows(query: torch.Tensor, key: torch.Tensor, kwargs: dict[str, Any]) -> torch.Tensor:
    """Return attention weights [1, heads, <= 8, keys] of the first sample, as the call would."""
    q, k = query.detach()[:1], key.detach()[:1]
    if q.dim() > 2 and k.dim() == q.dim() and q.shape[-3] != k.shape[-3] and q.dim() >= 4:
        k = k.repeat_interleave(q.shape[-3] // k.shape[-3], dim=-3)
    rows = q[..., -8:, :]
    scale = kwargs.get("scale") or q.shape[-1] ** -0.5
    return torch.softmax(rows @ k.transpose(-2, -1) * scale, dim=-1)


class Listening(TorchFunctionMode):
    """Passes every call through unchanged and shows it to the tape."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def __exit__(self, *_: object) -> None:
        """Leave the stack of modes; the user may have entered others above since."""
        if self not in _get_current_function_mode_stack():
            return
        above = []
        while (mode := _pop_mode()) is not self:
            above.append(mode)
        for mode in reversed(above):
            _push_mode(mode)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tape = self._tape
        if tape.open and func is _BACKWARD:
            tape.backward_begins(args[0])
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if tape.open:
            with torch._C.DisableTorchFunction():  # noqa: SLF001 - its public twin is a C class too
                tape.saw(func, args, kwargs, result)
        return result
