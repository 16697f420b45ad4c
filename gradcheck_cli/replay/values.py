"""What calls are given and return: nested values, and the placeholders that stand for tensors in them."""

import copy
import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

DEPTH = 6  # levels of nesting that are looked into
_WHOLE = (nn.Module, type, torch.optim.Optimizer, torch.Generator, types.ModuleType)
_PLAIN = (str, bytes, int, float, bool, complex, type(None), torch.dtype, torch.device, slice)
Step = tuple[str, Any]  # ("item", key) or ("attribute", name)
Path = tuple[Step, ...]


class Placeholder:
    """Stands for a tensor in what is recorded."""


@dataclass(frozen=True, slots=True)
class Made(Placeholder):
    """What an earlier recorded event made."""

    slot: int


@dataclass(frozen=True, slots=True, eq=False)
class Given(Placeholder):
    """Data: what nothing recorded made. `fresh`: each step needs a copy, because it is written to."""

    tensor: Tensor
    fresh: bool = False
    number: int = 0  # how many there were before it


@dataclass(slots=True, eq=False)
class Owned(Placeholder):
    """A parameter or buffer of a module, or a tensor that an optimizer trains.

    Of which module may be found out after it was first used.
    """

    tensor: Tensor
    module: nn.Module | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Alias(Placeholder):
    """Another view of the memory of a parameter or buffer, taken before the recording began."""

    owner: Owned
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Placeholder):
    """What a module wrote into an attribute, or a hook into a list or dict, in the same step."""

    holder: Any
    key: Any


def mapped(value: Any, change: Callable[[Any], Any], depth: int = DEPTH) -> Any:
    """Return the value with every tensor and placeholder in it changed; unchanged parts are kept."""
    if isinstance(value, Tensor | Placeholder):
        return change(value)
    if depth == 0 or isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple | list):
        return _sequence(value, [mapped(entry, change, depth - 1) for entry in value])
    if isinstance(value, dict):
        new = {key: mapped(entry, change, depth - 1) for key, entry in value.items()}
        return _dictionary(value, new)
    if not _has_parts(value):
        return value
    parts = {key: mapped(entry, change, depth - 1) for key, entry in vars(value).items()}
    if all(parts[key] is entry for key, entry in vars(value).items()):
        return value
    twin = copy.copy(value)
    for key, entry in parts.items():
        object.__setattr__(twin, key, entry)
    return twin


def _sequence(value: Any, new: list[Any]) -> Any:
    if all(a is b for a, b in zip(value, new, strict=True)):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*new)
    if type(value) in (tuple, list, torch.Size):
        return tuple(new) if isinstance(value, tuple) else new
    return type(value)(new)


def _dictionary(value: dict[Any, Any], new: dict[Any, Any]) -> Any:
    if all(new[key] is entry for key, entry in value.items()):
        return value
    if type(value) is dict:
        return new
    twin: Any = copy.copy(value)
    if dataclasses.is_dataclass(twin):  # transformers' ModelOutput is both
        for key, entry in new.items():
            object.__setattr__(twin, key, entry)
    for key, entry in new.items():
        dict.__setitem__(twin, key, entry)
    return twin


def _has_parts(value: Any) -> bool:
    if isinstance(value, _WHOLE) or callable(value):
        return False
    return bool(getattr(value, "__dict__", None))


def leaves(value: Any, path: Path = (), depth: int = DEPTH) -> Iterator[tuple[Path, Tensor]]:
    """Yield every tensor in a value with the way to it."""
    if isinstance(value, Tensor):
        yield path, value
    elif depth == 0 or isinstance(value, _PLAIN):
        return
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from leaves(entry, (*path, ("item", key)), depth - 1)
    elif isinstance(value, tuple | list):
        for index, entry in enumerate(value):
            yield from leaves(entry, (*path, ("item", index)), depth - 1)
    elif _has_parts(value):
        for key, entry in vars(value).items():
            yield from leaves(entry, (*path, ("attribute", key)), depth - 1)


def at(value: Any, path: Path) -> Any:
    """Return what lies at the end of the way. Raises KeyError, IndexError or AttributeError."""
    for kind, key in path:
        value = value[key] if kind == "item" else getattr(value, key)
    return value


def named_within(name: str, value: Any) -> Iterator[tuple[str, Placeholder]]:
    """Yield every placeholder in an argument; what a dict or an object holds is named after its place there."""
    held = value if isinstance(value, Mapping) else vars(value) if _has_parts(value) else {}
    named = {f"{name}.{key}": entry for key, entry in held.items()} or {name: value}
    yield from ((n, x) for n, entry in named.items() for x in placeholders(entry))


def placeholders(value: Any) -> list[Placeholder]:
    """Return every placeholder in a recorded value."""
    found: list[Placeholder] = []

    def note(entry: Any) -> Any:
        if isinstance(entry, Placeholder):
            found.append(entry)
        return entry

    mapped(value, note)
    return found
