"""`gradcheck config`: every value that counts, and where it came from. `gradcheck init`: a file to begin with."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_cli.cli.consoles import err, out, write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError


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


NAME = "gradcheck.yaml"
SHOWN = 3  # scripts


@command
def init_command(
    force: Annotated[bool, typer.Option("--force", help=f"Write over an existing {NAME}.")] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the config instead of writing it.")
    ] = False,
) -> int:
    """Find the models, data, losses and optimizers of this project and write gradcheck.yaml.

    Reads the files without running them.
    """
    from gradcheck_cli.settings.discovery import find_config
    from gradcheck_cli.settings.drafting import draft
    from gradcheck_cli.settings.survey import survey

    folder = Path.cwd()
    target = folder / NAME
    if not show and target.exists() and not force:
        raise UsageError(f"{NAME} exists already; --force writes over it, --print only shows")
    other = None if target.exists() or show else find_config(None, {}, folder)
    if other is not None and other.file.resolve().parent == folder:
        raise UsageError(f"{other.file} holds a config already; two are never merged")
    found = survey(folder)
    text = draft(found)
    if show:
        write_out(text)
        return ExitCode.OK
    target.write_text(text, encoding="utf-8")
    for kind in ("model", "data", "loss", "optimizer", "training_step"):
        if (best := found.best(kind)) is not None:
            err().print(f"{kind}: {best.reference}", markup=False, soft_wrap=True)
    model = found.best("model")
    ready = model is not None and found.best("data") is not None and not model.needs
    say = "now run: gradcheck diagnose" if ready else f"fill in what is missing in {NAME}"
    err().print(f"wrote {NAME} after reading {found.files} files; {say}", markup=False)
    for script in found.scripts[:SHOWN]:
        words = shlex.join(["gradcheck", "diagnose", script])
        err().print(f"{script} trains when it is run; that needs no config: {words}", markup=False)
    return ExitCode.OK
