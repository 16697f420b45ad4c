"""Columns of a table as tensors: numbers as they are, words as numbers, gaps filled, all of it said.

Read are `.csv`, `.tsv` and their `.gz`, line by line, and `.parquet`, a group of rows at a time.
"""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, TensorDataset

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.calling import TARGET_NAMES
from gradcheck_cli.targets.importing import nearest
from gradcheck_cli.targets.options import Options

HEAD = 20_000  # rows that decide what a column holds
SHUFFLED = 2_000  # rows of a long table that are shuffled among each other
MOST_MISSING = 0.5
MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds. Words have `codes`; gaps in a column of numbers get `filling`."""

    name: str
    place: int
    codes: dict[str, int] | None = None
    filling: float | None = None
    whole: bool = False

    def number(self, value: Any) -> float:
        """Return the number that stands for a cell. Raises UsageError on a word among numbers."""
        if is_missing(value):
            if self.codes is not None:
                return float(self.codes.get("", len(self.codes)))
            return math.nan if self.filling is None else self.filling
        if self.codes is not None:
            return float(self.codes.get(str(value), len(self.codes)))
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UsageError(f"column {self.name!r} holds numbers, but also {value!r}") from None


@dataclass(frozen=True, slots=True)
class Table:
    """Features and a target; `rows()` starts reading from the top."""

    features: tuple[Column, ...]
    target: Column
    rows: Callable[[], Iterable[Row]]

    def sample(self, row: Row) -> tuple[Tensor, Tensor]:
        """Return float32 [features] and the target: int64 for classes, float32 for numbers."""
        numbers = torch.tensor([column.number(row[column.place]) for column in self.features])
        goal = self.target.number(row[self.target.place])
        kind = torch.int64 if self.target.whole else torch.float32
        return numbers, torch.tensor(goal, dtype=kind)

    def samples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows that have a target."""
        return (self.sample(row) for row in self.rows() if not is_missing(row[self.target.place]))


