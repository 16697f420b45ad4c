"""What is done with files that were saved: `gradcheck report`, `gradcheck judge` and `gradcheck compare`."""

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.consoles import write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.effective import effective
from gradcheck_cli.cli.options import GATE, REPORT, takes
from gradcheck_cli.cli.telling import concluded, tell
from gradcheck_cli.declared import DEFAULTS
from gradcheck_cli.errors import ExitCode, UsageError

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A report saved as YAML or JSON.", show_default=False)
]


@command
@takes(*REPORT, *(name for name in GATE if name != "rules"), fail_on="never")
def report(given: options.Given, file: FileArgument) -> int:
    """Show a saved report again, or write it in another format. Runs no code of yours.

    No config counts, and no finding fails unless --fail-on says so.
    """
    from gradcheck_cli import gating
    from gradcheck_cli.records.yamlfile import read
    from gradcheck_cli.settings.policies import policy_of

    chosen = DEFAULTS | {name: value for name, value in given.items() if value is not None}
    wanted, policy = outputs.parse(chosen["output"]), policy_of(chosen)
    saved = read(file)
    gating.check(policy, saved.findings)
    result = gating.gate(saved, policy)
    # Showing a report is no gate unless one is asked for, so exit code 0 needs no excuse.
    notes = result.all_notes if policy.fail_on else result.notes
    tell(result.report, wanted, quiet=chosen["quiet"], notes=notes)
    return result.code if policy.fail_on else ExitCode.OK


TraceArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What --save-trace wrote.", show_default=False)
]


@command
@takes(*REPORT, *GATE)
def judge(given: options.Given, file: TraceArgument, config: options.ConfigOption = None) -> int:
    """Judge a saved trace again, with the rules of this version. Runs no code of yours.

    No fixes are looked for: they need the model. Exit codes: 0 nothing at or above --fail-on,
    1 findings, 2 usage, 3 nothing was measured, 4 a bug of gradcheck, 130 it was interrupted.
    """
    from gradcheck_cli import pipeline
    from gradcheck_cli.records.tracefile import read_traces

    found = effective(given, config)
    wanted = outputs.parse(found["output"])
    recorded = [pipeline.recalled(recording) for recording in read_traces(file)]
    made = pipeline.conclude_all(recorded, found.policy)
    return concluded(made, found.policy, wanted, quiet=bool(found["quiet"]))


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
