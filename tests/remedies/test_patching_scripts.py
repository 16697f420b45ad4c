"""In a script, an edit finds what it is about where the script builds or calls it."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.patch import patch
from gradcheck_cli.remedies.patching.written import of_the_script
from gradcheck_cli.remedies.standardize_inputs import HELPER
from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.targets.training import Training

SCRIPT = """
import argparse
import torch
from torch import nn

def main(rate=0.1):
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.1)
    args = parser.parse_args([])
    net = nn.Sequential(nn.Linear(4, 3)).to("cpu")
    return net, torch.optim.SGD(net[0].parameters(), RATE)

if __name__ == "__main__":
    made = main()
"""
LR = Edit(act=Act.ARGUMENT, name="lr", old="0.1", new="0.02")


class Scene:
    """A script that has run in this process."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        patched.chdir(folder)
        self.file, self.patched = folder / "train.py", patched

    def diff(self, text: str, *edits: Edit, write: bool = False, **labels: str) -> list[str]:
        """Return the lines that the edits take away and add."""
        script = ModuleType("__main__")
        script.__file__ = str(self.file)
        self.file.write_text(text)
        self.patched.setitem(sys.modules, "__main__", script)
        book = SiteBook()
        with book.recording():
            exec(compile(text, script.__file__, "exec"), vars(script))
        net, optimizer = script.made
        training = Training(
            net, (optimizer,), pytest.fail, pytest.fail, torch.device("cpu"), site_of=book.site_of
        )
        source = of_the_script(training)
        named = {role: f"{self.file}:{name}" for role, name in labels.items()}
        made = patch(edits, training, {**source.labels, **named}, root=source.root)
        if write:
            made.write()
        kept = made.diff.splitlines()[2:]
        return [line for line in kept if line[:1] in {"+", "-"}]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("rate", "changed"),
    [
        ("lr=0.1", "return net, torch.optim.SGD(net[0].parameters(), lr=0.02)"),
        ("1e-1", "return net, torch.optim.SGD(net[0].parameters(), 0.02)"),
        (
            "lr=args.learning_rate",
            'parser.add_argument("--learning-rate", type=float, default=0.02)',
        ),
        ("rate", "def main(rate=0.02):"),
    ],
)
def test_a_rate_is_changed_where_the_script_says_it(scene: Scene, rate: str, changed: str) -> None:
    _, added = scene.diff(SCRIPT.replace("RATE", rate), LR)
    assert added.removeprefix("+").strip() == changed


@pytest.mark.parametrize(
    ("new", "needs"),
    [("Standardize(300.0, 40.0)", HELPER), ("nn.BatchNorm1d(4, affine=False)", "")],
)
def test_a_script_with_standardized_inputs_trains_what_it_trained(
    scene: Scene, new: str, needs: str
) -> None:
    text = SCRIPT.replace("net[0].parameters(), RATE", "net.parameters(), 0.1")
    scene.diff(text, Edit(act=Act.FRONT, new=new, needs=needs), write=True)
    fixed: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(scene.file.read_text(), "train.py", "exec"), fixed)
    net, optimizer = fixed["made"]
    assert net[0](torch.randn(64, 4) * 40 + 300).std() < 2
    assert [len(group["params"]) for group in optimizer.param_groups] == [2]


@pytest.mark.parametrize("used", ["net[0]", "net.head", "net(x, mask)", "net(tokens=x)"])
@pytest.mark.parametrize(
    "edit",
    [Edit(act=Act.FRONT, new="nn.Flatten()"), Edit(act=Act.FINISH, new="nn.Sequential({model})")],
)
def test_no_module_is_put_around_a_model_that_is_used_otherwise(
    scene: Scene, edit: Edit, used: str
) -> None:
    text = SCRIPT.replace("nn.Sequential(nn.Linear(4, 3))", "nn.Linear(4, 3)")
    text = text.replace("net[0].parameters(), RATE", "net.parameters(), 0.1")
    assert scene.diff(f"{text}\ndef show(net, x):\n    return net.train(), net(x)\n", edit)
    with pytest.raises(CannotPatchError, match=re.escape(f"has no `{used}`")):
        scene.diff(f"{text}\ndef show(net, x, mask):\n    return {used}\n", edit)


