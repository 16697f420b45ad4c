"""The plugin as a user has it: a test session of its own, in a process."""

import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT, python

MODELS = """
import torch
from torch import nn

def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 8, generator=generator)
    return x, (x[:, 0] > 0).long()

def build(activation):
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), activation())]
    return nn.Sequential(nn.Linear(8, 16), *layers[:2 if activation is nn.LeakyReLU else None], nn.Linear(16, 2))
"""

TESTS = """
import pytest
from torch import nn
from models import build, data

def test_sick(gradcheck):
    gradcheck(lambda: build(nn.Sigmoid), data(), optimizer="SGD", lr=0.1)

def test_fine(gradcheck):
    assert gradcheck(lambda: build(nn.LeakyReLU), data(), optimizer="Adam", lr=0.01).run.steps == 50

@pytest.mark.gradcheck(steps=12, fail_on="never")
def test_marked(gradcheck):
    report = gradcheck(lambda: build(nn.Sigmoid), data(), optimizer="SGD", lr=0.1)
    assert report.run.steps == 12
    assert report.findings
"""


PROVING = """
from torch import nn
from models import build, data

def test_fix(gradcheck):
    reports = []
    try:
        gradcheck(lambda: build(nn.Sigmoid), data(), optimizer="SGD", lr=0.1, verify=True, on_report=reports.append)
    finally:
        print("proven:", reports[0].fixes[0].name, reports[0].fixes[0].verification.status.value)
"""


def pytest_session(
    folder: Path, *options: str, anew: bool = False
) -> "subprocess.CompletedProcess[str]":
    plugin = ("-p", "gradcheck_cli.integrations.pytest_plugin", "-p", "no:cacheprovider")
    words = ("-m", "pytest", "-q", *plugin, *options)
    return python(folder, *words, anew=anew, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


@pytest.mark.heavy
@pytest.mark.slow
def test_a_fix_is_proven_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "test_models.py").write_text(PROVING)
    done = pytest_session(tmp_path)
    assert "1 failed" in done.stdout, done.stdout + done.stderr  # it is sick all the same
    [proven] = [line for line in done.stdout.splitlines() if line.startswith("proven:")]
    assert proven.endswith("verified")


@pytest.mark.slow
def test_a_model_that_does_not_learn_fails_with_the_report(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "test_models.py").write_text(TESTS)
    done = pytest_session(tmp_path, "--gradcheck-report", "reports", "-rf")
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "GC101 vanishing-gradient" in done.stdout
    assert "FAILED test_models.py::test_sick" in done.stdout
    assert len(list((tmp_path / "reports").glob("test_models.py-test_sick-1.yaml"))) == 1
    assert len(list((tmp_path / "reports").iterdir())) == 3


ENDS = """
import os, sys
import torch
from torch import nn
from models import data

class Ending(nn.Module):
    def __init__(self, end, after=0):
        super().__init__()
        self.layer, self.end, self.left = nn.Linear(8, 2), end, after

    def forward(self, x):
        self.left -= 1
        if self.left < 0:
            self.end()
        return self.layer(x)

def test_it_exits(gradcheck):
    gradcheck(lambda: Ending(lambda: sys.exit(0)), data())

def test_it_exits_at_once(gradcheck):
    gradcheck(lambda: Ending(lambda: os._exit(0)), data())

def test_it_exits_after_some_steps(gradcheck):
    gradcheck(lambda: Ending(lambda: os._exit(0), 20), data())

def test_it_moves(gradcheck):
    gradcheck(lambda: Ending(lambda: os.chdir("/")), data(), fail_on="never")
"""


def test_a_model_that_ends_the_program_is_no_pass_and_one_that_moves_keeps_its_report(
    tmp_path: Path,
) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "test_ends.py").write_text(ENDS)
    done = pytest_session(tmp_path, "--gradcheck-report", "reports", "--gradcheck-steps", "30")
    assert "3 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "ended the program with os._exit(0)" in done.stdout
    assert {p.name for p in (tmp_path / "reports").iterdir()} == {
        "test_ends.py-test_it_exits_after_some_steps-1.yaml",
        "test_ends.py-test_it_moves-1.yaml",
    }


def test_an_unknown_setting_of_the_marker_is_said(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.gradcheck(stepz=3)\ndef test_it(gradcheck): pass\n"
    )
    done = pytest_session(tmp_path)
    assert "unknown ['stepz']; it has steps, fail_on" in done.stdout


def test_a_session_that_does_not_use_it_does_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'torch' not in sys.modules\n"
    )
    assert pytest_session(tmp_path, anew=True).returncode == 0


def test_the_entry_point_names_the_plugin() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    entry = (
        '[project.entry-points.pytest11]\ngradcheck = "gradcheck_cli.integrations.pytest_plugin"'
    )
    assert entry in text
