"""Ten trainings that a probe could disturb."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

Step = Callable[[], torch.Tensor]


@dataclass
class Training:
    """Models, optimizers and one step."""

    models: list[nn.Module]
    optimizers: list[torch.optim.Optimizer]
    step: Step
    extra: list[Any] = field(default_factory=list)  # schedulers

    def state(self) -> list[Any]:
        """Everything a step could change."""
        holders = [*self.models, *self.optimizers, *self.extra]
        return [h.state_dict() for h in holders] + [torch.get_rng_state()]


def _plain(model: nn.Module, *shape: int, classes: int = 3, lr: float = 0.05) -> Training:
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)

    def step() -> torch.Tensor:
        x, y = torch.randn(*shape), torch.randint(classes, (shape[0],))
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    return Training([model], [optimizer], step, [schedule])


def mlp() -> Training:
    return _plain(
        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 3)), 7, 8
    )


def cnn() -> Training:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3),
        nn.BatchNorm2d(6),
        nn.RReLU(),
        nn.Flatten(),
        nn.Linear(6, 3),
    )
    return _plain(model, 5, 1, 8, 8)


class Recurrent(nn.Module):
    """An LSTM that reads raw inputs, which ask for no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


def lstm() -> Training:
    return _plain(Recurrent(), 5, 10, 4)


class Transformer(nn.Module):
    """torch's own encoder layers, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.position = nn.Parameter(torch.zeros(6, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x + self.position).mean(1))


def transformer() -> Training:
    return _plain(Transformer(), 4, 6, 8)


class Tied(nn.Module):
    """The weights of the first layer are those of the last."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.middle = nn.Linear(6, 3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.sigmoid(self.middle(self.inside(x)))
        return (hidden @ self.inside.weight)[:, :3]


def tied() -> Training:
    return _plain(Tied(), 5, 6)


class Shared(nn.Module):
    """One module, called four times."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(4):
            x = functional.gelu(self.inner(x))
        return self.head(x)


def shared() -> Training:
    return _plain(Shared(), 5, 6)


class Checkpointed(nn.Module):
    """Two blocks that are computed again in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 6)
        self.a = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3), nn.ReLU())
        self.b = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        self.head, self.reentrant = nn.Linear(6, 3), reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in (self.a, self.b):
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return self.head(x)


def checkpointed() -> Training:
    return _plain(Checkpointed(reentrant=False), 5, 6)


def checkpointed_reentrant() -> Training:
    return _plain(Checkpointed(reentrant=True), 5, 6)


class InPlace(nn.Module):
    """In-place activations and sums."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.a(x))
        z = self.b(y)
        z += y
        z = functional.silu(z, inplace=True)
        z[:, 0] = 0.0
        return self.c(z)


def in_place() -> Training:
    return _plain(InPlace(), 5, 6)


def gan() -> Training:
    make = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 4))
    judge = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    of_make = torch.optim.Adam(make.parameters(), lr=0.01)
    of_judge = torch.optim.RMSprop(judge.parameters(), lr=0.01)

    def step() -> torch.Tensor:
        fake, real = make(torch.randn(6, 3)), torch.randn(6, 4)
        of_judge.zero_grad()
        scores = torch.cat([judge(real), judge(fake.detach())])
        truth = torch.cat([torch.ones(6, 1), torch.zeros(6, 1)])
        functional.binary_cross_entropy_with_logits(scores, truth).backward()
        of_judge.step()
        of_make.zero_grad()
        loss = functional.softplus(-judge(fake)).mean()
        loss.backward()
        of_make.step()
        return loss.detach()

    return Training([make, judge], [of_make, of_judge], step)


def lbfgs() -> Training:
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

    def step() -> torch.Tensor:
        x = torch.randn(9, 5)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = functional.mse_loss(model(x), x.sum(1, keepdim=True))
            loss.backward()
            return loss

        return optimizer.step(closure).detach()

    return Training([model], [optimizer], step)


def scaled() -> Training:
    model = nn.Sequential(nn.Linear(6, 8), nn.PReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = model(torch.randn(5, 6)).float().square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return Training([model], [optimizer], step, [scaler])


ARCHITECTURES = (mlp, cnn, lstm, transformer, tied, shared, checkpointed, checkpointed_reentrant,
                 in_place, gan, lbfgs, scaled)  # fmt: skip
