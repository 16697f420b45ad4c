"""`gradcheck report FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.telling import code_of, tell

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A report saved as YAML or JSON.", show_default=False)
]


@command
def report(
    file: FileArgument,
    output: options.OutputOption = None,
    fail_on: options.FailOnOption = options.FailOn.NEVER,
    quiet: options.QuietOption = False,
) -> int:
    """Show a saved report again, or write it in another format. Runs no code of yours."""
    wanted = outputs.parse(output or ())

    from gradcheck_cli.records.yamlfile import read

    saved = read(file)
    tell(saved, wanted, quiet=quiet)
    return code_of(saved, fail_on.gate) if fail_on.gate else 0
