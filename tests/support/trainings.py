"""Small trainings for the tests of experiments: made in milliseconds, sick and healthy twins."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine import examine, subject_of
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.examine.of_target import TargetSubject
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.examination import Answer
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.target import Target

Batch = tuple[Tensor, ...]


def blobs(samples: int = 256, features: int = 6, classes: int = 4) -> Batch:
    """Points around one center per class."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(samples) % classes
    centers = 2 * torch.randn(classes, features, generator=chance)
    return centers[labels] + torch.randn(samples, features, generator=chance), labels


def line(samples: int = 256) -> Batch:
    """A linear function of three inputs, with noise."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(samples, 3, generator=chance)
    return x, x @ torch.tensor([[1.0], [2.0], [-1.0]]) + 0.1 * torch.randn(
        samples, 1, generator=chance
    )


def network(inputs: int = 6, outputs: int = 4, *last: nn.Module) -> nn.Sequential:
    """Two layers of 16 units."""
    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs), *last)


def silent(*last: nn.Module) -> nn.Module:
    """A network whose first outputs are the same for every sample."""
    model = network(6, 4, *last)
    nn.init.zeros_(model[2].weight)  # type: ignore[arg-type]
    return model


def sgd(rate: float = 0.1, **options: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return a function that makes the optimizer."""
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, **options)


def target(**parts: Any) -> Target:
    """A training of `network` on `blobs`, with these parts exchanged."""
    usual = {"model": network, "data": blobs(), "loss": "cross_entropy", "optimizer": sgd()}
    return Target.of(**{**usual, **parts}, batch_size=32, device="cpu")


def trained(steps: int = 20, **parts: Any) -> tuple[TargetSubject, Trace]:
    """Train for some steps under observation."""
    made = target(**parts)
    training = made.build()
    subject = subject_of(made, training)
    assert subject is not None
    return subject, observe(training, steps)


def answers(steps: int = 20, only: Experiment | None = None, **parts: Any) -> dict[str, Answer]:
    """Train for some steps and return what the experiments answer, by name."""
    subject, trace = trained(steps, **parts)
    experiments = None if only is None else (only,)
    return {a.name: a for a in examine(subject, trace, experiments=experiments)}
