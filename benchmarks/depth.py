"""How long a whole diagnosis takes of networks with very many layers, at 3 steps.

    python -m benchmarks.depth [--layers 500 1000 2000 5000] [--check]

Each is a process of its own: seconds from start to end, and those of the processor, which other
load on the machine does not lengthen. With --check the exit code is 1 when one takes longer than `GOAL`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAYERS = (500, 1_000, 2_000, 5_000)
GOAL = 60.0  # seconds, of each
SOURCE = """
import torch
from torch import nn

def build_model():
    middle = [m for _ in range({layers} // 2) for m in (nn.Linear(8, 8), nn.ReLU())]
    return nn.Sequential(nn.Linear(4, 8), *middle, nn.Linear(8, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""


def seconds(layers: int) -> tuple[float, float]:
    """Return the wall and processor seconds of a diagnosis. Raises RuntimeError without a report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.py").write_text(SOURCE.format(layers=layers))
        words = "-m gradcheck_cli diagnose m.py --no-verify --steps 3 -q -o yaml:r.yaml".split()
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, capture_output=True, check=False
        )
        spent, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if not (folder / "r.yaml").exists():
            raise RuntimeError(f"{layers} layers: no report: {done.stderr.decode()[-300:]}")
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=LAYERS)
    parser.add_argument("--check", action="store_true", help="exit 1 above the goal")
    given = parser.parse_args()
    print("| layers | seconds | of the processor |\n|---|---|---|")
    slowest = 0.0
    for layers in given.layers:
        spent, busy = seconds(layers)
        slowest = max(slowest, spent)
        print(f"| {layers:,} | {spent:.1f} | {busy:.1f} |", flush=True)
    print(
        f"depth: at most {slowest:.0f} s (goal {GOAL:.0f}); {'met' if slowest <= GOAL else 'missed'}"
    )
    return int(given.check and slowest > GOAL)


if __name__ == "__main__":
    sys.exit(main())
