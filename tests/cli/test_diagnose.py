"""`gradcheck diagnose` as a real process: good runs, and every bad input as one clear message."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gradcheck_cli.records.yamlfile import loads, read
from tests.cli.test_edge import gradcheck
from tests.support.processes import forked

GOOD = """
import torch
from torch import nn

def build_model(width: int = 8):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))

def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 4, generator=generator)
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""
NO_TRIALS = ("--no-verify", "--steps", "3", "--batch-size", "16")


def diagnose(folder: Path, source: str, *args: str, name: str = "m.py", **env: str):
    """Diagnose a file with this source."""
    (folder / name).write_text(source)
    return gradcheck("diagnose", name, *NO_TRIALS, *args, cwd=folder, **env)


def test_a_machine_format_is_alone_on_stdout_whatever_the_users_code_prints(tmp_path) -> None:
    noisy = GOOD + "\nimport os\nprint('from python')\nos.system('echo from a child')\n"
    done = diagnose(tmp_path, noisy, "--output", "yaml")
    report = loads(done.stdout)
    assert report.run.steps == 3
    assert "from python" in done.stderr
    assert "from a child" in done.stderr
    assert report.headline in " ".join(done.stderr.split())


def test_files_are_written_before_the_exit_code_and_hold_the_same(tmp_path) -> None:
    done = diagnose(tmp_path, GOOD, "-o", "yaml:r.yaml", "-o", "json:r.json", "-o", "html:r.html")
    assert done.returncode in {0, 1}
    assert read(tmp_path / "r.yaml") == read(tmp_path / "r.json")
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert yaml.safe_load((tmp_path / "r.yaml").read_text())["schema"] == 1


@pytest.mark.heavy
def test_two_runs_with_one_seed_differ_in_time_only(tmp_path) -> None:
    texts = []
    for _ in range(2):
        report = json.loads(diagnose(tmp_path, GOOD, "-o", "json").stdout)
        report["run"] |= {"started": "", "seconds": 0}
        texts.append(json.dumps(report))
    assert texts[0] == texts[1]


def test_no_animation_and_no_escape_reach_a_pipe(tmp_path) -> None:
    done = diagnose(tmp_path, GOOD, FORCE_COLOR="1", CI="true", COLUMNS="80")
    assert "\r" not in done.stdout + done.stderr
    assert "\x1b[?25l" not in done.stderr
    plain = diagnose(tmp_path, GOOD, NO_COLOR="1")
    assert "\x1b" not in plain.stdout + plain.stderr


@pytest.mark.heavy
def test_a_terminal_without_utf8_gets_ascii(tmp_path) -> None:
    done = diagnose(tmp_path, GOOD, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode in {0, 1}
    assert done.stdout.isascii()


def test_what_the_user_prints_can_not_command_github(tmp_path) -> None:
    done = diagnose(
        tmp_path, GOOD + "\nprint('::error::x')\n", "-o", "github", GITHUB_ACTIONS="true"
    )
    lines = done.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) >= 16
    assert f"::{token}::" in lines[1:]
    assert "::error::x" not in lines[lines.index(f"::{token}::") :]
    assert lines[-1].startswith("::notice title=gradcheck::")


