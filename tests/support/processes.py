"""Python as a process of its own, with this checkout's package."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(
    folder: Path, *words: str, timeout: float = 250, given: str = "", **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run `python WORDS...` in a folder to its end; `given` is its stdin."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env},
        capture_output=True,
        input=given,
        text=True,
        check=False,
        timeout=timeout,
    )
