"""The command line: one line per command; nothing here imports torch."""

import contextlib
import sys
from typing import Annotated, ClassVar

import typer

from gradcheck_cli.cli.lazy import Entry, LazyGroup
from gradcheck_cli.cli.streams import settle
from gradcheck_cli.errors import ExitCode

# Everything after the script is the script's.
THE_SCRIPTS = {"allow_interspersed_args": False}


class Commands(LazyGroup):
    """All commands. Each summary is the first sentence of the command's own help."""

    table: ClassVar = {
        "diagnose": Entry(
            "diagnose:diagnose",
            "Run a short instrumented training and explain why the model isn't learning.",
        ),
        "fix": Entry(
            "fix:fix",
            "Test fixes against an unchanged and a re-initialized control; show the best proven one as a diff.",
        ),
        "run": Entry(
            "run:run",
            "Run a training script as it is and say why its model does not learn.",
            THE_SCRIPTS,
        ),
        "demo": Entry(
            "demo:demo", "Write a small training script into this folder and diagnose it."
        ),
        "report": Entry(
            "saved:report",
            "Show a saved report again, or write it in another format. Runs no code of yours.",
        ),
        "judge": Entry(
            "saved:judge",
            "Judge a saved trace again, with the rules of this version. Runs no code of yours.",
        ),
        "compare": Entry(
            "saved:compare",
            "Say what is new, gone, worse and better in AFTER. Exits 1 when something is new or worse.",
        ),
        "explain": Entry(
            "explain:explain",
            "Show what a rule measures and when it fires, what a cause means, or what a fix costs.",
        ),
        "rules": Entry(
            "explain:rules", "List all rules: code, name, severity and what they look for."
        ),
        "init": Entry(
            "config:init_command",
            "Find the models, data, losses and optimizers of this project and write gradcheck.yaml.",
        ),
        "config": Entry(
            "config:config_command",
            "Show effective settings and where each comes from.",
        ),
        "schema": Entry(
            "schema:schema",
            "Print the JSON Schema of the report, of its brief form, or of gradcheck.yaml.",
        ),
        "mcp": Entry(
            "mcp:mcp",
            "Serve diagnose, examine, run, fix, explain and compare to coding agents, over stdin and stdout.",
        ),
        "new": Entry(
            "new:new",
            "Add a rule, cause, fix or experiment to a checkout of gradcheck: file, test and place in the list.",
        ),
        "baseline": Entry(
            "baseline:app", "Accept what is found today, so that only what is new or worse fails."
        ),
    }


# Without markup the list of commands and errors of usage need nothing of rich, whose import takes
# longer than all the rest; the help of a single command has it.
app = typer.Typer(
    name="gradcheck",
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version; with --verbose what it runs on.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --version: say more.")] = False,
    python: Annotated[  # handled before anything is imported, in __main__
        str | None,
        typer.Option(
            "--python", metavar="FILE", help="Run under this interpreter. Has to come first."
        ),
    ] = None,
) -> None:
    """Tell why a PyTorch model does not learn, and prove the fix."""
    if python is not None:
        raise typer.BadParameter("it has to come first: gradcheck --python FILE COMMAND ...")
    if version:
        from gradcheck_cli.cli.version import version_lines

        for line in version_lines(verbose=verbose):
            typer.echo(line)
        raise typer.Exit
    if context.invoked_subcommand is None:
        with contextlib.redirect_stdout(sys.stderr):
            typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def main() -> int:
    """Run the command that `sys.argv` asks for and return its exit code.

    A command's own code comes through `edge.command`; 0 is nothing's default here. Raises
    KeyboardInterrupt where a signal arrived while no command had begun.
    """
    settle()
    try:
        app(prog_name="gradcheck")
    except SystemExit as stop:
        before = getattr(stop.__context__, "__cause__", None)
        if isinstance(
            before, KeyboardInterrupt
        ):  # between commands, where Typer says nothing of it
            raise before from None
        if isinstance(stop.code, int):
            return stop.code
    except OSError as error:  # stdout did not take the help
        sys.stderr.write(f"error: can not write to stdout: {error.strerror}\n")
        sys.stdout = None  # nor would it when the process ends
        return ExitCode.USAGE
    return ExitCode.BUG
