"""A script that is run again changes no file, whichever way it writes, and reaches no network."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck_cli.rerun.confining import version

SETUP = """
import builtins, glob, os, shutil, socket, sqlite3, sys
from pathlib import Path
from gradcheck_cli.rerun.confining import confine
from gradcheck_cli.rerun.overlay import Overlay
scratch = Path(sys.argv[1])
(scratch / "written").mkdir()
os.chdir(sys.argv[2])
confine(scratch)
overlay = Overlay(scratch / "written").install()
"""

needs_landlock = pytest.mark.skipif(not version(), reason="the kernel has no Landlock")


def run(tmp_path: Path, code: str) -> str:
    """Run code in a confined process whose folder holds two files; it must leave them as they are."""
    scratch, theirs = tmp_path / "scratch", tmp_path / "theirs"
    scratch.mkdir()
    (theirs / "runs").mkdir(parents=True)
    (theirs / "train.log").write_text("before\n")
    (theirs / "runs" / "old.bin").write_bytes(b"\0\1")
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code, str(scratch), str(theirs)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = sorted(str(p.relative_to(theirs)) for p in theirs.rglob("*"))
    assert left == ["runs", "runs/old.bin", "train.log"]
    assert (theirs / "train.log").read_text() == "before\n"
    assert (theirs / "runs" / "old.bin").read_bytes() == b"\0\1"
    return done.stdout


@needs_landlock
def test_what_is_written_is_found_again_and_lies_elsewhere(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
with open("train.log", "a") as log:
    log.write("after\\n")
print(open("train.log").read().split())
os.makedirs("runs/a/b", exist_ok=True)
Path("runs/a/b/new.txt").write_text("x")
print(sorted(os.listdir("runs")), glob.glob("runs/**/*.txt", recursive=True))
os.replace("runs/a/b/new.txt", "runs/moved.txt")
print(Path("runs/moved.txt").read_text(), os.path.exists("runs/a/b/new.txt"))
os.remove("train.log")
print(os.path.exists("train.log"), Path("train.log").exists(), sorted(e.name for e in os.scandir(".")))
shutil.rmtree("runs")
print(os.path.exists("runs/old.bin"))
Path("train.log").write_text("anew")
print(open("train.log").read())
os.rename("train.log", "other.log")
print(os.path.exists("train.log"), open("other.log").read())
""",
    )
    assert said.splitlines() == [
        "['before', 'after']",
        "['a', 'old.bin'] ['runs/a/b/new.txt']",
        "x False",
        "False False ['runs']",
        "False",
        "anew",
        "False anew",
    ]


@needs_landlock
@pytest.mark.parametrize(
    "attempt",
    [
        "os.system('echo x > train.log') and sys.exit(0)",
        "sqlite3.connect('runs/new.db').execute('create table a (b)')",
        "os.mkfifo('runs/pipe')",
        "os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=os.open('runs', os.O_RDONLY))",
        "socket.create_connection(('127.0.0.1', 9), timeout=1)",
        "socket.getaddrinfo('example.org', 80)",
    ],
)
def test_what_goes_round_python_is_refused(tmp_path: Path, attempt: str) -> None:
    said = run(
        tmp_path,
        f"""
try:
    {attempt}
except (OSError, sqlite3.Error) as error:
    print("refused", type(error).__name__)
    sys.exit(0)
sys.exit(1)
""",
    )
    assert said.startswith("refused") or attempt.startswith("os.system")


@needs_landlock
def test_a_file_that_must_be_new_is_refused_as_it_would_be(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
for attempt in (lambda: open("train.log", "x"), lambda: os.mkdir("runs"), lambda: open("no/file", "w"),
                lambda: os.remove("nothing"), lambda: open("nothing"), lambda: os.listdir("nothing")):
    try:
        attempt()
    except OSError as error:
        print(type(error).__name__)
""",
    )
    assert said.split() == [*["FileExistsError"] * 2, *["FileNotFoundError"] * 4]
