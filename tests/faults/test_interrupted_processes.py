"""Ctrl-C and SIGTERM, sent to real processes in each stage: a report is left, or a line."""

import textwrap
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read, write
from gradcheck_cli.rerun.confining import version
from tests.rerun.test_run_again import SCRIPT as RUN_AGAIN
from tests.support.a_report import sick
from tests.support.processes import python

pytestmark = pytest.mark.heavy  # each test starts processes

NOTHING = "interrupted: nothing was measured yet"
# Sends the signal when a module is imported for the first time, by our code or in torch.
WHILE_IMPORTING = """
import builtins, os, signal, sys
real, (where, number) = builtins.__import__, sys.argv.pop(1).split(":")

def importing(name, *args, **kwargs):
    if name == where:
        builtins.__import__ = real
        os.kill(os.getpid(), signal.Signals[number])
        len([])
    return real(name, *args, **kwargs)

builtins.__import__ = importing
from gradcheck_cli.__main__ import main
main()
"""
MODEL = """
import os, signal
import torch
from torch import nn

def at(stage, seen=[]):
    seen.append(stage)
    if stage == "STAGE" and seen.count(stage) > AFTER:
        os.kill(os.getpid(), signal.NUMBER)
        len([])

def build_model():
    at("building")
    layers = [m for _ in range(7) for m in (nn.Linear(4, 4), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(4, 3))

def train_data():
    at("loading data")
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))

class Renaming:
    def __init__(self, real):
        self.real = real
    def __get__(self, path, kind=None):
        def replace(target):
            at("writing")
            return self.real(path, target)
        return replace

import pathlib
pathlib.Path.replace = Renaming(pathlib.Path.replace)
at("importing the model")
"""
SCRIPT = (
    MODEL
    + """
if __name__ == "__main__":
    torch.manual_seed(0)
    model, (x, y) = build_model(), train_data().tensors
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(60):
        at("training")
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
)


def source(stage: str, number: str, after: int = 0, *, of: str = MODEL) -> str:
    return of.replace("STAGE", stage).replace("AFTER", str(after)).replace("NUMBER", number)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("typer:SIGTERM", "diagnose m.py"),
        ("gradcheck_cli.cli.app:SIGINT", "--help"),
        ("gradcheck_cli.cli.edge:SIGTERM", "diagnose m.py"),
        ("torch:SIGTERM", "diagnose m.py"),
        ("torch.optim:SIGINT", "fix m.py"),
        ("rich.console:SIGTERM", "report r.yaml"),
        ("yaml:SIGINT", "compare r.yaml r.yaml"),
    ],
)
def test_while_something_is_imported(tmp_path: Path, where: str, words: str) -> None:
    (tmp_path / "m.py").write_text(source("", "SIGINT"))
    write(sick(), tmp_path / "r.yaml")
    done = python(tmp_path, "-c", WHILE_IMPORTING, where, *words.split(), anew=True)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == NOTHING
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "where", ["torch:SIGTERM", "torch:SIGINT", "gradcheck_cli.running:SIGTERM"]
)
def test_while_a_script_imports(tmp_path: Path, where: str) -> None:
    (tmp_path / "train.py").write_text(source("", "SIGINT", of=SCRIPT))
    done = python(tmp_path, "-c", WHILE_IMPORTING, where, "run", "train.py", anew=True)
    assert done.returncode in {130, 143}
    assert "nothing was measured" in done.stderr.splitlines()[-1]
    assert "gradcheck_cli/" not in done.stderr


@pytest.mark.parametrize(
    ("stage", "after", "number", "words"),
    [
        ("importing the model", 0, "SIGINT", "diagnose"),
        ("loading data", 0, "SIGTERM", "diagnose"),
        ("building", 1, "SIGTERM", "fix"),
    ],
)
def test_before_anything_was_measured(
    tmp_path: Path, stage: str, after: int, number: str, words: str
) -> None:
    (tmp_path / "m.py").write_text(source(stage, number, after))
    done = python(
        tmp_path, "-m", "gradcheck_cli", words, "m.py", "--steps", "12", "-o", "yaml:r.yaml"
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == NOTHING
    assert not (tmp_path / "r.yaml").exists()


@pytest.mark.parametrize(
    ("stage", "after", "number", "verb"),
    [
        ("building", 3, "SIGTERM", "diagnose"),  # for an arm of a trial
        ("writing", 0, "SIGINT", "fix"),
    ],
)
def test_while_fixes_are_tried_or_the_report_is_written(
    tmp_path: Path, stage: str, after: int, number: str, verb: str
) -> None:
    (tmp_path / "m.py").write_text(source(stage, number, after))
    words = f"{verb} m.py --steps 12 --budget 6 --examine none -o yaml:r.yaml"
    done = python(tmp_path, "-m", "gradcheck_cli", *words.split())
    assert done.returncode == 130, done.stderr
    report = read(tmp_path / "r.yaml")
    assert report.run.steps == 12
    assert report.findings
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir() if p.suffix not in {".py", ".yaml"}] in (
        [], ["__pycache__"],
    )  # fmt: skip
    if stage == "building":
        assert report.run.interrupted
        assert all("interrupted" in fix.verification.reason for fix in report.fixes)


def test_while_the_report_on_a_script_is_written(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(source("writing", "SIGTERM", of=SCRIPT))
    done = python(tmp_path, "-m", "gradcheck_cli", "run", "-o", "yaml:r.yaml", "train.py")
    assert done.returncode == 143, done.stderr
    report = read(tmp_path / "r.yaml")
    assert report.run.interrupted is (report.run.steps < 60), "it may have been a snapshot"
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not version(), reason="the kernel has no Landlock")
def test_while_a_script_is_run_again_to_try_a_fix(tmp_path: Path) -> None:
    extra = (
        "import os, pathlib, signal; first = pathlib.Path('pid'); "
        "os.kill(int(first.read_text()), signal.SIGTERM) if first.exists() "
        "else first.write_text(str(os.getpid()))"
    )
    script = textwrap.dedent(RUN_AGAIN.format(steps=60, extra=extra, each="pass"))
    (tmp_path / "train.py").write_text(script)
    words = "run --verify --budget 20 --examine none -o yaml:r.yaml train.py"
    done = python(tmp_path, "-m", "gradcheck_cli", *words.split())
    assert done.returncode == 143, done.stderr
    report = read(tmp_path / "r.yaml")
    assert report.run.steps == 60
    assert report.run.interrupted
    assert report.fixes
    assert "Traceback" not in done.stderr
