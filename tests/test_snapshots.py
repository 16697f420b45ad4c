"""A run that is killed leaves its last snapshot; snapshots cost little and never end a run."""

import signal
import time
from pathlib import Path

import pytest
import yaml

from gradcheck_cli import snapshots
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.trace import Gap
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.snapshots import SHARE, UNFINISHED, Snapshots
from tests.test_running import SCRIPTS, finish, same_weights, start

REPORT = Report(verdict=Verdict.UNSURE, headline="so far")


BUSY = """
import sys
from pathlib import Path
from gradcheck_cli import snapshots
from gradcheck_cli.__main__ import main

snapshots.SHARE = 1e9
snapshots.Snapshots.__init__.__defaults__ = (0.0, None, None)  # no pause
make = snapshots.Snapshots.step

def step(self):
    before = self.due
    make(self)
    if self.due != before:
        with Path("taken").open("a") as taken:
            taken.write(".")

snapshots.Snapshots.step = step
sys.exit(main())
"""


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(snapshots.time, "monotonic", lambda: self.now)


def test_a_snapshot_is_written_when_the_pause_is_over_and_not_at_every_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, written = Clock(monkeypatch), []
    shots = Snapshots(lambda: REPORT, written.append, pause=5.0)
    for _ in range(105):
        shots.step()
        clock.now += 0.1
    assert written == [REPORT] * 2


def test_a_slow_snapshot_is_taken_so_rarely_that_its_share_stays_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)

    def slow() -> Report:
        clock.now += 2.0
        return REPORT

    shots = Snapshots(slow, lambda _: None, pause=5.0)
    shots.step()
    clock.now += 5.0
    shots.step()
    assert shots.due == pytest.approx(clock.now + 2.0 / SHARE)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (UsageError("can not write r.yaml: no space left"), Gap, "no space left"),
        (ValueError("odd"), Crash, "ValueError: odd"),
    ],
)
def test_what_fails_ends_the_snapshots_and_is_kept_for_the_report(
    error: Exception, kind: type, said: str
) -> None:
    tried = []

    def write(_: Report) -> None:
        tried.append(1)
        raise error

    shots = Snapshots(lambda: REPORT, write, pause=0.0)
    for _ in range(3):
        shots.step()
        time.sleep(0.001)
    assert tried == [1]
    assert isinstance(shots.failed, kind)
    assert said in str(shots.failed)


@pytest.mark.slow
def test_a_killed_run_leaves_a_valid_report_that_says_it_is_not_the_last(tmp_path: Path) -> None:
    report = tmp_path / "r.yaml"
    asked = ["-m", "gradcheck_cli", "run", "-q", "-o", f"yaml:{report}"]
    process = start([*asked, str(SCRIPTS / "endless.py")], tmp_path)
    deadline = time.monotonic() + 90
    while not report.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert finish(process, tmp_path / "none").code == -signal.SIGKILL
    found = read(report)
    assert found.run.interrupted
    assert UNFINISHED in found.gaps
    assert found.run.steps > 0
    assert "vanishing-gradient" in {f.name for f in found.findings}
    assert list(tmp_path.iterdir()) == [report]  # no half-written file beside it


@pytest.mark.slow
def test_snapshots_change_neither_the_output_nor_the_weights_nor_the_last_report(
    tmp_path: Path,
) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    runs = {}
    for name, front in {"calm": ["-m", "gradcheck_cli"], "busy": ["busy.py"]}.items():
        report = tmp_path / f"{name}.yaml"
        asked = [*front, "run", "-q", "-o", f"yaml:{report}", str(SCRIPTS / "plain.py")]
        ran = finish(start([*asked, str(tmp_path / f"{name}.pt")], tmp_path), tmp_path / "none")
        runs[name] = ran.out.replace(name, "it"), _told(report)
    assert runs["calm"] == runs["busy"]
    assert (tmp_path / "taken").stat().st_size > 20  # one dot for each
    assert same_weights(tmp_path / "calm.pt", tmp_path / "busy.pt")


def _told(report: Path) -> dict:
    said = yaml.safe_load(report.read_text())
    for key in ("started", "seconds", "command"):
        said["run"].pop(key)
    return said
