"""What is wrong stands first, through real processes: hooks, divergence, NaN inputs, rates of 0, modes."""

import pytest

from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.yamlfile import read
from tests.faults.test_blame import DRIVER
from tests.support.processes import python

pytestmark = pytest.mark.heavy  # each test starts processes

MODELS = """
import torch
from torch import nn
from torch.utils.data import TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))

def data():
    x = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, (x[:, 0] > 0).long())

def no_numbers():
    return TensorDataset(torch.full((256, 8), float("nan")), data().tensors[1])

def zeroed(after=0):
    net, calls = Net(), []
    def hook(grad):
        calls.append(1)
        return grad * 0 if len(calls) > after else None
    for p in (*net.a.parameters(), *net.b.parameters()):
        p.register_hook(hook)
    return net

def zeroed_later():
    return zeroed(4 * 30)

def scaled():
    net = Net()
    net.c.register_full_backward_hook(lambda _m, given, _o: tuple(g * 1e-6 for g in given))
    return net

def clipped():
    net = Net()
    for p in net.parameters():
        p.register_hook(lambda g: g.clamp(-0.5, 0.5))
    return net

def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.3)

def sigmoids():
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 2))

def far_too_fast(model):
    return torch.optim.SGD(model.parameters(), lr=1e4)

def one_stands(model):
    groups = [{"params": model.b.parameters(), "lr": 0.0}]
    return torch.optim.SGD([*groups, {"params": [*model.a.parameters(), *model.c.parameters()]}], lr=0.3)

class ScheduleFree(torch.optim.SGD):
    mode = False
    def train(self):
        self.mode = True
    def eval(self):
        self.mode = False
    def step(self, closure=None):
        if not self.mode:
            raise RuntimeError("Optimizer was not in train mode when step is called")
        return super().step(closure)

def schedule_free(model):
    return ScheduleFree(model.parameters(), lr=0.3)
"""
SCRIPT = """
import sys, torch
from torch import nn
import models

torch.manual_seed(0)
net = getattr(models, sys.argv[1])()
optimizer = getattr(models, sys.argv[2])(net)
if hasattr(optimizer, "train"):
    optimizer.train()
x, y = models.data().tensors
for step in range(60):
    at = torch.randint(0, 256, (32,))
    loss = nn.functional.cross_entropy(net(x[at]), y[at])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
WATCHED = """
import torch
from torch import nn
import models
from gradcheck_cli import watch
from gradcheck_cli.records.yamlfile import write

torch.manual_seed(0)
net = models.sigmoids()
optimizer = models.schedule_free(net)
x, y = models.data().tensors
with watch(net, optimizer, verify=True) as w:
    for step in range(60):
        optimizer.train()
        at = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[at]), y[at]).backward()
        optimizer.step()
        optimizer.eval()
write(w.verify(budget=20), "watch schedule-free.yaml")
assert optimizer.mode is False
"""
QUICK = ("--no-verify", "--examine", "none", "--steps", "60", "-q")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Diagnose each in one process, run some as scripts in another, and return the reports."""
    import json

    folder = tmp_path_factory.mktemp("named")
    (folder / "models.py").write_text(MODELS)
    (folder / "train.py").write_text(SCRIPT)
    (folder / "watched.py").write_text(WATCHED)
    (folder / "driver.py").write_text(DRIVER)
    asked = {
        "zeroed": ("zeroed", "sgd", "data"),
        "zeroed later": ("zeroed_later", "sgd", "data"),
        "scaled": ("scaled", "sgd", "data"),
        "clipped": ("clipped", "sgd", "data"),
        "too fast": ("Net", "far_too_fast", "data"),
        "no numbers": ("Net", "sgd", "no_numbers"),
        "one stands": ("Net", "one_stands", "data"),
        "schedule-free": ("Net", "schedule_free", "data"),
    }
    commands = [
        ["diagnose", f"models.py:{model}", "--data", f"models.py:{data}", "--optimizer",
         f"models.py:{optimizer}", "--loss", "cross_entropy", *QUICK, "-o", f"yaml:{name}.yaml"]
        for name, (model, optimizer, data) in asked.items()
    ]  # fmt: skip
    done = python(folder, "driver.py", json.dumps(commands))
    assert done.returncode == 0, done.stderr
    words = ("fix", "models.py:sigmoids", "--data", "models.py:data", "--optimizer", "models.py:schedule_free",
             "--loss", "cross_entropy", "--budget", "20", "-o", "yaml:fix schedule-free.yaml")  # fmt: skip
    done = python(folder, "-m", "gradcheck_cli", *words)
    assert done.returncode in {0, 1}, done.stderr
    done = python(folder, "watched.py")
    assert done.returncode == 0, done.stderr
    runs = ["zeroed", "zeroed later", "schedule-free"]
    for name in runs:
        model, optimizer, _ = asked[name]
        words = ("run", "-q", "-o", f"yaml:run {name}.yaml", "train.py", model, optimizer)
        done = python(folder, "-m", "gradcheck_cli", *words)
        assert "Traceback" not in done.stderr, done.stderr
    names = [*asked, "fix schedule-free", "watch schedule-free", *(f"run {name}" for name in runs)]
    return {name: read(folder / f"{name}.yaml") for name in names}


@pytest.mark.parametrize("name", ["zeroed", "run zeroed", "zeroed later", "run zeroed later"])
def test_a_hook_that_zeroes_gradients_is_named(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    [found] = [f for f in report.findings if f.name == "hooked-gradient"]
    assert "sets gradients at layer `a` and 1 more to zero" in found.message
    assert "models.py:" in found.message
    assert ("from about its call 3" in found.message) is ("later" in name)
    if name != "run zeroed later":  # it has learned by then
        assert report.causes[0].name == "gradient-hook", report.headline


def test_a_hook_that_scales_gradients_is_named_with_its_factor(reports: dict[str, Report]) -> None:
    first = reports["scaled"].causes[0]
    assert first.name == "gradient-hook"
    assert "by a factor of 1e-06" in first.reasons[0]


@pytest.mark.parametrize("name", ["clipped", "schedule-free", "run schedule-free"])
def test_what_is_as_it_should_be_accuses_nobody(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert report.verdict is not Verdict.SICK, report.headline
    assert report.run.steps == 60
    assert not [f for f in report.findings if f.name == "hooked-gradient"]


@pytest.mark.parametrize("verb", ["fix", "watch"])
def test_fixes_are_tried_with_an_optimizer_that_has_modes(
    reports: dict[str, Report], verb: str
) -> None:
    report = reports[f"{verb} schedule-free"]
    assert report.run.steps >= 50
    tried = [arm for fix in report.fixes for arm in fix.verification.arms]
    assert tried
    assert not [arm for arm in tried if "train mode" in str(arm)]


def test_steps_that_are_far_too_large_lead_before_initialization(
    reports: dict[str, Report],
) -> None:
    report = reports["too fast"]
    assert report.verdict is Verdict.SICK
    assert report.causes[0].name == "learning-rate-too-high", report.headline


def test_inputs_without_numbers_are_called_nan(reports: dict[str, Report]) -> None:
    report = reports["no numbers"]
    said = " ".join([report.headline, *(f.message for f in report.findings)])
    assert "NaN" in said
    assert "never var" not in said


def test_a_group_with_a_rate_of_0_is_at_least_a_note(reports: dict[str, Report]) -> None:
    [found] = [f for f in reports["one stands"].findings if "learning rate of 0" in f.message]
    assert found.layers == ("b",)
