"""Losses whose targets are other outputs: runs that give all samples one output later on, and twins that do not."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli import watch
from gradcheck_cli.examine.stay_apart import stay_apart
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.report import Report
from tests.examine.loops import Make, reported, stepped

Loss = Callable[[nn.Module], Callable[[], Tensor]]


def encoder() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 8))


def views() -> tuple[Tensor, Tensor]:
    """Points of which each view has noise of its own."""
    x = torch.randn(64, 12)
    return x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x)


def adam(rate: float) -> Make:
    return lambda model: torch.optim.Adam(model.parameters(), lr=rate)


def told(report: Report) -> Answer:
    return next(a for a in report.examination if a.name == stay_apart.name)


def off_diagonal(z: Tensor) -> Tensor:
    z = z - z.mean(0)
    covariance = z.T @ z / (len(z) - 1)
    return (covariance - torch.diag(covariance.diagonal())).square().sum() / z.shape[1]


def of_variance(weight: float) -> Loss:
    """Views that agree, outputs that do not repeat each other, and a deviation of 1 that counts so much."""

    def loss(model: nn.Module) -> Tensor:
        one, other = (model(view) for view in views())
        low = sum(functional.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() for z in (one, other))
        near = functional.mse_loss(one, other)
        return 25 * near + off_diagonal(one) + off_diagonal(other) + weight * low

    return lambda model: lambda: loss(model)


def of_likeness(*, negatives: bool) -> Loss:
    """Views that point the same way; or that do so more than those of other samples."""

    def loss(model: nn.Module) -> Tensor:
        one, other = (functional.normalize(model(view), dim=1) for view in views())
        near = -(one * other).sum(1).mean()
        return near + 0.2 * (one @ other.T / 0.2).logsumexp(1).mean() if negatives else near

    return lambda model: lambda: loss(model)


SICK = [
    pytest.param(of_variance(0), 1e-3, id="variance"),
    pytest.param(of_likeness(negatives=False), 1e-3, id="likeness", marks=pytest.mark.heavy),
]
WELL = [
    pytest.param(of_variance(25), 1e-3, id="variance"),
    pytest.param(of_likeness(negatives=True), 1e-3, id="likeness", marks=pytest.mark.heavy),
]


@pytest.mark.parametrize(("loss", "rate"), SICK)
def test_outputs_that_become_one_when_the_run_goes_on(loss: Loss, rate: float) -> None:
    model = encoder()
    report = reported(model, loss(model), make=adam(rate))
    assert report.verdict == "sick", told(report)
    assert report.findings[0].name == "collapsed-features"
    assert [c.name for c in report.causes[:1]] == ["representation-collapse"]


@pytest.mark.parametrize(("loss", "rate"), WELL)
def test_its_twins_keep_samples_apart(loss: Loss, rate: float) -> None:
    model = encoder()
    report = reported(model, loss(model), make=adam(rate))
    assert told(report).outcome is Outcome.FINE, told(report)
    assert report.verdict == "healthy", report.headline


class Student(nn.Module):
    """An encoder and what predicts another output from its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = encoder()
        self.norm = nn.BatchNorm1d(8)
        self.predictor = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, x: Tensor) -> Tensor:
        """Return what is compared."""
        return self.norm(self.encoder(x))


def siamese(student: Student) -> Tensor:
    """A predictor and a stopped gradient."""
    one, other = (student(view) for view in views())
    pairs = ((one, other), (other, one))
    return -sum(
        functional.cosine_similarity(student.predictor(a), b.detach(), dim=1).mean()
        for a, b in pairs
    )  # type: ignore[return-value]


def of_teacher(*, centered: bool) -> Callable[[Student], Tensor]:
    """A teacher that follows slowly; its outputs are predicted, or, centered and sharpened, they are classes."""
    teacher, center = Student(), torch.zeros(8)
    teacher.requires_grad_(False)

    def loss(student: Student) -> Tensor:
        one, other = views()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.lerp_(fast, 0.02)
            target = teacher(other)
            center.lerp_(target.mean(0), 0.1)
        if not centered:
            return functional.mse_loss(student.predictor(student(one)), target)
        chances = ((target - center) / 0.1).softmax(1)
        return -(chances * (student(one) / 0.2).log_softmax(1)).sum(1).mean()

    return loss


def values(student: Student) -> Tensor:
    """Values of states that are learned from those of the next ones, which a copy estimates."""
    state, gain = torch.randn(64, 12), torch.randn(64, 1)
    follows = state + 0.3 * torch.randn_like(state)
    with torch.no_grad():
        target = state[:, :1] + 0.1 * gain + 0.9 * student(follows).amax(1, keepdim=True)
    return functional.smooth_l1_loss(student(state)[:, :1], target)


def redundant(student: Student) -> Tensor:
    """Outputs that are correlated one by one, and with no others."""
    one, other = (student(view) for view in views())
    return (one.T @ other / len(one) - torch.eye(8)).square().sum()


def restored(student: Student) -> Tensor:
    """What was there before the noise."""
    clean, noisy = views()
    return functional.mse_loss(student.predictor(student(noisy)), clean[:, :8])


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(siamese, id="siamese"),
        pytest.param(of_teacher(centered=False), id="teacher"),
        pytest.param(of_teacher(centered=True), id="centered", marks=pytest.mark.heavy),
        pytest.param(values, id="values"),
        pytest.param(redundant, id="redundant", marks=pytest.mark.heavy),
        pytest.param(restored, id="restored", marks=pytest.mark.heavy),
    ],
)
def test_networks_that_learn_from_their_own_outputs_and_keep_samples_apart(
    loss: Callable[[Student], Tensor],
) -> None:
    student = Student()
    report = reported(student, lambda: loss(student), make=adam(1e-3))
    assert told(report).outcome is not Outcome.WRONG, told(report)
    assert "representation-collapse" not in [c.name for c in report.causes]


def test_it_leaves_the_training_as_it_was() -> None:
    student = Student()
    optimizer = adam(1e-3)(student)
    with watch(student, optimizer, verify=True, policy=Policy(examine="full")) as seen:
        stepped(lambda: siamese(student), optimizer, 30)
    before = left_in(student, optimizer)
    assert told(seen.verify(budget=0.0)).seconds
    assert left_in(student, optimizer) == before


def left_in(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[object]:
    """All that an experiment might leave behind, as plain values."""
    return [
        [t.tolist() for t in copy.deepcopy(model.state_dict()).values()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [(m.training, len(m._forward_hooks)) for m in model.modules()],
        str(optimizer.state_dict()),
        torch.get_rng_state().tolist(),
    ]
