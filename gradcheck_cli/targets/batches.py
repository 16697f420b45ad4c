"""From what people call data to an endless row of batches, the same row every time."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)

from gradcheck_cli.errors import CannotDiagnoseError, GradcheckError, UsageError, UserCodeError
from gradcheck_cli.targets.randomness import Stream
from gradcheck_cli.targets.wording import count, describe

DEFAULT_BATCH_SIZE = 32
HELD_OUT_SHARE = 10  # one sample in so many
HELD_OUT_BATCHES = 8  # at most


@dataclass(frozen=True, slots=True)
class Source:
    """Data that can be gone through again and again.

    `begin()` starts one pass. `divide(generator)`, where the samples can be counted, returns how to
    begin passes over the training part and over the held-out part.
    """

    begin: Callable[[], Iterable[Any]]
    divide: Callable[[torch.Generator], tuple["Source", "Source"] | None] | None = None
    batch_size: int | None = None
    assumptions: tuple[str, ...] = ()
    generators: tuple[tuple[torch.Generator, Tensor], ...] = ()  # with their state at the start

    def endless(self, seed: int) -> Iterator[Any]:
        """Yield batches for ever; data that ends begins again. The same row for the same seed."""
        for generator, state in self.generators:
            generator.set_state(state)
        stream = Stream(seed)
        while True:
            read = 0
            iterator = _guarded(lambda: iter(self.begin()), "opening the data", stream)
            while (
                batch := _guarded(_next_of(iterator), f"reading batch {read}", stream)
            ) is not END:
                read += 1
                yield batch
            if not read:
                raise CannotDiagnoseError("the data is empty: it gave no batch")

    def first(self, seed: int, number: int) -> list[Any]:
        """Return the first batches of that row."""
        return list(islice(self.endless(seed), number))


END = object()


def _next_of(iterator: Iterator[Any]) -> Callable[[], Any]:
    return lambda: next(iterator, END)


def _guarded(read: Callable[[], Any], doing: str, stream: Stream) -> Any:
    try:
        with stream.flowing():
            return read()
    except GradcheckError:
        raise
    except Exception as cause:
        raise UserCodeError(doing, cause) from cause


def as_source(data: Any, batch_size: int | None, said: str = "the data") -> Source:
    """Recognise data. Raises UsageError on what is no data, CannotDiagnoseError when it is empty."""
    if isinstance(data, DataLoader):
        return _from_loader(data, batch_size)
    if isinstance(data, IterableDataset):
        return _from_stream(data, batch_size)
    if isinstance(data, Tensor):
        data = (data,)
    if isinstance(data, tuple | dict) and _is_table(data):
        data = _as_dataset(data, said)
    if isinstance(data, Dataset) or _is_map_style(data):
        return _from_dataset(data, batch_size, said)
    if isinstance(data, Iterator):
        return _from_once(data)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | Mapping):
        if isinstance(data, Sized) and len(data) == 0:
            raise CannotDiagnoseError(f"{said} is empty: it has no batch")
        return Source(lambda: data)
    raise UsageError(
        f"{said} is {_article(type(data).__name__)}; data is a Dataset, a DataLoader, a tuple of "
        "tensors (inputs, target), an iterable of batches, or a function that returns one of these"
    )


def from_function(function: Callable[[], Any], batch_size: int | None, said: str) -> Source:
    """Call the user's function for data; one that makes a new iterator is called for every pass."""
    made = call_for_data(function, said)
    if not isinstance(made, Iterator):
        return as_source(made, batch_size, f"what {said} returned")
    waiting = [made]

    def begin() -> Iterable[Any]:
        return waiting.pop() if waiting else call_for_data(function, said)

    return Source(begin)


def call_for_data(function: Callable[[], Any], said: str) -> Any:
    """Call the user's function. Raises UserCodeError with what it raised."""
    try:
        return function()
    except Exception as cause:
        raise UserCodeError(f"calling {said}", cause) from cause


def _is_table(data: Any) -> bool:
    columns = list(data.values()) if isinstance(data, Mapping) else list(data)
    return bool(columns) and all(
        isinstance(column, Tensor) or _is_array(column) for column in columns
    )


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy" and hasattr(value, "__array__")


