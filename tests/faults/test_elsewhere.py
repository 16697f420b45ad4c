"""The commands in unusual places and ways: each does what it does at home."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from junitparser import JUnitXml

from gradcheck_cli.cli.app import main
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.yamlfile import read, write
from tests.faults.test_blame import told
from tests.support.a_report import sick
from tests.support.junit_schema import misfits
from tests.support.processes import ROOT, python

pytestmark = pytest.mark.heavy  # each test starts processes

MODEL = """
import torch
from torch import nn

def build_model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""
QUICK = ("--no-verify", "--examine", "none", "--steps", "4", "-q")
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, in a folder."""

    def command(folder: Path, *words: str) -> int:
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["gradcheck", *words])
        return main()

    return command


# ---- places -------------------------------------------------------------------------------------


def test_a_project_behind_a_link_finds_its_own_modules_and_keeps_its_reports(
    tmp_path: Path,
) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "parts.py").write_text(MODEL)
    (real / "m.py").write_text("from parts import build_model, train_data\n")
    (tmp_path / "linked").symlink_to(real)
    done = python(
        tmp_path / "linked", "-m", "gradcheck_cli", "diagnose", "m.py", *QUICK, "-o", "yaml:r.yaml"
    )
    assert done.returncode == 0, done.stderr
    assert read(real / "r.yaml").run.steps == 4


def test_a_file_of_a_parent_folder_and_a_report_of_here(tmp_path: Path, run: Run) -> None:
    (tmp_path / "beside.py").write_text(MODEL)
    (tmp_path / "m.py").write_text("from beside import build_model, train_data\n")
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    assert run(here, "diagnose", "../../m.py", *QUICK, "-o", "yaml:r.yaml") == 0
    assert read(here / "r.yaml").run.steps == 4


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder that nobody writes")
def test_a_folder_that_nobody_can_write_is_enough_to_read(
    tmp_path: Path, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    assert run(Path("/proc"), "diagnose", str(tmp_path / "m.py"), *QUICK) == 0
    capfd.readouterr()
    assert run(Path("/proc"), "diagnose", str(tmp_path / "m.py"), *QUICK, "-o", "yaml:r.yaml") == 2
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("error: can not write r.yaml: ") or "/proc/r.yaml" in line


def test_a_pyproject_says_what_a_config_says(
    tmp_path: Path, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    table = "[project]\nname = 'x'\n[tool.gradcheck]\nmodel = 'm.py'\nsteps = 4\nverify = false\n"
    (tmp_path / "pyproject.toml").write_text(table + "examine = 'none'\noutput = ['yaml:r.yaml']\n")
    below = tmp_path / "below"
    below.mkdir()
    assert run(below, "diagnose", "-q") == 0
    assert read(tmp_path / "r.yaml").run.steps == 4, "its paths lead on from where it lies"
    (tmp_path / "pyproject.toml").write_text(table + "fail_om = 'note'\n")
    assert run(tmp_path, "diagnose") == 2
    assert "pyproject.toml:7:1: unknown key 'fail_om'" in capfd.readouterr().err


# ---- ways to start ------------------------------------------------------------------------------

LOOP = """
def main():
    import torch
    from torch import nn
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(12):
        x = torch.randn(32, 4)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
        optimizer.step()

main()
"""
SPAWNS = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Rows(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        x = torch.randn(4, generator=torch.Generator().manual_seed(index))
        return x, int(x[:3].argmax())

def collate(rows):  # found again in the worker only where this file is `__main__` there too
    xs, ys = zip(*rows)
    return torch.stack(xs), torch.tensor(ys)

if __name__ == "__main__":
    net = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    spawning = dict(num_workers=1, multiprocessing_context="spawn")
    for x, y in DataLoader(Rows(), batch_size=8, collate_fn=collate, **spawning):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
"""


