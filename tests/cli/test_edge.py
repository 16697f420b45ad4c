"""The command line as a process: codes, messages, and no torch where none is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck_cli import __version__
from tests.support.processes import forked


def gradcheck(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    clean = {
        k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "CI", "GITHUB_ACTIONS"}
    }
    return subprocess.run(
        forked("-m", "gradcheck_cli", *args),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**clean, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **env},
        timeout=120,
    )


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["diagnose", "--help"],
        ["explain", "--help"],
        ["--version", "--verbose"],
        ["schema"],
        ["rules"],
        ["explain", "GC101"],
    ],
)
def test_asking_for_words_does_not_import_torch(args: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['gradcheck', *sys.argv[1:]]\n"
        "from gradcheck_cli.cli.app import main\n"
        "code = main()\n"
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_version_and_what_it_runs_on() -> None:
    assert gradcheck("--version").stdout == f"gradcheck {__version__}\n"
    verbose = gradcheck("--version", "--verbose").stdout
    assert verbose.startswith(f"gradcheck {__version__}\npython 3.")
    assert "\ntorch 2." in verbose


def test_nothing_asked_is_usage_and_help_goes_to_stderr() -> None:
    done = gradcheck()
    assert (done.returncode, done.stdout) == (2, "")
    assert "diagnose" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["diagnose"], "which model?"),
        (["diagnoze", "x.py"], "No such command"),
        (["diagnose", "x.py", "--stpes", "3"], "No such option"),
        (["diagnose", "x.py", "--fail-on", "fatal"], "'fatal' is not one of"),
        (["diagnose", "x.py", "--batch-size", "0"], "--batch-size"),
        (
            ["diagnose", "x.py", "--steps", "0"],
            "error: --steps 0: should be auto or a whole number from 1",
        ),
        (
            ["diagnose", "x.py", "--steps", "ten"],
            "error: --steps ten: should be auto or a whole number from 1",
        ),
        (["diagnose", "x.py", "--lr", "inf"], "error: --lr inf: input should be a finite number"),
        (["compare", "a", "b", "--tolerance", "inf"], "error: --tolerance inf: it must be a"),
        (
            ["diagnose", "x.py", "--output", "yml"],
            "error: there is no format 'yml'; did you mean yaml?",
        ),
        (
            ["diagnose", "x.py", "--output", "pdf"],
            "error: there is no format 'pdf'; choose from text",
        ),
        (["diagnose", "x.py", "--output", "yaml:"], "the path is missing"),
        (["diagnose", "x.py", "--output", "r.yaml"], "say the format too, as in yaml:r.yaml"),
        (
            ["diagnose", "x.py", "-o", "yaml", "-o", "json"],
            "yaml and json can not both go to stdout",
        ),
        (["diagnose", "x.py", "-o", "yaml:a", "-o", "json:a"], "two outputs would be written to"),
        (["diagnose", "x.py", "-o", "yaml:/none/r.yaml"], "there is no folder /none"),
        (["diagnose", "x.py", "-o", "yaml:/"], "it is a folder"),
        (["explain", "GC1O1"], "nothing is called 'GC1O1'; did you mean GC101?"),
        (["explain", "vanishing-gradent"], "did you mean vanishing-gradient?"),
        (["explain", "saturating-activations"], "did you mean saturating-activation?"),
        (["explain", "qqqqqq"], "`gradcheck rules` lists them"),
    ],
)
def test_wrong_usage_is_one_clear_message_and_exit_2(
    tmp_path: Path, args: list[str], said: str
) -> None:
    done = gradcheck(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_explain_shows_the_card_its_limits_and_what_is_linked_to_it() -> None:
    text = gradcheck("explain", "gc101").stdout
    for said in (
        "GC101 vanishing-gradient",
        "Thresholds",
        "Can be caused by",
        "saturating-activation",
    ):
        assert said in text
    assert gradcheck("explain", "vanishing-gradient").stdout == text


def test_explain_knows_causes_and_fixes() -> None:
    assert "Shows as" in gradcheck("explain", "saturating-activation").stdout
    assert "Treats" in gradcheck("explain", "swap-activation").stdout


def test_rules_lists_every_rule_once() -> None:
    from gradcheck_cli.rules import RULES

    lines = gradcheck("rules", COLUMNS="200").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [rule.code for rule in RULES]
