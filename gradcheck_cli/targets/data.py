"""Recognize what people call data: datasets, loaders, tensors, arrays, iterables, functions."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.batches import END, Shuffled, Source, divider
from gradcheck_cli.targets.importing import check_arguments
from gradcheck_cli.targets.lightning_modules import is_lightning, train_loader
from gradcheck_cli.targets.loaders import from_loader
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.wording import count, describe

DEFAULT_BATCH_SIZE = 32


def data_source(data: Any, options: Options, said: str) -> Source:
    """Recognize data, or a class or function that makes it. Raises as `as_source` does."""
    size = options.batch_size
    if is_lightning(data, "LightningDataModule"):
        if inspect.isclass(data) or isinstance(data, partial):
            data = call_for_data(data, said)
        return from_function(partial(train_loader, data), size, said)
    indexed = hasattr(data, "__getitem__") or hasattr(data, "__iter__")
    if inspect.isclass(data) or (callable(data) and not indexed):
        check_arguments(data, said)
        return from_function(data, size, said)
    return as_source(data, size, said)


def as_source(data: Any, batch_size: int | None, said: str = "the data") -> Source:
    """Recognize data. Raises UsageError on what is no data, CannotDiagnoseError when it is empty."""
    if isinstance(data, DataLoader):
        return from_loader(data, batch_size)
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
        if isinstance(data, Sized) and _length(data, said) == 0:
            raise CannotDiagnoseError(f"{said} is empty: it has no batch")
        return Source(lambda: data)
    raise UsageError(
        f"{said} is {_article(type(data).__name__)}; data is a Dataset, a DataLoader, a tuple of "
        "tensors (inputs, target), an iterable of batches, or a function that returns one of these"
    )


def from_function(function: Callable[[], Any], batch_size: int | None, said: str) -> Source:
    """Call the user's function for data; one that makes a new iterator is called for every pass."""
    made = call_for_data(function, said)
    if is_lightning(made, "LightningDataModule"):
        made = call_for_data(partial(train_loader, made), said)
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
    except THEIRS as cause:
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
    samples = _length(data, said)
    if samples == 0:
        raise CannotDiagnoseError(f"{said} is empty: it has no sample")
    size = batch_size or DEFAULT_BATCH_SIZE
    notes = [] if batch_size else [f"batch size {size}, because none was given"]
    if samples < size:
        notes = [f"the data has only {count(samples, 'sample')}: every batch holds all of them"]
        size = samples
    elif rest := samples % size:
        notes.append(f"the last {count(rest, 'sample')} of an epoch are carried over to the next")
    notes.append("samples are shuffled anew in each pass")
    return _shuffled(data, size, tuple(notes))


def _length(data: Sized, said: str) -> int:
    """Ask the user's data for its length. Raises UserCodeError with what that raised."""
    try:
        return len(data)
    except THEIRS as cause:
        raise UserCodeError(f"asking {said} for its length", cause) from cause


def _shuffled(data: Any, size: int, notes: tuple[str, ...] = ()) -> Source:
    def loader() -> Iterable[Any]:
        return DataLoader(data, batch_size=size, sampler=Shuffled(len(data)), drop_last=True)

    return Source(loader, divider(data, size, _shuffled), size, notes)


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
