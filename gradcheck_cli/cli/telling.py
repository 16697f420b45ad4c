"""What every command that ends in a report does with it: show, write, exit."""

import os
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gradcheck_cli.cli.consoles import err, out
from gradcheck_cli.cli.outputs import Outputs
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.terminal import render
from gradcheck_cli.renderers.words import clean


def tell(report: Report, outputs: Outputs, *, quiet: bool) -> None:
    """Write the reports, then show what a person reads; machine formats keep stdout to themselves."""
    files = outputs.write(report)
    console = err() if outputs.claims_stdout else out()
    if quiet:
        console.print(Text(f"{report.verdict.value}: {clean(report.headline)}"), soft_wrap=True)
    elif not outputs.silences_terminal:
        console.print(render(report))
    if not quiet:
        _mention(files, err())


def code_of(report: Report, gate: Severity | None) -> ExitCode:
    """Return the exit code; formats have no say in it."""
    if report.run.interrupted:
        return ExitCode.INTERRUPTED
    if report.run.steps == 0:
        return ExitCode.CANNOT_DIAGNOSE  # what measured nothing is never fine
    if report.fails(gate):
        return ExitCode.FINDINGS
    return ExitCode.BUG if report.crashed else ExitCode.OK


def _mention(files: list[Path], console: Console) -> None:
    for path in files:
        console.print(Text(f" wrote {clean(os.fspath(path))}", style="dim"), soft_wrap=True)