@pytest.mark.parametrize("verb", ["run", "diagnose"])
def test_a_module_imports_from_its_own_package(tmp_path: Path, verb: str) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text(
        "from torch import nn\ndef net(): return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))\n"
    )
    (package / "train.py").write_text("from .nets import net\n" + LOOP)
    words = ("-m", "gradcheck_cli", verb, "-q", "-o", "yaml:r.yaml", "-m", "pkg.train")
    done = python(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 12


def test_workers_that_are_spawned_find_what_the_script_defines(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SPAWNS)
    words = ("-m", "gradcheck_cli", "run", "-q", "-o", "yaml:r.yaml", "train.py")
    done = python(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 8


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("fails", [False, True])
def test_pre_commit_lets_a_push_pass_or_stops_it(tmp_path: Path, fails: bool) -> None:
    pytest.importorskip("pre_commit")
    work, hooks, away = tmp_path / "work", tmp_path / "hooks", tmp_path / "away.git"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    env |= {"PRE_COMMIT_HOME": str(tmp_path / "kept"), "HOME": str(tmp_path)}

    def said(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, check=False
        )

    def committed(folder: Path) -> str:
        named = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        said(folder, "git", "init", "-q", "-b", "main", "."), said(folder, "git", "add", ".")
        done = said(folder, "git", *named, "commit", "-qm", "all there is")
        assert done.returncode == 0, done.stderr
        return said(folder, "git", "rev-parse", "HEAD").stdout.strip()

    hooks.mkdir(), work.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    uses = {"repo": str(hooks), "rev": committed(hooks), "hooks": [{"id": "gradcheck"}]}
    (work / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [uses]}))
    (work / "m.py").write_text(MODEL)
    rate = "\nlr: 10000.0" if fails else ""
    (work / "gradcheck.yaml").write_text(
        f"model: m.py\nsteps: 30\nexamine: none\noptimizer: SGD{rate}\n"
    )
    committed(work), said(tmp_path, "git", "init", "-q", "--bare", str(away))
    installed = said(work, sys.executable, "-m", "pre_commit", "install", "-t", "pre-push")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    pushed = said(work, "git", "push", "-q", str(away), "main")
    told = pushed.stdout + pushed.stderr
    assert (pushed.returncode != 0) is fails, told
    assert "- hook id: gradcheck" in told
    assert ("PROBLEMS FOUND" in told) or not fails
    assert bool(said(away, "git", "branch").stdout.strip()) is not fails, "what was pushed"


# ---- what is written ----------------------------------------------------------------------------


def test_two_processes_that_write_one_report_leave_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    words = [sys.executable, "-m", "gradcheck_cli", "diagnose", "m.py", *QUICK, "-o", "yaml:r.yaml"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen([*words, "--seed", str(n)], cwd=tmp_path, env=env) for n in (1, 2)]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    assert read(tmp_path / "r.yaml").run.seed in {1, 2}
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("__")) == [
        "m.py", "r.yaml",
    ]  # fmt: skip


RANK = {"note": 0, "warning": 1, "error": 2, "never": 3}


def test_each_level_fails_on_its_severity_and_graver_ones(tmp_path: Path) -> None:
    commands, codes = [], []
    for severity, (level, least) in itertools.product(Severity, RANK.items()):
        report = sick()
        findings = tuple(replace(f, severity=severity) for f in report.findings)
        write(replace(report, findings=findings), tmp_path / f"{severity.value}.yaml")
        words = ["report", f"{severity.value}.yaml", "-q", "--fail-on", level]
        commands += [words, [*words, "--exit-zero"]]
        codes += [int(RANK[severity.value] >= least), 0]
    assert [code for code, _ in told(tmp_path, commands)] == codes


NAMES = ("</testcase>&'\"", "[red]x[/red]", "\x1b[31mred", "::error::x", "`|[a](b)", "long" * 30)
HOSTILE = """
import torch
from torch import nn

NAMES = [{names}]

def build_model():
    net = nn.Sequential()
    for number, name in enumerate(NAMES):
        net.add_module(name, nn.Linear(8, 8))
        net.add_module(f"s{number}", nn.Sigmoid())
    net.add_module("end", nn.Linear(8, 3))
    return net

def train_data():
    x = torch.randn(96, 8, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""


def test_hostile_names_fit_the_schemas_and_are_shown_in_full(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(HOSTILE.replace("{names}", ", ".join(map(repr, NAMES))))
    done = python(
        tmp_path, "-m", "gradcheck_cli", "diagnose", "m.py", "--no-verify", "--examine", "none",
        "--steps", "30", "-o", "sarif:r.sarif", "-o", "junit:r.xml", COLUMNS="100",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    schema = json.loads((ROOT / "tests/schemas/sarif-2.1.0.json").read_text(encoding="utf-8"))
    log = json.loads((tmp_path / "r.sarif").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(log)
    assert JUnitXml.fromfile(str(tmp_path / "r.xml")).failures > 0
    assert misfits((tmp_path / "r.xml").read_text(encoding="utf-8")) == []
    told = "".join(done.stdout.split())
    assert "\x1b[31m" not in done.stdout
    for name in NAMES:
        assert name.replace("\x1b", "\\x1b") in told, name
