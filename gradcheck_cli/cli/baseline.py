"""`gradcheck baseline write REPORT` and `gradcheck baseline prune REPORT`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gradcheck_cli.cli.consoles import err
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.renderers.words import clean, plural

DEFAULT = Path("gradcheck-baseline.yaml")

app = typer.Typer(
    help="Accept what is found today, so that only what is new or worse fails.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ReportArgument = Annotated[Path, typer.Argument(metavar="REPORT", help="A saved report.")]
FileOption = Annotated[Path, typer.Option("--baseline", metavar="FILE", help="The baseline file.")]


@app.command()
@command
def write(report: ReportArgument, baseline: FileOption = DEFAULT) -> int:
    """Accept all findings of REPORT."""
    from gradcheck_cli import comparing
    from gradcheck_cli.records import baseline as accepted
    from gradcheck_cli.records.yamlfile import read

    entries = tuple(comparing.accept(finding) for finding in read(report).findings)
    accepted.write(entries, baseline)
    _say(f"{plural(len(entries), 'finding')} accepted in {baseline}")
    return ExitCode.OK


@app.command()
@command
def prune(report: ReportArgument, baseline: FileOption = DEFAULT) -> int:
    """Remove from the baseline what REPORT no longer shows; nothing is added."""
    from gradcheck_cli import comparing
    from gradcheck_cli.records import baseline as accepted
    from gradcheck_cli.records.yamlfile import read

    old = accepted.read(baseline)
    gone = comparing.compare(old, read(report)).gone
    accepted.write(tuple(entry for entry in old if entry not in gone), baseline)
    left = len(old) - len(gone)
    _say(f"{plural(len(gone), 'finding')} removed from {baseline}, {left} left")
    return ExitCode.OK


def _say(text: str) -> None:
    err().print(Text(clean(text)), soft_wrap=True)
