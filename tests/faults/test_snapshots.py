"""`gradcheck run` is killed without warning: the last snapshot is a report."""

import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.running import Plan, run
from tests.support.processes import forked

pytestmark = pytest.mark.heavy  # each test starts processes

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, time
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with open("losses.txt", "w", buffering=1) as log:
    for _ in range(int(sys.argv[1])):
        x = torch.randn(16, 4)
        loss = nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(loss.item().hex(), file=log)
        time.sleep(float(sys.argv[2]))
"""


def start(folder: Path, *command: str) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(SCRIPT)
    return subprocess.Popen(
        forked(*command),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_a_snapshot_that_is_read_and_says_so(tmp_path: Path) -> None:
    asked = ("-m", "gradcheck_cli", "run", "-o", "yaml:r.yaml", "train.py", "100000", "0.005")
    process = start(tmp_path / "watched", *asked)
    file = tmp_path / "watched" / "r.yaml"
    deadline = time.monotonic() + 90
    while not file.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, err

    report = read(file)
    assert report.run.interrupted
    assert report.run.steps > 20
    assert any("snapshot" in gap.reason for gap in report.gaps)
    shown = start(file.parent, "-m", "gradcheck_cli", "report", "r.yaml")
    out, err = shown.communicate(timeout=60)
    assert shown.returncode in {0, 1}, err
    assert "Interrupted after" in out
    assert "snapshot" in out

    seen = (file.parent / "losses.txt").read_text().splitlines()
    start(tmp_path / "bare", "train.py", str(len(seen)), "0").communicate(timeout=90)
    assert (tmp_path / "bare" / "losses.txt").read_text().splitlines() == seen


def planned(folder: Path, keep) -> Plan:
    from gradcheck_cli.probe.launching import find_script

    (folder / "train.py").write_text(SCRIPT.replace("losses.txt", str(folder / "losses.txt")))
    program = find_script(str(folder / "train.py"))
    return Plan(program=program, arguments=("30", "0"), keep=keep, snapshot_seconds=0.0)


def ran(plan: Plan):
    """Run a plan in this process to its end."""
    with ExitStack() as aftermath:
        return run(plan, aftermath)


def test_snapshots_grow_and_the_report_at_the_end_is_none(tmp_path: Path) -> None:
    kept: list[Report] = []
    outcome = ran(planned(tmp_path, kept.append))
    assert [r.run.interrupted for r in kept] == [True] * len(kept)
    assert [r.run.steps for r in kept] == sorted({r.run.steps for r in kept})
    assert kept
    assert outcome.report is not None
    assert outcome.report.run.steps == 30
    assert not outcome.report.run.interrupted
    assert "snapshot" not in str(outcome.report.gaps)


def test_a_disk_that_is_full_for_a_while_does_not_end_the_training(tmp_path: Path) -> None:
    def full(_: Report) -> None:
        raise UsageError("can not write r.yaml: No space left on device")

    outcome = ran(planned(tmp_path, full))
    assert outcome.ending.error is None
    assert outcome.report is not None
    assert outcome.report.run.steps == 30
    assert outcome.report.crashed == ()


def test_a_snapshot_that_crashes_costs_the_snapshots_only(tmp_path: Path) -> None:
    calls: list[Report] = []

    def broken(report: Report) -> None:
        calls.append(report)
        raise ZeroDivisionError("a renderer of ours")

    outcome = ran(planned(tmp_path, broken))
    assert len(calls) == 1
    assert outcome.ending.error is None
    assert outcome.report is not None
    assert outcome.report.run.steps == 30
    [crash] = outcome.report.crashed
    assert crash.where == "the snapshot"
    assert "a renderer of ours" in crash.traceback
