"""From a tensor to a few sums on its own device; nothing here waits for the device.

Tensors of up to `LIMIT` elements are read whole. Of larger ones a fixed, evenly strided sample is
read and its sums are scaled up: for n sampled elements the relative standard error of a root mean
square is about sqrt((kurtosis - 1) / (4 n)), 0.55 % for a normal distribution.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli.records.moments import Moments

LIMIT = 16_384


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return this rank's own shard of a DTensor, or the tensor; never communicates."""
    to_local: Callable[[], torch.Tensor] | None = getattr(tensor, "to_local", None)
    return to_local() if to_local is not None else tensor


def sample(tensor: torch.Tensor, limit: int = LIMIT) -> torch.Tensor:
    """Return [n <= limit] elements of `tensor`, always the same ones, without its graph."""
    tensor = local(tensor.detach())
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    flat = tensor.reshape(-1)
    stride = -(-flat.numel() // limit)
    return flat if stride <= 1 else flat[::stride]


def sums(values: torch.Tensor) -> torch.Tensor:
    """Return float64 [5]: non-finite, zeros, sum, sum of squares, peak of the finite elements."""
    wide = values.to(torch.float64 if values.device.type != "mps" else torch.float32)
    finite = torch.isfinite(wide)
    clean = torch.where(finite, wide, 0.0)
    bad = finite.numel() - finite.sum()
    if clean.numel() == 0:
        return wide.new_zeros(5)
    return torch.stack(
        [
            bad.to(wide.dtype),
            (finite.numel() - torch.count_nonzero(clean) - bad).to(wide.dtype),
            clean.sum(),
            torch.dot(clean, clean),
            clean.abs().max(),
        ]
    )


def moments(numbers: list[float], read: int, count: int) -> Moments:
    """Turn five sums over `read` elements into the moments of a tensor of `count` elements."""
    bad, zeros, total, square, peak = numbers
    scale = count / read if read else 0.0
    return Moments(
        count=count,
        nonfinite=round(bad * scale) if bad * scale >= 1 else int(bad > 0),
        zeros=round(zeros * scale),
        total=total * scale,
        square=square * scale,
        peak=peak,
    )


@dataclass(slots=True)
class Ledger:
    """Numbers still on the device, fetched together once a step."""

    tensors: list[torch.Tensor] = field(default_factory=list)
    entries: list[tuple[Any, int, int, int]] = field(
        default_factory=list
    )  # key, width, read, count

    def add(self, key: Any, numbers: torch.Tensor, read: int = 0, count: int = 0) -> None:
        """Note float [k] `numbers` under `key`."""
        self.entries.append((key, numbers.numel(), read, count))
        self.tensors.append(numbers.reshape(-1))

    def read(self, key: Any, tensor: torch.Tensor, limit: int = LIMIT) -> None:
        """Note the sums of `tensor` under `key`."""
        part = sample(tensor, limit)
        self.add(key, sums(part), part.numel(), local(tensor).numel())

    def fetch(self) -> list[tuple[Any, list[float], int, int]]:
        """Return (key, numbers, elements read, elements in all) of everything noted; empties it."""
        by_device: dict[torch.device, list[int]] = {}
        for i, tensor in enumerate(self.tensors):
            by_device.setdefault(tensor.device, []).append(i)
        numbers: dict[int, list[float]] = {}
        for indices in by_device.values():
            joined = torch.cat([self.tensors[i].to(torch.float64) for i in indices]).tolist()
            at = 0
            for i in indices:
                width = self.entries[i][1]
                numbers[i] = joined[at : at + width]
                at += width
        result = [(k, numbers[i], read, n) for i, (k, _, read, n) in enumerate(self.entries)]
        self.tensors.clear()
        self.entries.clear()
        return result
