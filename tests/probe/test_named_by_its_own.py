"""A report names the model by its own class, and counts what is trained."""

import copy

import torch
from torch import nn

from gradcheck_cli import witnessing
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.witnessing import Circumstances, conclusion_of


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).tanh())


class Averaged(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.online = net
        self.average = copy.deepcopy(net).requires_grad_(requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.online(x)


class Wrapper(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.base_func = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base_func(x)


def sessions(model: nn.Module, called: nn.Module | None = None, steps: int = 12):
    torch.manual_seed(0)
    with Everywhere() as watcher:
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.5)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
        for _ in range(steps):
            x = torch.randn(16, 4)
            loss = nn.functional.cross_entropy((called or model)(x), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return [s for s in watcher.sessions if s.steps]


def report_on(trained):
    return conclusion_of(trained, Circumstances(), Policy()).report


def test_a_frozen_copy_beside_the_model_is_not_counted() -> None:
    holder = Averaged(Net())
    report = report_on(sessions(holder, holder.online))
    assert report.run.model == "Net"
    assert report.run.parameters == sum(p.numel() for p in holder.online.parameters())
    assert not [f for f in report.findings if f.name == "frozen-parameter"]


def test_a_model_in_a_wrapper_of_a_library_is_called_by_its_own_class(monkeypatch) -> None:
    monkeypatch.setattr(witnessing, "_is_installed", lambda m: isinstance(m, Wrapper))
    report = report_on(sessions(Wrapper(nn.DataParallel(Net()))))
    assert report.run.model == "Net"