class LongTable(IterableDataset[tuple[Tensor, Tensor]]):
    """A table that is not held in memory: read from the top, shuffled a window at a time."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        samples = self.table.samples()
        while window := list(islice(samples, SHUFFLED)):
            for index in torch.randperm(len(window)).tolist():
                yield window[index]


def read_table(
    path: Path, header: list[str], rows: Callable[[], Iterable[Row]], wanted: str | None
) -> tuple[Any, tuple[str, ...]]:
    """Return the samples of a table and what was assumed about them. Raises UsageError."""
    if len(set(header)) < len(header):
        raise UsageError(f"{path} has two columns of one name: {', '.join(header)}")
    target, notes = choose_target(path, header, wanted)
    reading = iter(rows())
    head = list(islice(reading, HEAD))
    if not head:
        raise UsageError(f"{path} is empty: it has no row below its header")
    longer = next(reading, None) is not None
    columns = {
        name: look_at(name, place, [row[place] for row in head], notes)
        for place, name in enumerate(header)
    }
    goal = columns.pop(target)
    if not columns:
        raise UsageError(f"{path} has no column besides the target {target!r}")
    if missing := sum(is_missing(row[goal.place]) for row in head):
        notes.append(f"{missing} rows of the first {len(head)} have no {target!r} and are left out")
    table = Table(tuple(columns.values()), goal, rows)
    notes.append("columns are used as they are, not scaled")
    if longer:
        notes.append(f"a long table: read from the top, {SHUFFLED} rows shuffled at a time")
        return LongTable(table), tuple(notes)
    samples = list(table.samples())
    if not samples:
        raise UsageError(f"{path} has no row with a {target!r}")
    inputs, goals = zip(*samples, strict=True)
    return TensorDataset(torch.stack(inputs), torch.stack(goals)), tuple(notes)


def choose_target(path: Path, header: list[str], wanted: str | None) -> tuple[str, list[str]]:
    """Return the target column: the one named, else one with a usual name. Raises UsageError."""
    if wanted is not None:
        if wanted in header:
            return wanted, []
        near = nearest(wanted, header)
        hint = f"did you mean {near!r}?" if near else f"it has {', '.join(header[:12])}"
        raise UsageError(f"{path} has no column {wanted!r}; {hint}")
    usual = [name for name in header if name.strip().lower() in (*TARGET_NAMES, "class")]
    if len(usual) == 1:
        return usual[0], [f"target column {usual[0]!r}, because none was named"]
    raise UsageError(
        f"which column of {path} is the target? --target-column NAME; it has {', '.join(header[:12])}"
    )


def look_at(name: str, place: int, cells: list[Any], notes: list[str]) -> Column:
    """Say what a column holds. Raises UsageError when most of it is missing."""
    present = [cell for cell in cells if not is_missing(cell)]
    gaps = len(cells) - len(present)
    if gaps > MOST_MISSING * len(cells):
        raise UsageError(
            f"column {name!r} is missing in {gaps} of {len(cells)} rows; leave it out or fill it"
        )
    if all(is_number(cell) for cell in present):
        numbers = [float(cell) for cell in present]
        if not gaps:
            return Column(name, place, whole=all(_is_whole(cell) for cell in present))
        mean = sum(numbers) / len(numbers)
        notes.append(f"column {name!r}: {gaps} missing values become its mean, {mean:.4g}")
        return Column(name, place, filling=mean, whole=all(_is_whole(cell) for cell in present))
    words = sorted({str(cell) for cell in present} | ({""} if gaps else set()))
    shown = ", ".join(f"{word or 'missing'}={code}" for code, word in enumerate(words[:4]))
    notes.append(
        f"column {name!r} holds words, which become numbers: {shown}{', ...' * (len(words) > 4)}"
    )
    return Column(name, place, {word: code for code, word in enumerate(words)}, whole=True)


def is_missing(cell: Any) -> bool:
    """Is nothing there? (an empty cell, NA, null, NaN)"""
    if cell is None:
        return True
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    return isinstance(cell, float) and math.isnan(cell)


def is_number(cell: Any) -> bool:
    """Can it be read as a number?"""
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _is_whole(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().lstrip("+-").isdigit()
    return isinstance(cell, int)


LONGEST_LINE = 4 * 2**20  # characters; a longer one is no table, but may fill the memory


def open_csv(path: Path, options: Options) -> tuple[Any, tuple[str, ...]]:
    """Return the samples of a table with a header. Raises UsageError where it is none."""
    header = next(_cells(path), None)
    if header is None:
        raise UsageError(f"{path} is empty: it has no header")
    if all(is_number(cell) for cell in header):
        raise UsageError(f"{path} has no header: its first line is {', '.join(header[:5])}")

    def rows() -> Iterator[list[str]]:
        cells = _cells(path)
        next(cells, None)
        for number, row in enumerate(cells, 2):
            if not row:
                continue
            if len(row) != len(header):
                raise UsageError(
                    f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}"
                )
            yield row

    return read_table(path, header, rows, options.target_column)


def _cells(path: Path) -> Iterator[list[str]]:
    tabs = ".tsv" in path.suffixes
    try:
        with _open(path) as file:
            yield from csv.reader(_lines(file, path), delimiter="\t" if tabs else ",")
    except (csv.Error, UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as cause:
        raise UsageError(f"{path} cannot be read as a table: {cause}") from None


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise UsageError(f"{path} has a line of more than {LONGEST_LINE:,} characters")
        yield line


ROWS_AT_A_TIME = 1024


def open_parquet(path: Path, options: Options) -> tuple[Any, tuple[str, ...]]:
    """Return the samples of a table. Raises UsageError on broken files and nested columns."""
    try:
        from pyarrow import ArrowInvalid, parquet, types
    except ModuleNotFoundError:
        raise UsageError(f"reading {path} needs pyarrow: pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (ArrowInvalid, OSError) as cause:
        raise UsageError(f"{path} is not a readable Parquet file: {cause}") from None
    nested = [field.name for field in schema if types.is_nested(field.type)]
    if nested:
        raise UsageError(
            f"{path}: column {nested[0]!r} holds {schema.field(nested[0]).type}, no single values; "
            "build the dataset in a function of yours and name that: --data file.py:data"
        )

    def rows() -> Iterator[list[Any]]:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_A_TIME):
                columns = [column.to_pylist() for column in batch.columns]
                yield from (list(row) for row in zip(*columns, strict=True))

    return read_table(path, schema.names, rows, options.target_column)
