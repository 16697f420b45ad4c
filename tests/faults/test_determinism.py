"""The same seed on the same machine gives the same report, to the byte, but for the times."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_snapshots import SCRIPT

ROOT = Path(__file__).parents[2]
SIGMOIDS = """
import torch
from torch import nn

def build_model():
    layers = [nn.Linear(4, 8), nn.Sigmoid()]
    for _ in range(6):
        layers += [nn.Linear(8, 8), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(8, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""
TIMES = re.compile(r"^ *(started|seconds): .*\n", re.MULTILINE)


def reported(folder: Path, source: str, hash_seed: str, *command: str) -> str:
    """Return the report without its times; another order of hashes must not show."""
    folder.mkdir()
    (folder / "m.py").write_text(source)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck_cli", *command],
        cwd=folder, env=env | {"PYTHONHASHSEED": hash_seed}, check=False, capture_output=True, timeout=200,
    )  # fmt: skip
    text = (folder / "r.yaml").read_text(encoding="utf-8")
    assert done.returncode in {0, 1}, done.stderr
    assert TIMES.search(text), "there are times to leave out"
    return TIMES.sub("", text)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("source", "command"),
    [
        (SIGMOIDS, "diagnose m.py --steps 22 -o yaml:r.yaml"),
        (SCRIPT, "run -o yaml:r.yaml m.py 40 0"),
    ],
    ids=["diagnose, with fixes tried", "run"],
)
def test_two_runs_give_the_same_report(source: str, command: str, tmp_path: Path) -> None:
    one, other = (reported(tmp_path / seed, source, seed, *command.split()) for seed in ("1", "2"))
    assert one == other
    assert "findings" in one
