"""What `gradcheck run` says of how to have fixes tried, and that what it says works."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from gradcheck_cli.rebuilding import Seen, recipe
from tests.processes import ROOT, python

SCRIPTS = ROOT / "tests" / "scripts"
GUARD = "if __name__ == '__main__':\n    main()\n"
SEEN = Seen(model="Net", optimizer="SGD", rate=0.1, batch_size=32)
MODEL = "def build_model():\n    return Net()\n"
DATA = "def make_data():\n    return rows\n"
LOOP = "for x in make_data():\n    loss(x).backward()\n"
PARTS = """
import torch
from torch import nn

def build_model():
    torch.manual_seed(0)
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))

def make_data():
    x = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long())
"""
TRAINS = """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        for a, b in torch.utils.data.DataLoader(make_data(), 32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(a), b).backward()
            optimizer.step()
    print("done", float(sum(p.sum() for p in model.parameters())))
"""
GUARDED = f"{PARTS}\nif __name__ == '__main__':\n    model = build_model(){TRAINS}"
UNGUARDED = f"{PARTS}\nif True:\n    model = build_model(){TRAINS}"


def read(folder: Path, text: str, seen: Seen = SEEN):
    (folder / "train.py").write_text(text)
    return recipe(folder / "train.py", "train.py", seen)


def gradcheck(folder: Path, *words: str) -> tuple[dict, subprocess.CompletedProcess]:
    report = folder / f"{words[0]}.json"
    done = python(folder, "-m", "gradcheck_cli", words[0], "-q", "-o", f"json:{report}", *words[1:])
    assert report.exists(), done.stderr
    return json.loads(report.read_text()), done


def test_functions_that_build_the_parts_are_a_whole_command(tmp_path: Path) -> None:
    found = read(tmp_path, MODEL + DATA + GUARD)
    assert found.is_complete
    assert found.command == (
        "gradcheck diagnose train.py:build_model --data train.py:make_data --optimizer SGD --lr 0.1 "
        "--batch-size 32"
    )
    assert found.advice == f"to have the fixes tried: {found.command}"


def test_the_scripts_own_optimizer_and_loss_are_named(tmp_path: Path) -> None:
    text = "def make_optimizer(model): ...\ndef loss_fn(output, target): ...\n"
    found = read(tmp_path, MODEL + DATA + text + GUARD)
    assert found.parts["optimizer"] == "train.py:make_optimizer"
    assert found.parts["loss"] == "train.py:loss_fn"
    assert "lr" not in found.options


def test_the_class_that_trained_is_the_model_and_another_is_not(tmp_path: Path) -> None:
    text = "class Other(nn.Module): ...\nclass Net(nn.Module): ...\n" + DATA + GUARD
    assert read(tmp_path, text).parts["model"] == "train.py:Net"
    assert (
        "put the model into a function build_model()"
        in read(tmp_path, text, Seen(model="Third")).advice
    )


def test_a_function_with_arguments_cannot_be_called_and_the_advice_says_what_to_write(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "def build_model(args): ...\n" + DATA + GUARD)
    assert found.missing == ("put the model into a function build_model() without arguments",)


def test_a_script_that_trains_while_it_is_imported_is_told_to_guard_its_loop(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, MODEL + DATA + LOOP)
    assert found.missing == ("move the loop of train.py below if __name__ == '__main__'",)


@pytest.mark.heavy
def test_the_command_that_the_report_prints_finds_the_same_and_tries_the_fixes(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").write_text(GUARDED)
    seen, _ = gradcheck(tmp_path, "run", "train.py")
    [advice] = [step for step in seen["next_steps"] if "to have the fixes tried" in step]
    words = shlex.split(advice.partition("tried: ")[2])
    assert words[:2] == ["gradcheck", "diagnose"]
    again, _ = gradcheck(tmp_path, *words[1:], "--budget", "15")
    assert again["causes"][0]["name"] == seen["causes"][0]["name"] == "saturating-activation"
    assert any(fix["verification"].get("arms") for fix in again["fixes"])


@pytest.mark.heavy
def test_verify_tries_the_fixes_and_leaves_the_scripts_output_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(GUARDED)
    alone = python(tmp_path, "train.py")
    report, done = gradcheck(tmp_path, "run", "--verify", "--budget", "20", "train.py")
    assert done.stdout == alone.stdout
    assert "done" in alone.stdout
    assert done.returncode == 1
    tried = [fix for fix in report["fixes"] if fix["verification"].get("arms")]
    assert tried
    assert all(fix["verification"]["status"] != "not-run" for fix in tried)
    assert any("built again: gradcheck diagnose train.py" in x for x in report["assumptions"])


@pytest.mark.heavy
def test_verify_of_what_cannot_be_built_again_is_not_run_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(UNGUARDED)
    report, _ = gradcheck(tmp_path, "run", "--verify", "train.py")
    assert {fix["verification"]["status"] for fix in report["fixes"]} == {"not-run"}
    assert all("__main__" in fix["verification"]["reason"] for fix in report["fixes"])


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("case", "rate", "finding"),
    [
        ("sigmoids", 0.1, "vanishing-gradient"),
        ("dead", 0.1, "dying-relu"),
        ("plain", 200.0, "update-too-large"),
    ],
)
def test_a_script_that_knows_nothing_of_gradcheck_gets_the_finding_and_cause_of_diagnose(
    tmp_path: Path, case: str, rate: float, finding: str
) -> None:
    script = str(SCRIPTS / "guarded.py")
    ran, done = gradcheck(tmp_path, "run", script, case)
    assert done.stdout == python(tmp_path, script, case).stdout
    parts = [f"{script}:{case}", "--data", f"{script}:make_data", "--loss", "cross_entropy"]
    how = ["--optimizer", "SGD", "--lr", str(rate), "--batch-size", "32", "--no-verify"]
    described, _ = gradcheck(tmp_path, "diagnose", *parts, *how)
    for report in (ran, described):
        errors = {f["name"] for f in report["findings"] if f["severity"] == "error"}
        assert finding in errors
    assert ran["causes"][0]["name"] == described["causes"][0]["name"]
