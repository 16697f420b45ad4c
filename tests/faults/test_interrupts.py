"""Ctrl-C and SIGTERM in any stage of a command leave a report, or a line that says there is none."""

import importlib
import os
import signal
from pathlib import Path

import pytest

from gradcheck_cli.cli.app import main
from gradcheck_cli.probe import terminating
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import read
from tests.support.processes import python

MODEL = """
import torch
from torch import nn

def build_model():
    layers = [m for _ in range(7) for m in (nn.Linear(4, 4), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(4, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""
# A stage, a function that is called in it, and whether something was measured by then.
STAGES = {
    "building": ("gradcheck_cli.targets.target.seed_everything", False),
    "first step": ("gradcheck_cli.probe.stepping._one", False),
    "training": ("gradcheck_cli.probe.stepping._is_broken", True),
    "assembling": ("gradcheck_cli.diagnosing._facts", True),
    "examination": ("gradcheck_cli.examine.examine", True),
    "judging": ("gradcheck_cli.pipeline.judge", True),
    "passes": ("gradcheck_cli.examine.with_passes", True),
    "ranking": ("gradcheck_cli.pipeline.rank", True),
    "proposing": ("gradcheck_cli.remedies.proposing.propose", True),
    "trying": ("gradcheck_cli.verifying.prove", True),
    "writing": ("gradcheck_cli.records.yamlfile.dumps", True),
    "rendering": ("gradcheck_cli.cli.telling.render", True),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# In a process of its own: the same, by the user's file.
PLANTED = """
from gradcheck_cli import pipeline
import os, signal

real = pipeline.rank

def ranking(*args, **kwargs):
    os.kill(os.getpid(), signal.NUMBER)
    len([])
    return real(*args, **kwargs)

pipeline.rank = ranking
"""


def plant(patching: pytest.MonkeyPatch, where: str, number: int) -> list[int]:
    """Send this process the signal when the function is called for the first time; return whether it was."""
    module, name = where.rsplit(".", 1)
    holder, sent = importlib.import_module(module), []
    real = getattr(holder, name)

    def calling(*args: object, **kwargs: object) -> object:
        if not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
            len(sent)  # where Python runs the handler
        return real(*args, **kwargs)

    patching.setattr(holder, name, calling)
    return sent


def left(folder: Path) -> Report | None:
    file = folder / "r.yaml"
    return read(file) if file.exists() else None


@pytest.mark.heavy
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("stage", STAGES)
def test_an_interruption_of_a_diagnosis_leaves_a_report_or_a_line(
    stage: str,
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    where, measured = STAGES[stage]
    sent = plant(monkeypatch, where, number)
    words = "diagnose m.py --steps 12 -o yaml:r.yaml --examine"
    words += " quick" if stage in {"examination", "passes"} else " none"
    words += "" if stage == "trying" else " --no-verify"
    monkeypatch.setattr("sys.argv", ["gradcheck", *words.split()])
    assert main() == 130
    assert sent, f"{where} was never called"
    said = capfd.readouterr()
    assert "bug in gradcheck" not in said.err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    report = left(tmp_path)
    if not measured:
        assert report is None
        assert said.err.splitlines()[-1] == "interrupted: nothing was measured yet"
        return
    assert report is not None
    assert report.run.steps in {1, 12}
    assert report.findings or stage == "training"
    whole = stage in {"writing", "rendering"}  # then nothing was left to be interrupted
    assert report.run.interrupted is not whole


@pytest.mark.parametrize(
    ("verb", "number"),
    [("fix", "SIGTERM"), pytest.param("diagnose", "SIGINT", marks=pytest.mark.heavy)],
)
def test_a_process_that_is_interrupted_while_it_ranks_writes_its_report(
    verb: str, number: str, tmp_path: Path
) -> None:
    (tmp_path / "m.py").write_text(MODEL + PLANTED.replace("NUMBER", number))
    words = (verb, "m.py", "--steps", "12", "--examine", "none", "-o", "yaml:r.yaml")
    done = python(tmp_path, "-m", "gradcheck_cli", *words)
    assert done.returncode == 130, done.stderr
    report = left(tmp_path)
    assert report is not None
    assert report.run.interrupted
    assert report.findings
    assert report.fixes
    assert all("interrupted" in fix.verification.reason for fix in report.fixes)
    assert "Traceback" not in done.stderr


def test_a_second_ctrl_c_gives_up_a_report_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminating.held() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.waits
        monkeypatch.setattr(signals, "_at", signals._at - 10)
        with pytest.raises(KeyboardInterrupt, match="given up"):
            signal.raise_signal(signal.SIGINT)


def test_a_handler_of_the_users_stays_theirs() -> None:
    def theirs(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGINT, theirs)
    try:
        with terminating.held(terminate=True):
            assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)
