"""`diagnose` and `fix` given a script: it is recognized, its first steps are watched, then it is stopped."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gradcheck_cli.cli.app import app
from gradcheck_cli.cli.demo import scripts
from gradcheck_cli.cli.script_runs import Script, script_of
from gradcheck_cli.errors import UsageError
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.patch import patch
from gradcheck_cli.remedies.patching.written import of_the_script
from gradcheck_cli.targets.training import Training
from tests.support.processes import python

TRAINS = """
import sys, torch
from torch import nn
print("hello", *sys.argv[1:])
torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(10_000):
    optimizer.zero_grad()
    x = torch.randn(8, 4)
    loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
    loss.backward()
    optimizer.step()
print("ended by itself")
"""
GUARDED = "def main():\n    pass\nif __name__ == '__main__':\n    main()\n"


def asked(
    model: str | None, *arguments: str, module: bool = False, **options: Any
) -> Script | None:
    return script_of(model, arguments, options, module=module)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAINS)
    (tmp_path / "guarded.py").write_text(GUARDED)
    return tmp_path


def test_a_file_that_trains_when_imported_is_a_script(files: Path) -> None:
    assert asked("train.py") == Script("train.py")
    assert asked("train.py", "--epochs", "3").arguments == ("--epochs", "3")


def test_a_module_and_a_file_with_arguments_are_scripts(files: Path) -> None:
    assert asked("some.module", module=True).module
    assert asked("guarded.py", "x") == Script("guarded.py", ("x",))


@pytest.mark.parametrize("model", [None, "guarded.py", "train.py:net", "pkg.mod:net", "none.py"])
def test_a_model_is_no_script(files: Path, model: str | None) -> None:
    assert asked(model) is None


MAIN = """
class Net:
    pass

def main():
    for step in range(100):
        loss(net()).backward()
        optimizer.step()

if __name__ == "__main__":
    main()
"""
PARTS = "def build_model():\n    ...\ndef make_data():\n    ...\n"


@pytest.mark.parametrize("text", [MAIN, PARTS + MAIN])
def test_a_file_that_trains_when_run_is_run_as_it_is_whatever_it_defines(
    files: Path, text: str
) -> None:
    (files / "main.py").write_text(text)
    assert asked("main.py") == Script("main.py")
    assert asked("main.py", data="other.py:data") is None
    assert asked("main.py:build_model") is None


@pytest.mark.parametrize("option", ["lr", "data", "strategy", "batch_size"])
def test_options_of_a_model_are_refused_for_a_script(files: Path, option: str) -> None:
    shown = option.replace("_", "-")
    with pytest.raises(UsageError, match=f"train.py is run as .* --{shown} cannot change"):
        asked("train.py", **{option: "1"})


def test_arguments_without_a_script_are_refused() -> None:
    with pytest.raises(UsageError, match="which script"):
        asked(None, module=True)


def test_diagnose_hands_a_script_on_with_its_arguments(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(script: Script, found: Any, save_trace: Path | None) -> int:
        seen.append((script, found["steps"], found.policy.verify, save_trace))
        return 1

    monkeypatch.setattr("gradcheck_cli.cli.script_runs.diagnose", noted)
    words = ["diagnose", "train.py", "--steps", "7", "--no-verify", "--", "--lr", "2"]
    with pytest.raises(SystemExit) as ended:
        app(args=words, standalone_mode=False)
    assert ended.value.code == 1
    assert seen == [(Script("train.py", ("--lr", "2")), 7, False, None)]


@pytest.mark.slow
def test_a_script_is_stopped_after_the_steps_and_stdout_is_the_machines(files: Path) -> None:
    words = ["diagnose", "train.py", "--steps", "30", "-o", "json", "--", "world"]
    done = python(files, "-m", "gradcheck_cli", *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["run"]["steps"], report["verdict"]) == (30, "healthy")
    assert "hello world" in done.stderr
    assert "ended by itself" not in done.stderr
    assert "train.py trains when it is run: its first 30 steps are watched" in done.stderr


@pytest.mark.slow
def test_a_script_that_dies_before_a_step_is_shown_with_its_own_error(files: Path) -> None:
    (files / "dies.py").write_text(TRAINS.replace("net = ", "net = 1 / 0\nnet = "))
    done = python(files, "-m", "gradcheck_cli", "diagnose", "dies.py")
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert "gradcheck_cli" not in done.stderr
    assert "nothing was measured" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("gaps", "said"), [(True, "NaN or infinite"), (False, "no optimizer")])
def test_a_loop_that_leaves_out_every_batch_is_told_of_gaps_in_its_data(
    files: Path, gaps: bool, said: str
) -> None:
    text = TRAINS.replace("10_000", "20").replace(
        "    loss.backward", "    continue\n    loss.backward"
    )
    changed = text.replace("    loss =", "    x[:, 0] = torch.nan\n    loss =") if gaps else text
    (files / "leaves.py").write_text(changed)
    done = python(files, "-m", "gradcheck_cli", "diagnose", "leaves.py")
    assert done.returncode == 3
    assert "nothing was measured" in done.stderr
    assert said in done.stderr.splitlines()[-1]


def test_names_of_a_script_lead_to_what_a_fix_changes(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ModuleType("__main__")
    script.__file__ = str(files / "train.py")
    text = TRAINS.replace("10_000", "1")
    (files / "train.py").write_text(text)
    exec(compile(text, script.__file__, "exec"), vars(script))
    monkeypatch.setitem(sys.modules, "__main__", script)
    never = partial(pytest.fail, "the training ran")
    training = Training(script.net, (script.optimizer,), never, never, torch.device("cpu"))

    labels = of_the_script(training).labels

    edit = Edit(act=Act.ARGUMENT, name="lr", old="0.1", new="0.02")
    diff = patch((edit,), training, labels, root=files).diff
    assert "+optimizer = torch.optim.SGD(net.parameters(), lr=0.02)" in diff
    assert labels["model"] == f"{files / 'train.py'}:net"
    with pytest.raises(CannotPatchError, match="depends on their order"):
        patch((replace(edit, new="0.1"),), training, labels, root=files)
    with pytest.raises(CannotPatchError, match="is made first"):  # it has the parameters of `net`
        patch((Edit(act=Act.PARAMETERS),), training, labels, root=files)
    two = replace(training, optimizers=(script.optimizer, script.optimizer))
    assert "optimizer" not in of_the_script(two).labels


@pytest.mark.heavy
def test_a_fixed_script_trains(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(scripts()["vanishing"])
    done = python(tmp_path, "-m", "gradcheck_cli", "fix", "train.py", "--write")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--- a/train.py\n+++ b/train.py\n@@")
    assert "-    layers += [nn.Linear(32, 32), nn.Sigmoid()]\n" in done.stdout
    assert "epoch 0" in done.stderr
    again = python(tmp_path, "-m", "gradcheck_cli", "run", "-q", "train.py")
    assert again.returncode == 0, again.stderr
    assert "healthy" in again.stderr
