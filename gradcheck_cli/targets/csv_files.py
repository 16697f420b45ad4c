"""`.csv`, `.tsv` and their `.gz`, read line by line."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.tables import is_number, read_table

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
