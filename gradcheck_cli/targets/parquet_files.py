"""`.parquet`, one group of rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.tables import read_table

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
