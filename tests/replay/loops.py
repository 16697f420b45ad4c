"""Loops as people write them, each of its own kind; all are deterministic from their seed."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Train = Callable[[], tuple[list[nn.Module], list[float]]]


def batches(size: int = 8, number: int = 64) -> "DataLoader[Any]":
    inputs = torch.randn(number, 6)
    target = (inputs.sum(1) > 0).long()
    return DataLoader(TensorDataset(inputs, target), batch_size=size, shuffle=True)


def network(dropout: float = 0.2) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2)
    )


def plain() -> tuple[list[nn.Module], list[float]]:
    """Shuffling, dropout, a metric, an evaluation between the epochs."""
    torch.manual_seed(0)
    model, data, losses = network(), batches(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        correct: Any = 0
        for inputs, target in data:
            optimizer.zero_grad()
            output = model(inputs)
            loss = nn.CrossEntropyLoss()(output, target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            correct += (output.argmax(1) == target).sum()
        model.eval()
        with torch.no_grad():
            for inputs, target in data:
                F.cross_entropy(model(inputs), target).item()
        model.train()
    return [model], losses


def scheduled() -> tuple[list[nn.Module], list[float]]:
    """OneCycleLR cycles momentum as well; a penalty is written by hand; the norm is clipped."""
    torch.manual_seed(1)
    model, data, losses = network(), batches(), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=16)
    for _ in range(2):
        for inputs, target in data:
            penalty = sum((p**2).sum() for p in model.parameters())
            loss = F.cross_entropy(model(inputs), target, label_smoothing=0.1) + 1e-3 * penalty
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    return [model], losses


def scaled() -> tuple[list[nn.Module], list[float]]:
    """Mixed precision with a scaler that finds infinite gradients at first; two batches per step."""
    torch.manual_seed(2)
    model, data, losses = network(0.0), batches(4), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    for _ in range(2):
        for index, (inputs, target) in enumerate(data):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(inputs), target) / 2
            scaler.scale(loss).backward()
            losses.append(loss.item())
            if index % 2:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
    return [model], losses


def adversarial() -> tuple[list[nn.Module], list[float]]:
    """Two networks against each other; the discriminator is frozen while the generator learns."""
    torch.manual_seed(3)
    generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
    critic = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    first = torch.optim.Adam(generator.parameters(), lr=1e-3)
    second = torch.optim.Adam(critic.parameters(), lr=1e-3)
    losses = []
    for real, _ in batches():
        fake = generator(torch.randn(len(real), 4))
        second.zero_grad()
        one = F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
        one.backward()
        second.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        first.zero_grad()
        other = F.softplus(-critic(fake)).mean()
        other.backward()
        first.step()
        critic.requires_grad_(True)
        losses += [one.item(), other.item()]
    return [generator, critic], losses


def recurrent() -> tuple[list[nn.Module], list[float]]:
    """A hidden state is carried from batch to batch."""
    torch.manual_seed(4)
    model, head = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 1)
    optimizer = torch.optim.RMSprop([*model.parameters(), *head.parameters()], lr=1e-2)
    state, losses = None, []
    row = torch.randn(2, 80, 3)
    for start in range(0, 80, 8):
        window = row[:, start : start + 8]
        if state is not None:
            state = tuple(part.detach() for part in state)
        output, state = model(window, state)
        loss = F.mse_loss(head(output), window[..., :1].cumsum(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [model, head], losses


class Coder(nn.Module):
    """Returns a distribution's parts in a dict and keeps a penalty in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 8), nn.Linear(4, 6)
        self.penalty: Tensor | None = None

    def forward(self, inputs: Tensor, *, scale: float = 1.0) -> dict[str, Any]:
        mean, spread = self.encode(inputs).chunk(2, -1)
        self.penalty = mean.square().mean() * scale
        return {"mean": mean, "more": [spread]}


def variational() -> tuple[list[nn.Module], list[float]]:
    """Noise is drawn outside modules; a loss is taken from an attribute and one from a hook."""
    torch.manual_seed(5)
    model, seen, losses = Coder(), {}, []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.encode.register_forward_hook(lambda _, __, out: seen.update(out=out))
    for inputs, _ in batches():
        coded = model(inputs, scale=0.5)
        spread = torch.exp(0.5 * coded["more"][0])
        drawn = coded["mean"] + torch.randn_like(spread) * spread
        loss = F.mse_loss(model.decode(drawn), inputs) + model.penalty + seen["out"].abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [model], losses


def averaged() -> tuple[list[nn.Module], list[float]]:
    """A teacher that follows the student, gradients limited by hand, inputs in one reused buffer."""
    torch.manual_seed(6)
    model, teacher = network(0.0), network(0.0)
    teacher.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    held, losses = torch.empty(8, 6), []
    for inputs, target in batches():
        held.copy_(inputs)
        with torch.no_grad():
            guess = teacher(held).softmax(-1)
        held.mul_(1.5)
        output = model(held)
        loss = F.cross_entropy(output, target) + (output.softmax(-1) - guess).square().mean()
        for parameter in model.parameters():
            parameter.grad = None
        loss.backward()
        for parameter in model.parameters():
            parameter.grad.clamp_(-0.1, 0.1)
        optimizer.step()
        with torch.no_grad():
            for mine, theirs in zip(teacher.parameters(), model.parameters(), strict=True):
                mine.mul_(0.9).add_(theirs, alpha=0.1)
        losses.append(loss.item())
    return [model, teacher], losses


def closed() -> tuple[list[nn.Module], list[float]]:
    """The optimizer calls a closure several times per step."""
    torch.manual_seed(7)
    model, losses = nn.Linear(6, 2), []
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    for inputs, target in batches():

        def closure(inputs: Tensor = inputs, target: Tensor = target) -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), target)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    return [model], losses


class Doubled(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        return inputs * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * 2


def penalized() -> tuple[list[nn.Module], list[float]]:
    """A penalty on a gradient, a function of the user's own, weights in no module, no optimizer."""
    torch.manual_seed(8)
    model, bias, losses = nn.Linear(6, 2), torch.zeros(2, requires_grad=True), []
    held = [*model.parameters(), bias]
    optimizer = torch.optim.SGD(held, lr=0.1)
    for inputs, target in batches():
        inputs.requires_grad_()
        output = Doubled.apply(model(inputs)) + bias
        [slope] = torch.autograd.grad(output.sum(), inputs, create_graph=True)
        loss = F.cross_entropy(output, target) + slope.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [model], losses


def initialized() -> tuple[list[nn.Module], list[float]]:
    """Weights are initialized by hand in several ways, also after the optimizer was built."""
    torch.manual_seed(10)
    model, losses = network(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.init.orthogonal_(model[0].weight)
    model[4].weight.data.normal_(0.0, 0.3)
    with torch.no_grad():
        model[4].bias.copy_(torch.rand(2))
    for inputs, target in batches():
        loss = F.cross_entropy(model(inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [model], losses


def unaided() -> tuple[list[nn.Module], list[float]]:
    """No optimizer: weights are moved by hand."""
    torch.manual_seed(9)
    model, losses = nn.Linear(6, 2), []
    for inputs, target in batches():
        loss = F.cross_entropy(model(inputs), target)
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad
            parameter.grad = None
        losses.append(loss.item())
    return [model], losses


KINDS: dict[str, Train] = {
    train.__name__: train
    for train in (
        plain,
        scheduled,
        scaled,
        adversarial,
        recurrent,
        variational,
        averaged,
        closed,
        penalized,
        unaided,
        initialized,
    )
}


def each() -> Iterator[tuple[str, Train]]:
    yield from KINDS.items()
