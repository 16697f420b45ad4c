"""Small models and what the remedies propose for them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Cause
from gradcheck_cli.remedies.base import Case, Proposal
from gradcheck_cli.remedies.catalogue import REMEDIES
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training

Way = Callable[[Tensor], Tensor]


def numbers() -> TensorDataset:
    """Sixty-four samples of eight features in three classes."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator)
    return TensorDataset(inputs, inputs[:, :3].argmax(1))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)


def case_of(
    model: Callable[[], nn.Module],
    cause: str,
    *,
    data: object = None,
    optimizer: object = sgd,
    loss: object = None,
    batch_size: int = 32,
    layers: tuple[str, ...] = (),
) -> tuple[Target, Case]:
    """Observe a small model for a few steps and suspect one cause."""
    target = Target.of(
        model=model,
        data=data or numbers(),
        optimizer=optimizer,
        loss=loss,
        batch_size=batch_size,
        device="cpu",
    )
    training = target.build()
    trace = observe(training, 4)
    return target, Case(training, trace, Cause(name=cause, explains=(), score=1.0, layers=layers))


def proposals(case: Case, name: str) -> list[Proposal]:
    """Return what one remedy proposes."""
    [remedy] = [r for r in REMEDIES if r.name == name]
    return list(remedy.propose(case))


def treated(target: Target, proposal: Proposal) -> Training:
    """Return a training with the change, after one step."""
    assert proposal.change is not None
    training = target.build([proposal.change])
    training.step()
    return training


def modules(model: nn.Module, kinds: type | tuple[type, ...]) -> Sequence[nn.Module]:
    """Return the modules of these kinds."""
    return [m for m in model.modules() if isinstance(m, kinds)]


class Between(nn.Module):
    """Two layers with something on the way from one to the other."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.way(self.first(x)))


def reconnected(way: Way, cause: str) -> tuple[Between, Between]:
    """The model as it was and as treated, of the same weights."""
    target, case = case_of(lambda: Between(way), cause)
    [proposal] = [p for p in proposals(case, "reconnect-graph") if p.change is not None]
    assert proposal.edits == ()  # no call can simply be exchanged in the source
    assert proposal.fix.at is not None
    assert proposal.fix.at.file.endswith(Path(way.__code__.co_filename).name)
    return target.build().model, target.build([proposal.change]).model
