"""Whether samples that were trained on are scaled or shifted in place later, as where each reading normalizes the data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data import Dataset, Subset

from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.picking import plain, unreadable
from gradcheck_cli.probe.replacing import instead
from gradcheck_cli.probe.shield import around
from gradcheck_cli.probe.sites import is_installed, site_of_code
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_KEPT, _LEAST = 16, 6  # samples of a group; those that have to have changed
_READ = 64  # numbers of each
_LOOKS = 1024  # at a group: after them nothing new is learned
_GROUPS = 4
_HELD = 2**28  # bytes: larger data are not kept alive for it
_EXACT = 1e-6  # of the variance, that no scale and shift explain


@dataclass(slots=True)
class Group:
    """Samples whose memory may be that of the data, and what they were."""

    held: list[torch.Tensor]
    was: torch.Tensor
    at: SourceSite | None = None  # what reads them
    left: int = _LOOKS
    changed: int = 0

    def look(self) -> None:
        """Decide once, when enough of them have changed: rounding would hide what is done often."""
        if self.left <= 0:
            return
        self.left -= 1
        now = _numbers(self.held)
        changed = (now != self.was).any(1)
        if int(changed.sum()) >= _LEAST:
            self.left = 0
            scaled = _is_scaled(self.was[changed].double(), now[changed].double())
            self.changed = int(changed.sum()) if scaled else 0


@dataclass(slots=True)
class Rescaled:
    """Keeps the first samples of data sets, and of inputs that are views of larger tensors."""

    groups: dict[int, Group] = field(default_factory=dict)  # by data set; one of inputs by 0

    def watch(self, iterator: Any) -> None:
        """Look at the samples that a loader's iterator puts together in this process."""
        fetcher = getattr(iterator, "_dataset_fetcher", None)
        data = getattr(fetcher, "dataset", None)
        while isinstance(data, Subset):
            data = data.dataset
        if fetcher is None or not isinstance(data, Dataset) or not fetcher.auto_collation:
            return

        def collate(original: Callable[..., Any], samples: Any) -> Any:
            self._reads(data, samples)
            return original(samples)

        original = fetcher.collate_fn
        fetcher.collate_fn = instead(
            original, lambda _, samples: around(original, collate, (samples,), {})
        )

    @unheard
    def _reads(self, data: Dataset[Any], samples: Sequence[Any]) -> None:
        group = self.groups.get(id(data))
        if group is not None:
            group.look()
        else:
            code = getattr(type(data).__getitem__, "__code__", None)
            at = None
            if code is not None and not is_installed(code.co_filename):
                at = site_of_code(code)
            self._keep(id(data), [_first(s) for s in samples[:_KEPT]], at)

    @unheard
    def enters(self, given: torch.Tensor) -> None:
        """A batch enters the model."""
        if (group := self.groups.get(0)) is not None:
            group.look()
        elif given._base is not None and given.dim() > 1 and not given.requires_grad:  # noqa: SLF001 - no public way to ask
            self._keep(0, list(given.detach()[:_KEPT]), None)

    def _keep(self, key: int, held: Sequence[Any], at: SourceSite | None) -> None:
        same = {(t.shape, t.dtype, t.device) if _is_read(t) else None for t in held}
        fits = len(self.groups) < _GROUPS and len(held) >= _LEAST
        if fits and len(same) == 1 and None not in same:
            self.groups[key] = Group(list(held), _numbers(held).clone(), at)

    def habits(self) -> Iterator[Habit]:
        """Say which samples were scaled or shifted after they had been trained on."""
        for group in self.groups.values():
            group.look()
            if group.changed:
                yield Habit(
                    kind=Kind.RESCALED, times=group.changed, of=len(group.held), at=group.at
                )


def _first(sample: Any) -> torch.Tensor | None:
    """Return the first tensor of a sample, or what shares the memory of its first array."""
    for value in sample if isinstance(sample, (list, tuple)) else [sample]:
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None):
            return torch.from_numpy(value) if _is_shared(value) else None
    return next(iter(tensors_in(sample)), None)


def _is_shared(array: Any) -> bool:
    """Is it an array of floats whose memory torch can have, without a warning?"""
    known = array.dtype.isnative and array.dtype.name in {"float16", "float32", "float64"}
    whole = all(s >= 0 and s % array.itemsize == 0 for s in array.strides)
    return bool(known and whole and array.flags.writeable)


def _is_read(tensor: torch.Tensor | None) -> bool:
    if tensor is None or unreadable(tensor) is not None or tensor.layout is not torch.strided:
        return False
    return tensor.is_floating_point() and 0 < tensor.untyped_storage().nbytes() <= _HELD


def _numbers(samples: Sequence[torch.Tensor]) -> torch.Tensor:
    flat = [plain(t).reshape(-1) for t in samples]
    return torch.stack([f[:: -(-len(f) // _READ)] for f in flat])


def _is_scaled(was: torch.Tensor, now: torch.Tensor) -> bool:
    """Is each number, over all samples, a scale times what it was plus a shift?"""
    if not (was.isfinite().all() and now.isfinite().all()):
        return False
    x, y = was - was.mean(0), now - now.mean(0)
    slope = (x * y).sum(0) / x.square().sum(0).clamp_min(1e-300)
    rest, varies = (y - slope * x).square().mean(), y.square().mean()
    return bool(rest <= _EXACT * varies) and bool(varies > _EXACT * now.square().mean())
