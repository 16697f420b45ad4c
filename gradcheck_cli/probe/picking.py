"""Which elements of a tensor are read: all of a small one, a fixed grid of a large one.

A grid takes every a-th sample and every b-th unit, where b has no factor in common with the number
of units, so that every column, channel and position of a regular layout is visited alike. Norms of
large weights and gradients are read from all their elements all the same; what is estimated of large
tensors are shares, peaks, means, spreads, updates, and norms of outputs. For n elements read, a share p
has a standard error of sqrt(p (1 - p) / n), below 0.8 % for 4,096, and a root mean square a relative
one of sqrt((kurtosis - 1) / (4 n)), 1.1 % for a normal distribution.
"""

from collections.abc import Callable
from functools import lru_cache
from math import gcd
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

LIMIT = 4_096
_KNOWN = frozenset({torch.Tensor, nn.Parameter})
_SAMPLES = (
    64  # of a large batch, at most so many samples are read when its units alone fill the grid
)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return this rank's own shard of a DTensor, or the tensor; never communicates."""
    if type(tensor) in _KNOWN:
        return tensor
    to_local: Callable[[], torch.Tensor] | None = getattr(tensor, "to_local", None)
    return to_local() if to_local is not None else tensor


def is_lazy(tensor: torch.Tensor) -> bool:
    """Does a lazy layer not know its shape yet?"""
    return isinstance(tensor, (UninitializedParameter, UninitializedBuffer))


def unreadable(tensor: torch.Tensor) -> str | None:
    """Return why there are no numbers to read, or None."""
    known = type(tensor) in _KNOWN
    if not known and is_lazy(tensor):
        return "its shape is not known before its first call (lazy)"
    if tensor.is_meta:
        return "it is on the meta device and has no numbers"
    functorch = torch._C._functorch  # noqa: SLF001 - no public twin
    if functorch.is_functorch_wrapped_tensor(tensor) or functorch.is_legacy_batchedtensor(tensor):
        return "it runs inside a torch.func transform (vmap, grad)"
    if tensor.is_nested or tensor.is_quantized or tensor.is_mkldnn:
        return "nested, quantized and mkldnn tensors are not read"
    return None if known or hasattr(tensor, "to_local") else _foreign(tensor)


def _foreign(tensor: object) -> str | None:
    """Classes of tensors that hold other tensors have no numbers of their own."""
    held = is_traceable_wrapper_subclass(tensor)
    return f"tensors of class {type(tensor).__name__} are not read" if held else None


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return a dense tensor of real numbers that holds the stored elements, without its graph."""
    tensor = local(tensor.detach() if tensor.requires_grad else tensor)
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce().values()
    elif tensor.layout is not torch.strided:
        tensor = tensor.values()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor


@lru_cache(maxsize=4096)
def _every(count: int, most: int) -> tuple[int, int]:
    """Return a step without a common factor with `count`, and how many elements it takes."""
    if count <= most:
        return 1, count
    step = -(-count // most)
    while gcd(step, count) != 1:
        step += 1
    return step, -(-count // step)


@lru_cache(maxsize=4096)
def grid(samples: int, units: int, limit: int) -> tuple[int, int, int, int]:
    """Return the steps over samples and units, and how many of each are read."""
    rows = min(samples, max(_SAMPLES, limit // max(units, 1)))
    unit_step, columns = _every(units, max(limit // rows, 1))
    row_step = -(-samples // max(min(samples, limit // max(columns, 1)), 1))
    return row_step, unit_step, -(-samples // row_step), columns


def flat(tensor: torch.Tensor, limit: int = LIMIT) -> torch.Tensor:
    """Return [n <= limit] elements of a plain tensor, always the same ones."""
    count = tensor.numel()
    if count <= limit:
        return tensor.reshape(-1)
    step, taken = _every(count, limit)
    if tensor.is_contiguous():
        return torch.as_strided(tensor, (taken,), (step,), tensor.storage_offset())
    where: Any = _unravelled(tensor.shape, step, taken, tensor.device)
    gathered: torch.Tensor = tensor[where]
    return gathered


def in_memory(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return [n]: a view of all elements in the order they lie in memory, None where gaps lie between."""
    if tensor.is_contiguous():
        return tensor.view(-1)
    strides = tensor.stride()
    ordered = tensor.permute(sorted(range(tensor.dim()), key=lambda i: -strides[i]))
    return ordered.view(-1) if ordered.is_contiguous() else None


def by_sample(tensor: torch.Tensor, axis: int, limit: int = LIMIT) -> torch.Tensor:
    """Return [samples, units] of a plain tensor whose samples lie along `axis`, thinned out."""
    samples = tensor.shape[axis]
    units = tensor.numel() // samples if samples else 0
    moved = tensor.movedim(axis, 0) if axis else tensor
    if tensor.numel() <= limit:
        return moved.reshape(samples, units)
    row_step, unit_step, rows, columns = grid(samples, units, limit)
    if moved.is_contiguous():
        strides = (row_step * units, unit_step)
        return torch.as_strided(moved, (rows, columns), strides, moved.storage_offset())
    where: Any = (slice(None), *_unravelled(moved.shape[1:], unit_step, columns, tensor.device))
    gathered: torch.Tensor = moved[::row_step][where]
    return gathered


@lru_cache(maxsize=256)
def _unravelled(
    shape: torch.Size, step: int, taken: int, device: torch.device
) -> tuple[torch.Tensor, ...]:
    """Return the indices of every `step`-th element of a tensor of this shape."""
    return torch.unravel_index(torch.arange(taken, device=device) * step, shape)
