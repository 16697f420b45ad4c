"""What a tape notes: calls, where tensors came from, losses; and the names torch gives its calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from gradcheck_cli.ops import CLAMPS, STEEP
from gradcheck_cli.probe.nonlinearities import Nonlinearity
from gradcheck_cli.records.trace import SourceSite


@dataclass(slots=True)
class Call:
    """One run of a layer or of a nonlinearity; `reads` are indices of earlier calls."""

    path: str
    kind: str
    is_weights: bool
    reads: frozenset[int]
    nonlinearity: Nonlinearity | None = None
    normalizes: bool = False
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


_NO_TENSORS = frozenset({int, float, bool, str, type(None), torch.dtype, torch.device})
NOWHERE = Origin()


def tensors_in(values: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested tuples, lists, dicts and objects with fields."""
    if isinstance(values, torch.Tensor):
        yield values
    elif not depth or type(values) in _NO_TENSORS:
        return
    elif isinstance(values, PackedSequence):
        yield values.data
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors_in(value, depth - 1)
    elif isinstance(values, dict):
        for value in values.values():
            yield from tensors_in(value, depth - 1)
    elif hasattr(values, "__dataclass_fields__"):
        for name in values.__dataclass_fields__:
            yield from tensors_in(getattr(values, name, None), depth - 1)


def meant(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the nonlinearity that a clamp or a hardtanh with these arguments is, else the name."""
    if name in CLAMPS and _is_relu(args, kwargs):
        return "relu"
    return "relu6" if name.removesuffix("_") == "hardtanh" and _is_relu6(args, kwargs) else name


def _is_relu(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Does `clamp` with these arguments cut off at zero only?"""
    low = kwargs.get("min", args[1] if len(args) > 1 else None)
    high = kwargs.get("max", args[2] if len(args) > 2 else None)
    return isinstance(low, (int, float)) and low == 0 and high is None


def _is_relu6(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Does `hardtanh` with these arguments run from 0 to 6? `nn.ReLU6` is written that way."""
    low = kwargs.get("min_val", args[1] if len(args) > 1 else None)
    high = kwargs.get("max_val", args[2] if len(args) > 2 else None)
    return bool(low == 0 and high == 6)


def is_steep(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Has this call a point with a value and without a finite slope? Of powers those between 0 and 1."""
    power = args[1] if len(args) > 1 else kwargs.get("exponent")
    rooted = isinstance(power, (int, float)) and 0 < power < 1
    return name in STEEP and ("pow" not in name or rooted)


def repeated(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that makes the same call with another first argument."""

    def again(other: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = function(other, *(_like(a, other) for a in args[1:]), **kwargs)
        return result

    return again


def _like(value: Any, other: torch.Tensor) -> Any:
    """A tensor argument (PReLU's slope) in the precision that the other one is read in."""
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.detach().to(other.dtype) if floating else value