@pytest.mark.parametrize("rate", ["lr=float('0.1')", "lr=0.1 / 1", "lr=args.learning_rate * 1"])
def test_a_rate_that_is_computed_is_left_to_its_author(scene: Scene, rate: str) -> None:
    with pytest.raises(CannotPatchError, match="is not written as a number"):
        scene.diff(SCRIPT.replace("RATE", rate), LR)


@pytest.mark.parametrize(
    "rate", ["lr=0.1, momentum=0.9, weight_decay=1e-4", "0.1, weight_decay=1e-4"]
)
def test_another_optimizer_keeps_the_parameters_and_the_decay(scene: Scene, rate: str) -> None:
    edit = Edit(act=Act.OPTIMIZER, name="Adam", old="SGD", new="0.01")
    _, added = scene.diff(SCRIPT.replace("RATE", rate), edit)
    new = "torch.optim.Adam(net[0].parameters(), weight_decay=1e-4, lr=0.01)"
    assert added.removeprefix("+").strip() == f"return net, {new}"


def test_an_optimizer_that_is_not_the_one_that_ran_is_left_to_its_author(scene: Scene) -> None:
    edit = Edit(act=Act.OPTIMIZER, name="Adam", old="RMSprop", new="0.01")
    with pytest.raises(CannotPatchError, match="RMSprop is not built there"):
        scene.diff(SCRIPT.replace("RATE", "0.1"), edit)


def test_two_optimizers_are_not_told_apart(scene: Scene) -> None:
    text = SCRIPT.replace("RATE", "0.1") + "    torch.optim.SGD(made[0].parameters(), 0.1)\n"
    with pytest.raises(CannotPatchError, match="which lines make the optimizer"):
        scene.diff(text, LR)


def test_a_model_built_in_a_function_is_changed_at_its_call(scene: Scene) -> None:
    text = SCRIPT.replace("RATE", "0.1")
    _, all_of_it = scene.diff(text, Edit(act=Act.PARAMETERS))
    assert "torch.optim.SGD(net.parameters(), 0.1)" in all_of_it
    _, thawed = scene.diff(text, Edit(act=Act.FINISH, new="{model}.requires_grad_(True)"))
    assert 'net = nn.Sequential(nn.Linear(4, 3)).requires_grad_(True).to("cpu")' in thawed


def test_the_model_of_another_function_has_no_name_at_the_optimizer(scene: Scene) -> None:
    text = """
import torch
from torch import nn

def build():
    model = nn.Linear(4, 3)
    return model

def optimizer_of(found):
    return torch.optim.SGD([found.bias], lr=0.1)

net = build()
made = net, optimizer_of(net)
"""
    with pytest.raises(CannotPatchError, match="no name for the model"):
        scene.diff(text, Edit(act=Act.PARAMETERS))


LOSS = """
import torch
from torch import nn

net = nn.Linear(4, 1)
made = net, torch.optim.SGD(net.parameters(), lr=0.1)
x, y = torch.randn(8, 4), torch.randn(8, 2)
loss = nn.functional.l1_loss(net(x), y[:, :1])
"""


def test_an_output_takes_the_shape_of_its_target_where_the_loss_is_called(scene: Scene) -> None:
    call = "nn.functional.l1_loss(net(x), y[:, :1])"
    at = SourceSite(str(scene.file), 8, 8, 8, 8 + len(call))
    _, added = scene.diff(LOSS, Edit(act=Act.RESHAPE, at=at))
    assert added == "+loss = nn.functional.l1_loss(net(x).reshape_as(y[:, :1]), y[:, :1])"
