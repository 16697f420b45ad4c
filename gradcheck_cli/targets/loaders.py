"""DataLoaders of the user's: used as they are, and divided where their sampler is an ordinary one."""

import copy
from collections.abc import Iterable, Sized
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.targets.batches import Source, divider
from gradcheck_cli.targets.wording import count


def from_loader(loader: DataLoader[Any], batch_size: int | None) -> Source:
    """Use a DataLoader as it is. Raises CannotDiagnoseError when it gives no batch."""
    own = loader.batch_size
    if not isinstance(loader.dataset, IterableDataset):
        samples = len(loader.dataset) if isinstance(loader.dataset, Sized) else None
        if samples == 0:
            raise CannotDiagnoseError("the DataLoader's dataset is empty: it has no sample")
        if len(loader) == 0:
            raise CannotDiagnoseError(
                f"the DataLoader gives no batch: {count(samples or 0, 'sample')}, batch size {own}, drop_last"
            )
    notes: tuple[str, ...] = ()
    if batch_size and batch_size != own:
        notes = (f"the DataLoader's own batch size {own} is used, not {batch_size}",)
    divide = None
    if own is not None and _is_ordinary(loader):
        divide = divider(loader.dataset, own, lambda part, size: _reloaded(loader, part, size))
    return Source(lambda: _afresh(loader), divide, own, notes, _generators_of(loader))


def _afresh(loader: DataLoader[Any]) -> DataLoader[Any]:
    """Persistent workers remember their chance of the last run: let each pass have workers of its own."""
    if not loader.persistent_workers:
        return loader
    twin = copy.copy(loader)
    twin._iterator = None  # noqa: SLF001 - where the loader keeps its workers
    return twin


def _is_ordinary(loader: DataLoader[Any]) -> bool:
    return (
        not isinstance(loader.dataset, IterableDataset)
        and type(loader.sampler) in {RandomSampler, SequentialSampler}
        and type(loader.batch_sampler) is BatchSampler
    )


def _reloaded(loader: DataLoader[Any], part: Any, size: int) -> Source:
    def begin() -> Iterable[Any]:
        return DataLoader(
            part,
            batch_size=size,
            shuffle=isinstance(loader.sampler, RandomSampler),
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            drop_last=loader.drop_last,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
        )

    return Source(begin, None, size)


def _generators_of(loader: DataLoader[Any]) -> tuple[tuple[torch.Generator, Tensor], ...]:
    owners = (loader, loader.sampler, loader.batch_sampler)
    found = {
        id(generator): generator
        for owner in owners
        if isinstance(generator := getattr(owner, "generator", None), torch.Generator)
    }
    return tuple((generator, generator.get_state()) for generator in found.values())
