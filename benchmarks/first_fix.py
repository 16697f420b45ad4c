"""How long does it take from a fresh folder to the first proven fix? `python -m benchmarks.first_fix`

Runs `gradcheck demo` as somebody does who has just installed it, in an empty folder, and reads from the
report when a fix was verified. Installation is apart: it is mostly the download of torch. `--check`
fails above the goal; `--write` keeps the figures for README.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 120.0  # seconds: somebody who tries a tool waits about so long for its first answer
COMMAND = ("-m", "gradcheck_cli", "demo")
VERIFIED = "verified"
RESULTS = Path(__file__).with_suffix(".json")


def measured() -> tuple[float, float, bool]:
    """Return wall and processor seconds of one demo, and whether a fix was verified."""
    with tempfile.TemporaryDirectory() as folder:
        began, used = time.monotonic(), _of_children()
        done = subprocess.run(
            [sys.executable, *COMMAND],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds, used = time.monotonic() - began, _of_children() - used
        assert list(Path(folder).glob("*.py")), done.stderr
    return seconds, used, VERIFIED in done.stdout + done.stderr


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def main() -> int:
    """Print the median and return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    runs = [measured() for _ in range(given.rounds)]
    middle = statistics.median(seconds for seconds, _, _ in runs)
    used = statistics.median(used for _, used, _ in runs)
    proven = all(verified for _, _, verified in runs)
    print(
        f"from an empty folder to the first proven fix: {middle:.0f} s "
        f"({used:.0f} s of processor time), median of {given.rounds}"
    )
    if not proven:
        print("no fix was verified in at least one of them")
    if given.write and proven:
        kept = {
            "seconds": middle,
            "processor": used,
            "rounds": given.rounds,
            "cores": os.cpu_count(),
        }
        RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return int(given.check and (middle > GOAL or not proven))


if __name__ == "__main__":
    sys.exit(main())
