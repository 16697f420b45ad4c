"""`gradcheck config`: every value that counts, and where it came from."""

from typing import Annotated, Any

import typer

from gradcheck_cli.cli.consoles import out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode


@command
def config_command(
    config: Annotated[
        str | None, typer.Option("--config", metavar="PATH", help="Use this config file.")
    ] = None,
) -> int:
    """Show effective settings and where each comes from."""
    from rich.table import Table
    from rich.text import Text

    from gradcheck_cli import settings
    from gradcheck_cli.rules import all_rules

    found = settings.load(config=config, rules=all_rules())
    out().print(f"config file: {found.file or 'none'}", markup=False, soft_wrap=True)
    several = len(found.runs) > 1
    for run in found.runs:
        if several:
            out().print(Text(f"\n{run.name}", style="bold"))
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in sorted(run.values.items()):
            shown = Text(_written(value.value), overflow="fold")
            table.add_row(Text(name), shown, Text(value.origin, style="dim"))
        out().print(table)
    return ExitCode.OK


def _written(value: Any) -> str:
    import json

    from gradcheck_cli.renderers.words import clean

    return clean(value if isinstance(value, str) else json.dumps(value, default=str))
