"""Fixes are tried on trainings that somebody else runs: a script, a loop of one's own."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli import Policy, watch
from gradcheck_cli.errors import UsageError
from gradcheck_cli.replay.reproducing import Replayed
from gradcheck_cli.watching import Watch
from tests.support.processes import python

SICK = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(256, 6) * LARGE
target = (inputs.sum(1) > 0).long()
data = DataLoader(TensorDataset(inputs, target), batch_size=8, shuffle=True)
layers = [nn.Linear(6, 8)]
for _ in range(8):
    layers += [nn.Sigmoid(), nn.Linear(8, 8)]
model = nn.Sequential(*layers, nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(2):
    for batch, labels in data:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch), labels)
        loss.backward()
        optimizer.step()
print("end", sum(p.double().sum() for p in model.parameters()).item())
torch.save(model.state_dict(), "weights.pt")
"""


def run(tmp_path: Path, script: str, *options: str) -> tuple[str, str, dict[str, object]]:
    """Run a script under gradcheck; return its stdout, the stderr and the report."""
    (tmp_path / "train.py").write_text(script)
    words = ("run", *options, "--output", "json:report.json", "train.py")
    done = python(tmp_path, "-m", "gradcheck_cli", *words)
    return done.stdout, done.stderr, json.loads((tmp_path / "report.json").read_text())


@pytest.mark.slow
@pytest.mark.heavy
def test_the_fixes_of_a_plain_script_are_tried_on_its_own_steps(tmp_path: Path) -> None:
    script = SICK.replace("LARGE", "1.0")
    told, said, report = run(tmp_path, script, "--verify", "--budget", "20", "--examine", "quick")
    (tmp_path / "alone").mkdir()
    alone = python(tmp_path / "alone", "../train.py")
    assert told == alone.stdout
    assert (tmp_path / "weights.pt").read_bytes() == (tmp_path / "alone/weights.pt").read_bytes()
    fixes = report["fixes"]
    assert isinstance(fixes, list)
    assert any(f["verification"].get("arms") for f in fixes), said
    assert "replayed in this process" in said


def watched(*, verify: bool = True) -> tuple[Watch, nn.Module]:
    """Train a network that saturates, as in a cell of a notebook."""
    torch.manual_seed(0)
    inputs = torch.randn(256, 6)
    target = (inputs.sum(1) > 0).long()
    layers: list[nn.Module] = [nn.Linear(6, 8)]
    for _ in range(8):
        layers += [nn.Sigmoid(), nn.Linear(8, 8)]
    model = nn.Sequential(*layers, nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with watch(model, optimizer, verify=verify, policy=Policy(examine="none")) as seen:
        for start in range(0, 256, 4):
            optimizer.zero_grad()
            batch = slice(start, start + 4)
            F.cross_entropy(model(inputs[batch]), target[batch]).backward()
            optimizer.step()
    return seen, model


def test_a_loop_of_ones_own_has_its_fixes_tried_and_its_model_is_as_it_was() -> None:
    seen, model = watched()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    chance = torch.get_rng_state()
    report = seen.verify(budget=3.0)
    tried = [f for f in report.fixes if f.verification.arms]
    assert tried, [f.verification.reason for f in report.fixes]
    assert any("reproduced" in line for line in report.assumptions)
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_without_a_change_to_try_no_step_is_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ignored = torch.full((8,), -100)
    with watch(model, optimizer, verify=True, policy=Policy(examine="none")) as seen:
        for _ in range(24):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(8, 6)), ignored).backward()
            optimizer.step()
    told: list[str] = []
    monkeypatch.setattr(Replayed, "borrowed", lambda *_: pytest.fail("steps are played again"))
    report = seen.verify(budget=3.0, on_stage=told.append)
    assert "labels-all-ignored" in [f.name for f in report.findings]
    assert not any("trying" in line for line in told)


def test_verify_without_recorded_steps_says_what_to_write() -> None:
    seen, _ = watched(verify=False)
    with pytest.raises(UsageError, match="verify=True"):
        seen.verify()


CUT: dict[str, Any] = {}  # outside the model, whose attributes are put back


class Interrupting(nn.Sequential):
    """Ends an arm in the middle of its forward pass."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Count down where there is something to count."""
        hidden = self[0](inputs)
        if CUT:
            CUT["left"] -= 1
            if CUT["left"] < 0:
                raise CUT["error"]
        return super().forward(inputs) + 0 * hidden.sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "left"), [(KeyboardInterrupt, 20), (KeyboardInterrupt, 130), (RuntimeError, 130)]
)
def test_nothing_of_the_users_changes_when_an_arm_is_cut(
    error: type[BaseException], left: int
) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(256, 8)
    target = (inputs.sum(1) > 0).long()
    layers = [layer for _ in range(9) for layer in (nn.Linear(8, 8), nn.Sigmoid())]
    model = Interrupting(*layers, nn.Dropout(0.1), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    with watch(model, optimizer, verify=True, policy=Policy(examine="none")) as seen:
        for start in range(0, 256, 4):
            optimizer.zero_grad()
            part = slice(start, start + 4)
            F.cross_entropy(model(inputs[part]), target[part]).backward()
            optimizer.step()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    state = copy.deepcopy(optimizer.state_dict())
    modules, chance = list(model.modules()), torch.get_rng_state()
    CUT.update(left=left, error=error)
    try:
        report = seen.verify(budget=2.0)
    finally:
        CUT.clear()
    assert all(not fix.verification.arms for fix in report.fixes) or error is RuntimeError
    assert report.run.interrupted == (error is KeyboardInterrupt)
    assert torch.equal(torch.get_rng_state(), chance)
    assert list(model.modules()) == modules
    assert all(torch.equal(t, weights[name]) for name, t in model.state_dict().items())
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        assert (parameter.grad is None) == (grad is None)
        assert grad is None or torch.equal(parameter.grad, grad)
    for key, held in optimizer.state_dict()["state"].items():
        assert all(torch.equal(held[name], state["state"][key][name]) for name in held)
    assert optimizer.state_dict()["param_groups"] == state["param_groups"]
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    assert not any(getattr(m, name) for m in model.modules() for name in hooks)
    assert not any("forward" in vars(m) for m in model.modules())
