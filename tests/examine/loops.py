"""Trainings in a loop of one's own, recorded for experiments: a few steps, in milliseconds."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gradcheck_cli import watch
from gradcheck_cli.examine import examine
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.examination import Answer
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.examined import subject_of_steps
from gradcheck_cli.replay.repeating import Replay

Make = Callable[[nn.Module], torch.optim.Optimizer]


def adam(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at a usual rate for small networks."""
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)


def stepped(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, steps: int) -> None:
    """Train as everybody does."""
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def answered(
    model: nn.Module, loss: Callable[[], Tensor], *experiments: Experiment, steps: int = 6
) -> dict[str, Answer]:
    """Record some steps that minimize `loss`, put these questions to them, and return the answers."""
    torch.manual_seed(0)
    with Recorder() as recorder:
        stepped(loss, adam(model), steps)
    subject = subject_of_steps(Replay(recorder.recording, model))
    return {a.name: a for a in examine(subject, Trace(), experiments=experiments)}


def reported(
    model: nn.Module,
    loss: Callable[[], Tensor],
    *,
    steps: int = 50,
    make: Make = adam,
    depth: str = "full",
) -> Report:
    """Watch some steps that minimize `loss`, and return the report; no fix is tried."""
    torch.manual_seed(0)
    optimizer = make(model)
    with watch(model, optimizer, verify=True, policy=Policy(examine=depth)) as seen:
        stepped(loss, optimizer, steps)
    return seen.verify(budget=0.0)
