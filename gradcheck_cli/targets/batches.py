"""An endless row of batches from data that can be gone through again and again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from gradcheck_cli.errors import (
    THEIRS,
    CannotDiagnoseError,
    GradcheckError,
    UsageError,
    UserCodeError,
)
from gradcheck_cli.targets.randomness import Stream
from gradcheck_cli.targets.wording import describe, map_tensors, tensors_in

HELD_OUT_SHARE = 10  # one sample in so many
HELD_OUT_BATCHES = 8  # at most
NUMBERS_AT_A_TIME = 4096


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


class Part(Dataset[Any]):
    """Some samples of a dataset; a tensor of numbers is small where a list of them is not."""

    def __init__(self, whole: Any, numbers: Tensor) -> None:
        self.whole, self.numbers = whole, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        return self.whole[int(self.numbers[index])]


class Shuffled(Sampler[int]):
    """All numbers below `length` in random order, turned into Python integers as they are needed."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        for some in torch.randperm(self.length).split(NUMBERS_AT_A_TIME):
            yield from some.tolist()


END = object()
UNEQUAL = "its tensors do not have one sample per entry of their first dimension"


def samples_in(batch: Any) -> int | None:
    """Return how many samples a batch of tensors has; None where its tensors do not agree."""
    lengths = {len(tensor) for tensor in tensors_in(batch) if tensor.ndim}
    return lengths.pop() if len(lengths) == 1 else None


def narrowed(batches: Iterator[Any], most: int | None) -> Iterator[Any]:
    """Yield the first `most` samples of every batch, all where None.

    Raises UsageError on a batch that cannot be parted.
    """
    if most is None:
        yield from batches
        return
    for batch in batches:
        if samples_in(batch) is None:
            raise UsageError(
                f"--verify-on: a batch of {describe(batch)} cannot be parted: {UNEQUAL}"
            )
        yield map_tensors(batch, lambda tensor: tensor[:most] if tensor.ndim else tensor)


def _next_of(iterator: Iterator[Any]) -> Callable[[], Any]:
    return lambda: next(iterator, END)


def _guarded(read: Callable[[], Any], doing: str, stream: Stream) -> Any:
    try:
        with stream.flowing():
            return read()
    except GradcheckError:
        raise
    except THEIRS as cause:
        raise UserCodeError(doing, cause) from cause


def divider(
    data: Any, size: int, make: Callable[[Any, int], Source]
) -> Callable[[torch.Generator], tuple[Source, Source] | None]:
    """Return how to part data into a training and a held-out share; None where it is too little."""

    def divide(generator: torch.Generator) -> tuple[Source, Source] | None:
        samples = len(data)
        held = min(max(samples // HELD_OUT_SHARE, size), HELD_OUT_BATCHES * size)
        if samples - held < held:
            return None
        order = torch.randperm(samples, generator=generator)
        return make(Part(data, order[held:]), size), make(Part(data, order[:held]), size)

    return divide
