"""Python as a process of its own, with this checkout's package."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = Path(__file__).parent


@functools.cache
def _warm() -> Path:
    """Start the Python that forks, for as long as this process lives, and return its socket."""
    folder = Path(tempfile.mkdtemp(prefix="warm"))
    clean = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "PYTHONPATH"}}
    server = subprocess.Popen(
        [sys.executable, SUPPORT / "warm.py", folder / "socket"],
        env={**clean, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.communicate)
    return folder / "socket"


def forked(*words: str) -> list[str]:
    """Return the command that is `python WORDS...` without the seconds that importing torch takes.

    Not for what is said of a start: torch and gradcheck are imported already.
    """
    if not hasattr(os, "pidfd_open"):
        return [sys.executable, *words]
    return [sys.executable, "-I", "-S", str(SUPPORT / "ask.py"), str(_warm()), *words]


def python(
    folder: Path, *words: str, timeout: float = 250, given: str = "", anew: bool = False, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run `python WORDS...` in a folder to its end; `given` is its stdin; `anew` imports all anew."""
    return subprocess.run(
        [sys.executable, *words] if anew else forked(*words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env},
        capture_output=True,
        input=given,
        text=True,
        check=False,
        timeout=timeout,
    )
