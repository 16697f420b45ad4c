"""Where steps cannot be played, the script is run again: unchanged, and with each change."""

import json
import os
import textwrap
from pathlib import Path

import pytest
from torch import nn

from gradcheck_cli.probe.launching import find_script
from gradcheck_cli.rerun.arm import shapes_of
from gradcheck_cli.rerun.asked import Scene, Script
from gradcheck_cli.rerun.confining import version
from gradcheck_cli.rerun.repeating import Rerun
from gradcheck_cli.targets.change import Change
from tests.support.processes import python

pytestmark = pytest.mark.skipif(not version(), reason="the kernel has no Landlock")

# Its gradient is computed by numpy: a recording cannot follow what the loss is computed from.
SCRIPT = """
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = [nn.Linear(8, 16)]
    for _ in range(8):
        layers += [nn.Sigmoid(), nn.Linear(16, 16)]
    model = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(16, 2))
    X = torch.randn(512, 8)
    y = (X.sum(1) > 0).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    {extra}
    with open("train.log", "a") as log:
        for step in range({steps}):
            index = torch.randint(0, 512, (32,))
            output = model(X[index])
            chance = output.detach().softmax(1).numpy()
            wanted = np.eye(2, dtype=np.float32)[y[index].numpy()]
            value = torch.tensor(float(-np.log((chance * wanted).sum(1)).mean()))
            slope = torch.from_numpy((chance - wanted) / 32)
            loss = value + ((output - output.detach()) * slope).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.write(f"{{loss.item()}}\\n")
            {each}
            if step % 10 == 9:
                torch.save(model.state_dict(), "model.pt")
"""


def written(folder: Path, *, steps: int = 120, extra: str = "pass", each: str = "pass") -> Path:
    script = folder / "train.py"
    script.write_text(textwrap.dedent(SCRIPT.format(steps=steps, extra=extra, each=each)))
    return script


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def network() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(8, 16)]
    for _ in range(8):
        layers += [nn.Sigmoid(), nn.Linear(16, 16)]
    return nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(16, 2))


def rectified(model: nn.Module) -> None:
    for name, child in list(model.named_children()):
        if isinstance(child, nn.Sigmoid):
            setattr(model, name, nn.SELU())


def ran(folder: Path) -> Rerun:
    """Run the script as it is, and return it as a training that is run again."""
    done = python(folder, "train.py")
    assert done.returncode == 0, done.stderr
    losses = tuple(float(line) for line in (folder / "train.log").read_text().split())
    model = network()
    scene = Scene(find_script(str(folder / "train.py")), folder=str(folder))
    script = Script(scene=scene, names=("",), shapes=shapes_of(model))
    return Rerun(script, model, "of a test", losses)


@pytest.mark.heavy
def test_the_unchanged_script_gives_its_losses_and_a_change_makes_it_learn(tmp_path: Path) -> None:
    written(tmp_path)
    again = ran(tmp_path)
    before = contents(tmp_path)
    told: list[str] = []
    with again.borrowed(told.append) as obstacle:
        assert obstacle == ""
        assert "running the script again" in told[0]
        unchanged = again.build().away
        assert unchanged is not None
        said = unchanged.advance(20, watch=10)
        assert said.losses == pytest.approx(again.recorded[:20], rel=1e-6)
        assert said.trace is not None
        assert len(said.trace.losses) == 10
        change = Change(summary="SELU", model=rectified)
        other = again.build((change,), seed=3).away
        assert other is not None
        treated = other.advance(1000)
        assert treated.is_over
        assert len(treated.losses) == 120
        assert sum(treated.losses[-8:]) / 8 < 0.6 < min(again.recorded[-8:])
    assert contents(tmp_path) == before
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("gradcheck-*/door"))


@pytest.mark.heavy
def test_a_script_that_differs_when_it_is_run_again_is_told(tmp_path: Path) -> None:
    extra = 'seen = __import__("pathlib").Path("seen"); torch.manual_seed(int(seen.exists())); seen.touch()'
    written(tmp_path, steps=12, extra=extra)
    again = ran(tmp_path)
    with again.borrowed(lambda _: None) as obstacle:
        assert "differs from the run: step 1 has the loss" in obstacle


@pytest.mark.heavy
def test_tensorboard_and_other_threads_get_a_process_for_each_arm(tmp_path: Path) -> None:
    extra = "from torch.utils.tensorboard import SummaryWriter; board = SummaryWriter('runs')"
    written(tmp_path, steps=40, extra=extra, each="board.add_scalar('loss', loss.item(), step)")
    again = ran(tmp_path)
    before = contents(tmp_path)
    with again.borrowed(lambda _: None) as obstacle:
        assert obstacle == ""
        for seed in (None, 1):
            arm = again.build(seed=seed).away
            assert arm is not None
            assert len(arm.advance(30).losses) == 30
    assert contents(tmp_path) == before


@pytest.mark.heavy
def test_run_verify_proves_a_fix_by_running_the_script_again(tmp_path: Path) -> None:
    written(tmp_path)
    words = ("run", "--verify", "--examine", "none", "--budget", "60", "-o", "json:report.json")
    done = python(tmp_path, "-m", "gradcheck_cli", *words, "train.py", timeout=500)
    report = json.loads((tmp_path / "report.json").read_text())
    first = report["fixes"][0]["verification"]
    assert first["status"] == "verified", done.stderr
    assert first["made"] == "re-run"
    assert any("running the script again" in line for line in report["assumptions"])
    assert len((tmp_path / "train.log").read_text().split()) == 120  # of the run alone
