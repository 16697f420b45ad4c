"""Batches and tensors in words, for messages."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor


def describe(value: Any) -> str:
    """Say what a batch or an output is, in dtypes and shapes: `(float32[32, 64], int64[32])`."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {describe(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, tuple | list):
        shown = [describe(entry) for entry in value[:6]] + ["..."] * (len(value) > 6)
        return f"({', '.join(shown)})"
    if is_dataclass(value) and not isinstance(value, type):
        entries = (
            f"{field.name}: {describe(getattr(value, field.name))}" for field in fields(value)
        )
        return f"{type(value).__name__}({', '.join(entries)})"
    return type(value).__name__


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return `value` with every tensor in it replaced by `change(tensor)`; containers keep their type."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return _like(value, {key: map_tensors(entry, change) for key, entry in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(entry, change) for entry in value))
    if isinstance(value, tuple | list):
        return type(value)(map_tensors(entry, change) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: map_tensors(getattr(value, field.name), change)
            for field in fields(value)
            if field.init
        }
        return type(value)(**changed)
    if isinstance(value, Mapping):  # transformers.BatchEncoding and kin
        return {key: map_tensors(entry, change) for key, entry in value.items()}
    return value


def moved(value: Any, device: torch.device) -> Any:
    """Return a batch on this device; objects of other libraries move themselves."""
    if device.type == "cpu":
        return value
    if not isinstance(value, Tensor | Mapping) and callable(move := getattr(value, "to", None)):
        return move(device)  # a graph of torch_geometric and kin
    return map_tensors(value, lambda tensor: tensor.to(device))


def _like(original: dict[Any, Any], entries: dict[Any, Any]) -> dict[Any, Any]:
    return entries if type(original) is dict else type(original)(entries)


def tensors_in(value: Any) -> list[Tensor]:
    """Return every tensor inside, in order."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(value, note)
    return found


def count(number: int, noun: str) -> str:
    """Return `1 sample`, `2 samples`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