def _as_dataset(data: Any, said: str) -> Any:
    entries = dict(data) if isinstance(data, dict) else dict(enumerate(data))
    tensors = {key: _as_tensor(value) for key, value in entries.items()}
    lengths = {len(tensor) if tensor.ndim else 0 for tensor in tensors.values()}
    if len(lengths) > 1:
        raise UsageError(
            f"{said} has columns of different lengths: {describe(tuple(tensors.values()))}"
        )
    if isinstance(data, dict):
        return _Columns({str(key): value for key, value in tensors.items()})
    return TensorDataset(*tensors.values())


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    tensor = torch.as_tensor(value)
    return tensor.float() if tensor.dtype == torch.float64 else tensor


class _Columns(Dataset[dict[str, Tensor]]):
    """A dict of tensors, sample by sample."""

    def __init__(self, columns: dict[str, Tensor]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: column[index] for name, column in self.columns.items()}


def _is_map_style(data: Any) -> bool:
    """Samples by number, as datasets of other libraries have them (lists hold batches instead)."""
    kind = type(data)
    return (
        hasattr(kind, "__getitem__")
        and hasattr(kind, "__len__")
        and not isinstance(data, list | tuple | Mapping | str | bytes)
    )


def _from_dataset(data: Any, batch_size: int | None, said: str) -> Source:
    try:
        samples = len(data)
    except TypeError as cause:
        raise UserCodeError(f"asking {said} for its length", cause) from cause
    if samples == 0:
        raise CannotDiagnoseError(f"{said} is empty: it has no sample")
    size = batch_size or DEFAULT_BATCH_SIZE
    notes = [] if batch_size else [f"batch size {size}, because none was given"]
    if samples < size:
        notes = [f"the data has only {count(samples, 'sample')}: every batch holds all of them"]
        size = samples
    elif rest := samples % size:
        notes.append(f"the last {count(rest, 'sample')} of each pass do not fill a batch and wait")
    notes.append("samples are shuffled anew in each pass")
    return _shuffled(data, size, tuple(notes))


def _shuffled(data: Any, size: int, notes: tuple[str, ...] = ()) -> Source:
    def loader() -> Iterable[Any]:
        return DataLoader(data, batch_size=size, shuffle=True, drop_last=True)

    return Source(loader, _divider(data, size, _shuffled), size, notes)


def _divider(
    data: Any, size: int, make: Callable[[Any, int], Source]
) -> Callable[[torch.Generator], tuple[Source, Source] | None]:
    def divide(generator: torch.Generator) -> tuple[Source, Source] | None:
        samples = len(data)
        held = min(max(samples // HELD_OUT_SHARE, size), HELD_OUT_BATCHES * size)
        if samples - held < held:
            return None
        order = torch.randperm(samples, generator=generator).tolist()
        return make(Subset(data, order[held:]), size), make(Subset(data, order[:held]), size)

    return divide


def _from_loader(loader: DataLoader[Any], batch_size: int | None) -> Source:
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
        divide = _divider(loader.dataset, own, lambda part, size: _reloaded(loader, part, size))
    return Source(lambda: loader, divide, own, notes, _generators_of(loader))


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


def _from_stream(data: IterableDataset[Any], batch_size: int | None) -> Source:
    size = batch_size or DEFAULT_BATCH_SIZE
    notes = () if batch_size else (f"batch size {size}, because none was given",)
    return Source(lambda: DataLoader(data, batch_size=size), None, size, notes)


def _from_once(iterator: Iterator[Any]) -> Source:
    """Keep what an iterator gave, so that every build sees the same batches."""
    kept: list[Any] = []

    def begin() -> Iterator[Any]:
        position = 0
        while True:
            if position == len(kept):
                if (batch := next(iterator, END)) is END:
                    return
                kept.append(batch)
            yield kept[position]
            position += 1

    note = "the data is an iterator that runs once: its batches are kept and begun again"
    return Source(begin, assumptions=(note,))


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def takes_no_arguments(function: Any) -> bool:
    """Can it be called as it is?"""
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True
