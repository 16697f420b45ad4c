"""`gradcheck compare BEFORE AFTER`."""

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli.consoles import write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError

BeforeArgument = Annotated[Path, typer.Argument(metavar="BEFORE", help="A saved report.")]
AfterArgument = Annotated[Path, typer.Argument(metavar="AFTER", help="A later one.")]


class Shape(StrEnum):
    """How the comparison is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@command
def compare(
    before: BeforeArgument,
    after: AfterArgument,
    output: Annotated[Shape, typer.Option("--output", "-o", help="On stdout.")] = Shape.TEXT,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", min=0, metavar="DECADES", help="How far a number may move unnoticed."
        ),
    ] = 0.5,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 even with findings.")
    ] = False,
) -> int:
    """Say what is new, gone, worse and better in AFTER. Exits 1 when something is new or worse."""
    from gradcheck_cli import comparing
    from gradcheck_cli.records.yamlfile import read
    from gradcheck_cli.renderers import comparison as told

    if not isfinite(tolerance):
        raise UsageError(f"--tolerance {tolerance}: it must be a finite number")
    old, new = read(before), read(after)
    found = comparing.compare_reports(old, new, tolerance=tolerance)
    notes = tuple(comparing.differences(old, new))
    write: Callable[..., str] = {
        Shape.TEXT: told.as_text,
        Shape.MARKDOWN: told.as_markdown,
        Shape.JSON: told.as_json,
    }[output]
    write_out(write(found, notes))
    return ExitCode.FINDINGS if found.regressed and not exit_zero else ExitCode.OK
