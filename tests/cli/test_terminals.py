"""Pipes that close early, and terminals that can show movement."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import write
from tests.cli.test_diagnose import GOOD, NO_TRIALS
from tests.support import a_report
from tests.support.processes import forked, python


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("report r.yaml --fail-on error", 1),
        ("report r.yaml --fail-on error --output yaml", 1),
        ("report r.yaml --fail-on error --output html", 1),
        ("report r.yaml", 0),
        ("rules", 0),
        ("explain GC101", 0),
        ("schema", 0),
        ("compare r.yaml r.yaml", 0),
    ],
)
def test_a_reader_that_leaves_changes_no_exit_code(tmp_path: Path, command: str, code: int) -> None:
    write(a_report.sick(60), tmp_path / "r.yaml")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        forked("-m", "gradcheck_cli", *command.split()),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    os.close(writing)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def on_a_terminal(folder: Path, *args: str, **env: str) -> bytes:
    """Run diagnose with a terminal as stderr and return what it drew there."""
    (folder / "m.py").write_text(GOOD)
    ours, theirs = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "GITHUB_ACTIONS"}}
    process = subprocess.Popen(
        forked("-m", "gradcheck_cli", "diagnose", "m.py", *NO_TRIALS, *args),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**kept, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1", **env},
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        drawn += piece
    process.wait()
    os.close(ours)
    return drawn


def test_a_terminal_sees_the_progress_and_gets_its_cursor_back(tmp_path: Path) -> None:
    drawn = on_a_terminal(tmp_path)
    assert b"training under observation" in drawn
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


@pytest.mark.parametrize("quieter", [{"CI": "true"}, {"args": "--quiet"}])
def test_nothing_moves_in_ci_or_when_asked_to_be_quiet(
    tmp_path: Path, quieter: dict[str, str]
) -> None:
    args = [quieter.pop("args")] if "args" in quieter else []
    assert b"\x1b[?25l" not in on_a_terminal(tmp_path, *args, **quieter)


@pytest.mark.parametrize("columns", ["0", "1", "20", "39"])
def test_a_narrow_terminal_crops_nothing(tmp_path: Path, columns: str) -> None:
    from gradcheck_cli.records.yamlfile import write
    from tests.support.a_report import sick

    write(sick(), tmp_path / "r.yaml")
    narrow = python(tmp_path, "-m", "gradcheck_cli", "report", "r.yaml", COLUMNS=columns)
    least = python(tmp_path, "-m", "gradcheck_cli", "report", "r.yaml", COLUMNS="40")
    assert narrow.returncode == 0, narrow.stderr
    assert narrow.stdout == least.stdout != ""


def test_no_color_wins_over_force_color(tmp_path: Path) -> None:
    colored = python(tmp_path, "-m", "gradcheck_cli", "rules", FORCE_COLOR="1")
    plain = python(tmp_path, "-m", "gradcheck_cli", "rules", FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b[" in colored.stdout
    assert "\x1b" not in plain.stdout
    assert plain.stdout
