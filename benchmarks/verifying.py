"""How long it takes from a plain script to a proven fix: a whole `gradcheck diagnose train.py`.

    python -m benchmarks.verifying [--check] [--times N]

The script is that of `gradcheck demo`. Beside the clock on the wall stand the processor's seconds,
which do not depend on what else the machine does.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

MOST = 30.0  # seconds, goal
COMMAND = ("-m", "gradcheck_cli", "diagnose", "train.py", "--output", "json:report.json")


def measured(folder: Path) -> tuple[float, float, str]:
    """Return seconds on the wall and of the processor, and what was proven."""
    script = resources.files("gradcheck_cli.demos") / "vanishing.py"
    (folder / "train.py").write_text(script.read_text(encoding="utf-8"))
    begun, spent = time.monotonic(), _spent()
    subprocess.run([sys.executable, *COMMAND], cwd=folder, capture_output=True, check=False)
    wall, processor = time.monotonic() - begun, _spent() - spent
    fixes = json.loads((folder / "report.json").read_text())["fixes"]
    proven = [f["name"] for f in fixes if f["verification"]["status"] == "verified"]
    return wall, processor, proven[0] if proven else "nothing"


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the seconds; with --check exit 1 where the goal is missed or nothing was proven."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when the goal is missed")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    walls, proven = [], True
    for _ in range(given.times):
        with tempfile.TemporaryDirectory() as folder:
            wall, processor, fix = measured(Path(folder))
        walls.append(wall)
        proven = proven and fix != "nothing"
        print(f"{wall:.1f} s, {processor:.1f} s of the processor: proven {fix}", flush=True)
    middle = statistics.median(walls)
    print(f"median {middle:.1f} s (goal {MOST:.0f} s)")
    return 1 if given.check and (middle > MOST or not proven) else 0


if __name__ == "__main__":
    sys.exit(main())
