"""Exit 0 means measured, judged and written: every other end of the user's code is said, and is not 0."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read
from tests.support.processes import ROOT, python

MODEL = """
import os, sys
import torch
from torch import nn

def at(stage, times=[]):
    times.append(stage)
    if stage == "STAGE" and times.count(stage) > AFTER:
        DO

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        at("construction")
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        at("forward")
        return self.b(torch.relu(self.a(x)))

def train_data():
    at("data")
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))

def loss_fn(output, target):
    at("loss")
    return nn.functional.cross_entropy(output, target)
"""
DIAGNOSE = ("-m", "gradcheck_cli", "diagnose", "m.py", "--no-verify", "--steps", "12")


def model(stage: str = "", do: str = "pass", after: int = 0) -> str:
    return MODEL.replace("STAGE", stage).replace("AFTER", str(after)).replace("DO", do)


def diagnosed(folder: Path, source: str, *words: str) -> "subprocess.CompletedProcess[str]":
    (folder / "m.py").write_text(source)
    return python(folder, *DIAGNOSE, *words)


ENDS = (
    ("construction", "sys.exit(0)", "ended the program with sys.exit(0)"),
    ("forward", "raise GeneratorExit", "raised GeneratorExit"),
    ("data", "os._exit(0)", "ended the program with os._exit(0)"),
    ("loss", "sys.exit()", "ended the program with sys.exit()"),
)


def test_an_end_of_the_program_in_the_users_code_is_3_and_said_in_one_line(tmp_path: Path) -> None:
    done = diagnosed(tmp_path, model("forward", "sys.exit(0)"), "-q", "-o", "yaml:r.yaml")
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: forward of Model: your code ended the program with sys.exit(0), at m.py:9",
        "hint: the model was given (float32[32, 4])",
    ]
    assert done.stdout == ""
    assert not (tmp_path / "r.yaml").exists()


def test_no_end_of_any_kind_takes_the_other_models_with_it(tmp_path: Path) -> None:
    for number, (stage, do, _) in enumerate(ENDS):
        (tmp_path / f"m{number}.py").write_text(model(stage, do))
    (tmp_path / "well.py").write_text(model())
    names = [*(f"m{number}" for number in range(len(ENDS))), "well"]
    models = "".join(
        f"  - model: {name}.py:Model\n    data: {name}.py:train_data\n    loss: {name}.py:loss_fn\n"
        for name in names
    )
    (tmp_path / "gradcheck.yaml").write_text(f"steps: 12\nverify: false\nmodels:\n{models}")
    done = python(tmp_path, "-m", "gradcheck_cli", "diagnose", "-o", "yaml:r.yaml", "-q")
    assert done.returncode == 3
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for number, (_, _, said) in enumerate(ENDS):
        assert errors[number].endswith(f"your code {said}, at m{number}.py:9")
    assert len(errors) == len(ENDS)
    report = read(tmp_path / "r.yaml")
    assert report.run.stopped, "what is missing is not forgotten in the saved report"
    assert len([gap for gap in report.gaps if gap.what.startswith("the model m")]) == len(ENDS)


@pytest.mark.parametrize(
    "do",
    ["os._exit(0)", pytest.param("raise ValueError('no')", marks=pytest.mark.heavy)],
)
def test_an_end_after_some_steps_leaves_their_report_and_is_not_0(tmp_path: Path, do: str) -> None:
    done = diagnosed(tmp_path, model("forward", do, after=8), "-o", "yaml:r.yaml")
    assert done.returncode == 3
    report = read(tmp_path / "r.yaml")
    assert 0 < report.run.steps < 12
    assert report.run.stopped
    assert "what follows is partial" in done.stdout
    again = python(tmp_path, "-m", "gradcheck_cli", "report", "r.yaml", "--fail-on", "error")
    assert again.returncode == 3, "the saved report is judged as the run was"


@pytest.mark.parametrize(
    "do",
    ["sys.stdout.close(); sys.stderr.close()",
     "os.closerange(1, 3); sys.stdout = None; sys.stderr = open('theirs.txt', 'w')"],
)  # fmt: skip
def test_streams_that_the_users_code_closes_or_replaces_lose_no_report(
    tmp_path: Path, do: str
) -> None:
    done = diagnosed(tmp_path, model("construction", do), "-o", "yaml:r.yaml")
    assert done.returncode in {0, 1}, done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 12
    assert "12 steps" in done.stdout
    assert "wrote r.yaml" in done.stderr


@pytest.mark.heavy
def test_a_stdout_that_is_closed_from_the_start_takes_no_report_with_it(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(model())
    words = " ".join([sys.executable, *DIAGNOSE, "-o", "yaml:r.yaml", ">&-", "2>&-"])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", words], cwd=tmp_path, env=env, check=False, timeout=120)
    assert done.returncode in {0, 1}
    assert read(tmp_path / "r.yaml").run.steps == 12


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize(
    "words", ["--help", "--version", "schema", "rules", "report r.yaml", "explain GC101"]
)
def test_a_full_disk_below_stdout_is_one_line_and_2(tmp_path: Path, words: str) -> None:
    from gradcheck_cli.records.yamlfile import write
    from tests.support.a_report import sick

    write(sick(), tmp_path / "r.yaml")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradcheck_cli", *words.split()],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: can not write to stdout: No space left on device\n"


@pytest.mark.parametrize(
    ("words", "config", "said"),
    [
        (["--select", "GC1,GC999", "-q"], "", "no rule fits 'GC999'"),
        (["--select", "GC1", "--ignore", "GC1"], "", "leave no rule"),
        ([], "select: [GC999]\n", "no rule fits 'GC999'"),
        ([], "ignore: [ALL]\n", "leave no rule"),
    ],
)  # fmt: skip
def test_a_selection_of_no_rule_is_2_before_anything_is_trained(
    tmp_path: Path, words: list[str], config: str, said: str
) -> None:
    (tmp_path / "gradcheck.yaml").write_text(config)
    done = diagnosed(tmp_path, "raise SystemExit('it was imported')", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


LEFT = """
import atexit, threading, time
threading.Thread(target=time.sleep, args=(9999,)).start()
atexit.register(os._exit, 0)
"""


@pytest.mark.heavy
def test_what_is_left_of_the_users_code_neither_holds_the_process_nor_makes_a_0_of_its_code(
    tmp_path: Path,
) -> None:
    done = diagnosed(tmp_path, f"import os\n{LEFT}{model()}", "-q", "--lr", "1e4")
    assert done.returncode == 1, done.stderr
    assert "a thread of your code, does not end" in done.stderr
    (tmp_path / "m.py").write_text(f"import os, atexit\natexit.register(os._exit, 0)\n{model()}")
    assert python(tmp_path, *DIAGNOSE, "-q", "--lr", "1e4").returncode == 1


SCRIPT = """
import os, sys
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(30):
    x = torch.randn(32, 4)
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), x[:, :3].argmax(1)).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os._exit(7)", 7),
        ("import threading, time; threading.Timer(0, os._exit, [7]).start(); time.sleep(60)", 7),
        pytest.param("os._exit(0)", 0, marks=pytest.mark.heavy),
        pytest.param("sys.stdout.close()", 0, marks=pytest.mark.heavy),
    ],
)
def test_a_script_that_ends_the_process_itself_is_reported_and_keeps_its_code(
    tmp_path: Path, end: str, code: int
) -> None:
    (tmp_path / "train.py").write_text(f"{SCRIPT}\n{end}\n")
    done = python(tmp_path, "-m", "gradcheck_cli", "run", "-o", "yaml:r.yaml", "train.py")
    assert done.returncode == code, done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 30
    assert "wrote r.yaml" in done.stderr