def test_the_jobs_summary_is_appended(tmp_path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    diagnose(tmp_path, GOOD, "-o", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text().startswith("before\n### ")


BAD_MODEL = GOOD.replace("nn.Linear(4, width)", "nn.Linear(5, width)")
RAISES = "import torch\n\ndef build_model():\n    raise ValueError('no weights here')\n"
BAD_INPUTS = {
    "no such file": (["nope.py"], "", 2, ["nope.py"]),
    "no such name": (["m.py:bild_model"], GOOD, 2, ["bild_model", "build_model"]),
    "no such module": (["nope_pkg.mod:f"], "", 2, ["nope_pkg"]),
    "wrong arguments": (["m.py:build_model(depth=3)"], GOOD, 2, ["width: int = 8", "depth"]),
    "no literal": (["m.py:build_model(width=open('x'))"], GOOD, 2, ["literal"]),
    "raises on import": (["m.py"], "1 / 0\n", 3, ["ZeroDivisionError", "m.py", "1 / 0"]),
    "syntax error": (["m.py"], "def f(:\n", 3, ["SyntaxError", "m.py"]),
    "factory raises": (
        ["m.py:build_model"],
        RAISES,
        3,
        ["no weights here", "line 4", "in build_model"],
    ),
    "shapes": (["m.py"], BAD_MODEL, 3, ["[16, 4]", "mat1 and mat2", "in_features=5"]),
    "empty dataset": (["m.py"], GOOD.replace("randn(96", "randn(0"), 3, ["empty"]),
    "nan in data": (
        ["m.py"],
        GOOD.replace("return torch.utils", "x[::2] = float('nan')\n    return torch.utils"),
        None,
        ["NaN"],
    ),
    "loss is no scalar": (
        ["m.py", "--loss", "m.py:loss_fn"],
        GOOD + "\ndef loss_fn(output, target):\n    return (output[:, 0] - target) ** 2\n",
        None,
        ["scalar"],
    ),
    "nothing to train": (
        ["m.py"],
        GOOD.replace(
            "return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))",
            "return nn.Sequential(nn.Linear(4, 3)).requires_grad_(False)",
        ),
        None,
        ["requires"],
    ),
    "no such optimizer": (["m.py", "--optimizer", "Adamm"], GOOD, 2, ["Adam"]),
    "no such device": (["m.py", "--device", "cuda:99"], GOOD, 2, ["cuda"]),
}


@pytest.mark.parametrize("name", list(BAD_INPUTS))
def test_bad_input_is_one_clear_message_and_the_right_code(tmp_path, name: str) -> None:
    args, source, code, words = BAD_INPUTS[name]
    (tmp_path / "m.py").write_text(source)
    done = gradcheck("diagnose", *args, *NO_TRIALS, "-o", "yaml:r.yaml", cwd=tmp_path)
    said = " ".join((done.stderr + done.stdout).split())
    assert done.returncode not in {4, -11}, done.stderr
    if code is None:  # an error, or a finding that says it
        assert done.returncode in {1, 2, 3}, said
    else:
        assert done.returncode == code, done.stderr
    for word in words:
        assert word.lower() in said.lower()
    assert "gradcheck_cli/" not in said
    assert "site-packages/torch" not in said
    if done.returncode in {2, 3}:
        assert not (tmp_path / "r.yaml").exists()


def test_an_unwritable_path_is_said_before_the_training(tmp_path) -> None:
    done = diagnose(tmp_path, GOOD + "\nprint('imported')\n", "-o", "yaml:none/r.yaml")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    assert "imported" not in done.stdout


def test_fewer_samples_than_a_batch_still_train(tmp_path) -> None:
    (tmp_path / "m.py").write_text(GOOD)
    done = gradcheck(
        "diagnose", "m.py", "--no-verify", "--steps", "3", "--batch-size", "500", cwd=tmp_path
    )
    assert done.returncode in {0, 1}, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_ctrl_c_reports_what_was_measured_and_exits_130(tmp_path) -> None:
    slow = GOOD + (
        "\nimport time\nimport torch.nn.functional as F\nSTEPS = []\n"
        "def loss_fn(output, target):\n"
        "    STEPS.append(1)\n"
        "    if len(STEPS) == 4:\n        open('ready', 'w').close()\n"
        "    time.sleep(0.1)\n"
        "    return F.cross_entropy(output, target)\n"
    )
    (tmp_path / "m.py").write_text(slow)
    args = [
        "diagnose",
        "m.py",
        "--loss",
        "m.py:loss_fn",
        "--steps",
        "500",
        "--no-verify",
        "-o",
        "yaml:r.yaml",
    ]
    process = subprocess.Popen(
        forked("-m", "gradcheck_cli", *args),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for _ in range(600):
        if (tmp_path / "ready").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    report = read(tmp_path / "r.yaml")
    assert report.run.interrupted
    assert 0 < report.run.steps < 500
    assert b"Interrupted" in out
