"""`gradcheck explain GC101` and `gradcheck rules`."""

from typing import Annotated

import typer

from gradcheck_cli.cli import cards
from gradcheck_cli.cli.edge import command

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A code (GC101), or the name of a rule, cause or fix.")
]


@command
def explain(name: NameArgument) -> int:
    """Show what a rule measures and when it fires, what a cause means, or what a fix costs."""
    return cards.show(name)


@command
def rules() -> int:
    """List all rules: code, name, severity and what they look for."""
    return cards.show_rules()
