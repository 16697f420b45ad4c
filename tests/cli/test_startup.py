"""What only answers with words starts without what it does not need."""

from subprocess import CompletedProcess

import pytest
import typer

from gradcheck_cli.cli.app import Commands, app
from tests.support.processes import ROOT, python


@pytest.mark.parametrize("name", list(Commands.table))
def test_the_list_says_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    command = typer.main.get_command(app).commands[name]
    assert command.name == name
    assert Commands.table[name].summary == command.help.partition("\n\n")[0].replace("\n", " ")


def gradcheck(*arguments: str) -> "CompletedProcess[str]":
    return python(ROOT, "-m", "gradcheck_cli", *arguments)


def imported(*arguments: str) -> set[str]:
    """Return the top-level packages that a command imports, and our own modules."""
    done = python(ROOT, "-X", "importtime", "-m", "gradcheck_cli", *arguments, anew=True)
    assert done.returncode == 0, done.stderr
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line]
    return {n if n.startswith("gradcheck_cli") else n.partition(".")[0] for n in names}


def test_the_list_of_commands_imports_no_command() -> None:
    loaded = imported("--help")
    assert "typer" in loaded
    assert not loaded & {"torch", "rich", "pydantic", "gradcheck_cli.cli.diagnose"}


def test_explaining_imports_no_parser_of_command_lines() -> None:
    loaded = imported("explain", "GC101")
    assert "gradcheck_cli.rules" in loaded
    assert not loaded & {"torch", "typer", "pydantic"}


def test_explaining_is_the_same_with_and_without_the_parser() -> None:
    short, parsed = (gradcheck("explain", *a) for a in (["GC101"], ["--", "GC101"]))
    assert (short.returncode, short.stdout) == (parsed.returncode, parsed.stdout)
    short, parsed = (gradcheck("explain", *a) for a in (["GC1O1"], ["--", "GC1O1"]))
    assert (short.returncode, short.stderr) == (parsed.returncode, parsed.stderr)
    assert short.returncode == 2


def test_a_command_that_does_not_exist_is_told_with_the_nearest() -> None:
    done = gradcheck("diagnoze")
    assert done.returncode == 2
    assert "Did you mean 'diagnose'?" in done.stderr
