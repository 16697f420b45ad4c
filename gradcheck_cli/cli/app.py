"""The command line: one line per command; nothing here imports torch."""

import contextlib
import sys
from typing import Annotated

import typer

from gradcheck_cli.cli import baseline, run
from gradcheck_cli.cli.compare import compare
from gradcheck_cli.cli.config import config_command
from gradcheck_cli.cli.consoles import tolerate_any_encoding
from gradcheck_cli.cli.diagnose import diagnose
from gradcheck_cli.cli.explain import explain, rules
from gradcheck_cli.cli.fix import fix
from gradcheck_cli.cli.init import init_command
from gradcheck_cli.cli.report import report
from gradcheck_cli.cli.schema import schema
from gradcheck_cli.cli.version import version_lines
from gradcheck_cli.errors import ExitCode

app = typer.Typer(
    name="gradcheck",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version; with --verbose what it runs on.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --version: say more.")] = False,
) -> None:
    """Tell why a PyTorch model does not learn, and prove the fix."""
    if version:
        for line in version_lines(verbose=verbose):
            typer.echo(line)
        raise typer.Exit
    if context.invoked_subcommand is None:
        with contextlib.redirect_stdout(sys.stderr):
            typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


app.command()(diagnose)
app.command()(fix)
app.command(context_settings=run.SETTINGS)(run.run)
app.command()(report)
app.command()(compare)
app.add_typer(baseline.app, name="baseline")
app.command()(explain)
app.command()(rules)
app.command("init")(init_command)
app.command("config")(config_command)
app.command()(schema)


def main() -> int:
    """Run the command that `sys.argv` asks for and return its exit code."""
    tolerate_any_encoding()
    try:
        app(prog_name="gradcheck")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    return ExitCode.OK
