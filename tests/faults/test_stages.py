"""An exception at every stage of the user's code: it stays theirs, and nothing of ours is left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.errors import CannotDiagnoseError, GradcheckError, UserCodeError
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.yamlfile import dumps, loads
from gradcheck_cli.targets.target import Target

SOURCE = '''
import torch
from torch import nn

SEEN = {}

def at(stage):
    """Raise when this stage is reached for the k-th time."""
    SEEN[stage] = SEEN.get(stage, 0) + 1
    if stage == "STAGE" and SEEN[stage] > AFTER:
        raise ERROR

at("import")

class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        at("backward")
        return gradient

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        at("construction")
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        at("forward")
        return self.b(Broken.apply(torch.relu(self.a(x))))

class Data(torch.utils.data.Dataset):
    def __len__(self):
        at("length")
        return 64

    def __getitem__(self, index):
        at("sample")
        x = torch.randn(4, generator=torch.Generator().manual_seed(index))
        return x, int(x[:3].argmax())

def train_data():
    at("data")
    return Data()

def loss_fn(output, target):
    at("loss")
    return nn.functional.cross_entropy(output, target)

class Optimizer(torch.optim.SGD):
    def step(self, closure=None):
        at("optimizer step")
        return super().step(closure)

def make_optimizer(model):
    at("optimizer")
    return Optimizer(model.parameters(), lr=0.1)
'''
BEFORE = ("import", "construction", "data", "optimizer")
FIRST = ("forward", "backward", "loss", "optimizer step", "sample")
LATER = {"forward": 20, "backward": 12, "loss": 20, "optimizer step": 12, "sample": 400}
ERRORS = {
    "an error": "ValueError('the user broke it')",
    "memory": "MemoryError('the user broke it')",
    "device memory": "torch.OutOfMemoryError('the user broke it')",
    "a class without words": "type('Odd', (Exception,), {'__str__': lambda s: 'the user broke it'})()",
    "recursion": "RecursionError('the user broke it')",
}


def diagnosed(
    folder: Path, stage: str, *, after: int = 0, error: str = "an error", steps: int = 30
) -> Report:
    source = SOURCE.replace("STAGE", stage).replace("AFTER", str(after))
    (folder / "m.py").write_text(source.replace("ERROR", ERRORS[error]))
    target = Target.from_strings(str(folder / "m.py"), batch_size=16, device="cpu")
    return diagnose(target, steps, verify=False)


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """Compare what hooks and modes could leave, before and after."""
    before = traces()
    yield
    assert traces() == before


def traces() -> tuple[object, ...]:
    module = torch.nn.modules.module
    return (
        len(module._global_forward_hooks),
        len(module._global_forward_pre_hooks),
        len(module._global_backward_hooks),
        len(module._global_module_registration_hooks),
        len(_global_optimizer_pre_hooks),
        len(_global_optimizer_post_hooks),
        torch._C._len_torch_function_stack(),
        len(_get_current_dispatch_mode_stack()),
        torch.is_grad_enabled(),
        torch.nn.Linear.forward,
        torch.Tensor.backward,
        torch.nn.functional.cross_entropy,
    )


@pytest.mark.parametrize("stage", [*BEFORE, *FIRST, "length"])
def test_an_exception_before_a_step_was_observed_is_the_users(tmp_path: Path, stage: str) -> None:
    with pytest.raises(UserCodeError, match="the user broke it") as caught:
        diagnosed(tmp_path, stage)
    assert isinstance(caught.value.cause, ValueError)
    assert caught.value.doing


@pytest.mark.parametrize("stage", LATER)
def test_an_exception_later_on_ends_with_a_report_of_what_was_measured(
    tmp_path: Path, stage: str
) -> None:
    report = loads(dumps(diagnosed(tmp_path, stage, after=LATER[stage])))
    assert 0 < report.run.steps < 30
    assert any("the user broke it" in g.reason for g in report.gaps)
    assert report.crashed == ()


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("stage", ["forward", "optimizer step", "data"])
def test_whatever_kind_of_exception_it_is(tmp_path: Path, stage: str, error: str) -> None:
    with pytest.raises(CannotDiagnoseError, match="the user broke it"):
        diagnosed(tmp_path, stage, error=error)


NUMBERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "nan": lambda x: x.masked_fill(x > 1, torch.nan),
    "inf": lambda x: x.masked_fill(x > 1, torch.inf),
    "huge": lambda x: x * 1e30,
    "tiny": lambda x: x * 1e-30,
    "denormal": lambda x: x * 1e-42,
    "constant": torch.zeros_like,
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("regression", [True, False])
def test_bad_numbers_are_reported_and_can_be_read_back(kind: str, regression: bool) -> None:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    y = NUMBERS[kind](x[:, :1]) if regression else x[:, :3].argmax(1)
    report = trained(torch.nn.Linear(4, 1 if regression else 3), NUMBERS[kind](x), y)
    if kind in {"nan", "inf"}:
        assert report.verdict is Verdict.SICK
        assert "non-finite" in {f.name for f in report.findings}
    if kind == "constant":
        assert report.verdict is not Verdict.HEALTHY


def trained(model: object, x: torch.Tensor, y: torch.Tensor, **options: object) -> Report:
    """Diagnose a model given as it is, and pass the report through YAML."""
    chosen = {"optimizer": "SGD", "lr": 0.01, "device": "cpu"} | options
    report = diagnose(Target.of(model=model, data=(x, y), **chosen), 22, verify=False)
    assert report.crashed == ()
    return loads(dumps(report))


@pytest.mark.parametrize("where", ["weights", "one weight", "bias", "gradient"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_nan_anywhere_in_the_model_is_never_healthy(where: str, bad: float) -> None:
    def build() -> torch.nn.Module:
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        with torch.no_grad():
            if where == "weights":
                model[0].weight.fill_(bad)
            elif where == "one weight":
                model[2].weight[1, 3] = bad
            elif where == "bias":
                model[0].bias[0] = bad
        if where == "gradient":
            model[2].weight.register_hook(lambda g: g * bad)
        return model

    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    report = trained(build, x, x[:, :3].argmax(1))
    assert report.verdict is Verdict.SICK
    assert "non-finite" in {f.name for f in report.findings}


class Odd(torch.nn.Module):
    """One usual layer beside parameters of every odd kind."""

    def __init__(self) -> None:
        super().__init__()
        self.usual = torch.nn.Linear(4, 3)
        self.empty = torch.nn.Parameter(torch.empty(0, 4))
        self.scalar = torch.nn.Parameter(torch.tensor(1.0))
        self.one = torch.nn.Linear(1, 1)
        self.whole = torch.nn.Parameter(torch.arange(4), requires_grad=False)
        self.phase = torch.nn.Parameter(torch.ones(4, dtype=torch.complex64))
        self.wide = torch.nn.Linear(4, 4).double()
        self.none = torch.nn.Sequential()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x * self.phase).real * self.scalar + self.empty.sum() + self.whole * 0
        x = self.none(self.wide(x.double()).float())
        return self.usual(x + self.one(x[:, :1]))


def test_parameters_of_every_kind_are_survived() -> None:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    report = trained(Odd(), x, x[:, :3].argmax(1), lr=0.1)
    assert report.run.steps == 22
    assert {"usual", "one", "wide"} <= {x.path for x in report.layers}


def test_a_single_class_is_never_called_healthy_without_a_word() -> None:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    report = trained(torch.nn.Linear(4, 3), x, torch.zeros(64, dtype=torch.long))
    assert "degenerate-data" in {f.name for f in report.findings}


@pytest.mark.parametrize("size", [1, 2])
def test_tiny_batches_are_survived(size: int) -> None:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    report = trained(torch.nn.Linear(4, 3), x, x[:, :3].argmax(1), batch_size=size)
    assert report.run.batch_size == size


@pytest.mark.heavy
def test_ten_thousand_layers_are_survived() -> None:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    layers = [m for _ in range(5000) for m in (torch.nn.Linear(4, 4), torch.nn.LeakyReLU())]
    target = Target.of(
        model=torch.nn.Sequential(*layers), data=(x, x[:, :3].argmax(1)), device="cpu"
    )
    report = diagnose(target, steps=2, verify=False)
    assert len(report.layers) == 10_000
    assert "vanishing-gradient" in {f.name for f in report.findings}


def test_a_model_without_layers_cannot_be_diagnosed() -> None:
    with pytest.raises(GradcheckError):
        trained(torch.nn.Sequential(), torch.randn(8, 4), torch.randn(8, 4))


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_weights_of_a_huge_or_tiny_scale_are_never_healthy(scale: float) -> None:
    def build() -> torch.nn.Module:
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(scale)
        return model

    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    assert trained(build, x, x[:, :3].argmax(1)).verdict is not Verdict.HEALTHY
