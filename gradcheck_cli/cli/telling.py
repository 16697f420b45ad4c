"""What every command that ends in a report does with it: show it and write it."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gradcheck_cli.cli.consoles import err, out
from gradcheck_cli.cli.outputs import Outputs
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.terminal import render
from gradcheck_cli.renderers.words import clean


def tell(report: Report, outputs: Outputs, *, quiet: bool, notes: Sequence[str] = ()) -> None:
    """Write the reports, then show what a person reads; machine formats keep stdout to themselves."""
    files = outputs.write(report)
    console = err() if outputs.claims_stdout else out()
    if quiet:
        console.print(Text(f"{report.verdict.value}: {clean(report.headline)}"), soft_wrap=True)
    elif not outputs.silences_terminal:
        console.print(render(report))
    if not quiet:
        _mention([*notes, *(f"wrote {os.fspath(path)}" for path in files)], err())


def _mention(lines: Sequence[str], console: Console) -> None:
    for line in lines:
        console.print(Text(f" {clean(line)}", style="dim"), soft_wrap=True)
