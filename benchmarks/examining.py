"""What the examination costs beyond the observed steps: small trainings, healthy and sick.

    python -m benchmarks.examining [--check] [--depth full]

Each training is observed for 50 steps and examined in this process, on one thread. Beside the seconds stands how
many questions were answered and how many were left out for want of time. With --check the exit code is 1 when one
takes longer than its goal, which is meant for an idle machine.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradcheck_cli.examine import examine, subject_of, with_passes
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target

GOALS = {"quick": 4.0, "full": 10.0}  # seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """One examination: seconds, questions that were answered, and those that time did not allow."""

    seconds: float
    answered: int
    untimely: int


def images(samples: int = 1024) -> tuple[Tensor, Tensor]:
    """Return images of eight by eight in ten classes, one pattern each, with noise."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(samples) % 10
    patterns = torch.randn(10, 1, 8, 8, generator=chance)
    return patterns[labels] + torch.randn(samples, 1, 8, 8, generator=chance), labels


def flat() -> nn.Module:
    """Return a network of three layers."""
    layers = (nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(nn.Flatten(), *layers)


def convolutions() -> nn.Module:
    """Return two convolutions with batch normalization and dropout."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 10)),
    )


def sigmoids() -> nn.Module:
    """Return ten sigmoid layers, whose gradient vanishes."""
    return nn.Sequential(
        nn.Flatten(), *(x for _ in range(10) for x in (nn.Linear(64, 64), nn.Sigmoid())), nn.Linear(64, 10)
    )  # fmt: skip


TRAININGS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "dense, healthy": (flat, 0.05),
    "convolutions, healthy": (convolutions, 0.05),
    "dense, rate too low": (flat, 1e-6),
    "convolutions, rate too low": (convolutions, 1e-6),
    "sigmoids, vanishing": (sigmoids, 0.05),
}


def measure(model: Callable[[], nn.Module], rate: float, depth: str) -> Cost:
    """Observe a training and return what its examination costs, with the counterfactual passes."""
    target = Target.of(
        model=model,
        data=images(),
        loss="cross_entropy",
        optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=rate),
        batch_size=32,
        device="cpu",
    )
    training = target.build()
    subject = subject_of(target, training)
    trace = observe(training, 50)
    began = time.perf_counter()
    answers = examine(subject, trace, depth)
    with_passes(subject, trace, judge(trace).findings)
    late = sum("time is left" in a.reason or "s are left" in a.reason for a in answers)
    asked = sum(a.outcome is not Outcome.SKIPPED for a in answers)
    return Cost(time.perf_counter() - began, asked, late)


def main() -> int:
    """Print the table; with --check return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depth", choices=tuple(GOALS), default="full")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    missed = False
    for name, (model, rate) in TRAININGS.items():
        cost = measure(model, rate, options.depth)
        missed |= cost.seconds > GOALS[options.depth]
        print(
            f"{name:28} {cost.seconds:6.2f} s, {cost.answered} answered, {cost.untimely} for want of time not"
        )
    return int(options.check and missed)


if __name__ == "__main__":
    raise SystemExit(main())
