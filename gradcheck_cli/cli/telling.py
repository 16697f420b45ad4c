"""What every command that ends in a report does with it: show it and write it."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from gradcheck_cli.cli.consoles import err, out
from gradcheck_cli.cli.outputs import Outputs
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.recording import Recording
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.terminal import render
from gradcheck_cli.renderers.words import clean
from gradcheck_cli.shadowing import ours

if TYPE_CHECKING:
    from gradcheck_cli.pipeline import Conclusion


@ours()
def tell(
    report: Report,
    outputs: Outputs,
    *,
    quiet: bool,
    notes: Sequence[str] = (),
    recordings: Sequence[Recording] = (),
) -> None:
    """Write the reports, then show what a person reads; machine formats keep stdout to themselves."""
    files = []
    try:
        files = outputs.write(report, recordings)
    finally:  # a file that can not be written does not take the report with it
        _show(report, outputs, quiet=quiet)
    if not quiet:
        _mention([*notes, *(f"wrote {os.fspath(path)}" for path in files)], err())


def concluded(made: "Conclusion", policy: Policy, outputs: Outputs, *, quiet: bool) -> int:
    """Gate a conclusion, tell it with what it was made of, and return the exit code."""
    from gradcheck_cli import gating

    result = gating.beside(made.report, policy, made.notes)
    tell(result.report, outputs, quiet=quiet, notes=result.all_notes, recordings=made.recordings)
    return result.code


@ours()
def tell_part(report: Report, own: Outputs, whole: Outputs, *, name: str, quiet: bool) -> None:
    """Show one model of several; `whole` are the outputs that will be over all of them."""
    files = own.write(report)
    both = Outputs((*whole.wanted, *own.wanted))
    if not both.silences_terminal:
        console = err() if both.claims_stdout else out()
        console.print(Text(clean(name), style="bold"), soft_wrap=True)
    _show(report, both, quiet=quiet)
    if not quiet:
        _mention([f"wrote {os.fspath(path)}" for path in files], err())


@ours()
def tell_whole(report: Report, whole: Outputs, *, quiet: bool, notes: Sequence[str]) -> None:
    """Write the report over all models and show its headline; each model was shown before."""
    files = whole.write(report)
    _show(report, whole, quiet=True)
    if not quiet:
        _mention([*notes, *(f"wrote {os.fspath(path)}" for path in files)], err())


def _show(report: Report, outputs: Outputs, *, quiet: bool) -> None:
    console = err() if outputs.claims_stdout else out()
    if quiet:
        console.print(Text(f"{report.verdict.value}: {clean(report.headline)}"), soft_wrap=True)
    elif not outputs.silences_terminal:
        console.print(render(report))


def _mention(lines: Sequence[str], console: Console) -> None:
    for line in lines:
        console.print(Text(f" {clean(line)}", style="dim"), soft_wrap=True)
