"""What a report says to run next can be run: it is the command that was given, put in other words."""

import pytest
from typer.testing import CliRunner

from gradcheck_cli import again
from gradcheck_cli.cli.app import app


@pytest.mark.parametrize(
    ("given", "write"),
    [
        ("gradcheck diagnose net.py --no-verify -q -o brief", "gradcheck fix net.py --write"),
        (
            "gradcheck diagnose net.py:build --data net.py:data --lr=1e-3 --save-trace t.json",
            "gradcheck fix net.py:build --data net.py:data --lr 1e-3 --write",
        ),
        (
            "gradcheck diagnose 'my net.py' --output yaml:a.yaml -- --lr 3 --output x",
            "gradcheck fix 'my net.py' --write -- --lr 3 --output x",
        ),
        (
            "gradcheck run --stop-after 70 --every 10 -o brief train.py --epochs 3 -o here",
            "gradcheck fix --steps 70 train.py --write -- --epochs 3 -o here",
        ),
        ("gradcheck run --verify -m pkg.train", "gradcheck fix -m pkg.train --write"),
        ("gradcheck diagnose", "gradcheck fix --write"),
        ("gradcheck fix net.py --write", "gradcheck fix net.py --write"),
        ("gradcheck diagnose --strategy ddp net.py", ""),
        ("gradcheck judge trace.json", ""),
        ("", ""),
    ],
)
def test_the_command_that_writes_the_fix_keeps_what_decides_it(given: str, write: str) -> None:
    assert again.writing(given) == write


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        ("gradcheck run -o brief train.py 1", "gradcheck run --verify -o brief train.py 1"),
        ("gradcheck diagnose net.py --no-verify -o brief", "gradcheck diagnose net.py -o brief"),
        ("gradcheck diagnose net.py", "gradcheck diagnose net.py"),
    ],
)
def test_the_command_that_tries_the_fixes_is_the_same_one(given: str, tried: str) -> None:
    assert again.trying(given) == tried


def test_every_option_of_run_and_diagnose_that_is_handed_on_is_one_of_fix() -> None:
    def options(verb: str) -> set[str]:
        shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).output
        return {w.strip(",;") for w in shown.split() if w.startswith("--") and len(w) > 2}

    known = again.LEFT_OUT | again.RENAMED.keys() | {"--strategy"}
    assert options("diagnose") | options("run") <= options("fix") | known


@pytest.mark.parametrize("verb", ["diagnose", "run", "fix"])
def test_a_help_fills_its_lines_as_the_terminal_is_wide(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "80"}).output
    above, _, _ = shown.partition("Arguments")
    lines = [line for line in above.splitlines() if line.strip()][2:]
    longest_word = 16
    assert all(len(line.rstrip()) > 80 - longest_word for line in lines[1:-2])
