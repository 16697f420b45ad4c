"""Small training loops, watched as `gradcheck run` watches a script, in this process."""

import warnings
from collections.abc import Callable

import torch
from torch import nn

from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.session import Session
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import Report
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.witnessing import Circumstances, conclusion_of

Loop = Callable[[], object]


def watched(loop: Loop) -> list[Session]:
    """Return the trainings that took steps while `loop` ran."""
    torch.manual_seed(0)
    book = SiteBook()
    with book.recording(), Everywhere(site_of=book.site_of) as everywhere:
        loop()
    return [s for s in everywhere.sessions if s.steps]


def report(loop: Loop) -> Report:
    """Return the report on what trained while `loop` ran."""
    return conclusion_of(watched(loop), Circumstances(), Policy()).report


def findings(loop: Loop) -> dict[str, Finding]:
    """Return what was found in all trainings, by name."""
    found = [f for s in watched(loop) for f in judge(s.trace()).findings]
    return {f.name: f for f in found}


def mistakes(loop: Loop) -> set[str]:
    """Return the names of the mistakes of the loop that were found."""
    return {name for name, f in findings(loop).items() if f.code.startswith("GC8")}


def small(inputs: int = 6, outputs: int = 3) -> nn.Sequential:
    """Return a network of two layers."""
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))


def batch(size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs [size, 6] and the class of each."""
    x = torch.randn(size, 6)
    return x, x[:, :3].argmax(1)


def adam(model: nn.Module, rate: float = 1e-2) -> torch.optim.Optimizer:
    """Return Adam on all parameters of `model`."""
    return torch.optim.Adam(model.parameters(), lr=rate)


def loss_of(model: nn.Module, size: int = 32) -> torch.Tensor:
    """Return the cross-entropy of `model` on a new batch."""
    x, y = batch(size)
    return nn.functional.cross_entropy(model(x), y)


def update(model: nn.Module, optimizer: torch.optim.Optimizer, size: int = 32) -> None:
    """Take one step as most loops do."""
    optimizer.zero_grad()
    loss_of(model, size).backward()
    optimizer.step()


def quiet(loop: Loop) -> Loop:
    """Return the loop without torch's own warnings about it."""

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loop()

    return run


def two_losses() -> None:
    """Add up two losses of one function in every update, on purpose."""
    model = small()
    optimizer = adam(model)
    for _ in range(8):
        optimizer.zero_grad()
        loss_of(model).backward()
        loss_of(model).backward()
        optimizer.step()


def by_lbfgs() -> None:
    """Train with an optimizer that computes the loss by itself."""
    model = small()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    x, y = batch()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
