"""Networks that carry a state: recurrent ones, and layers applied again and again."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from benchmarks.cases.networks.basic import Builder, Pooled, Reader, Start


class Tied(nn.Module):
    """A language model whose head is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(96, 48), nn.GRU(48, 48, batch_first=True)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, text: Tensor) -> Tensor:
        states, _ = self.rnn(self.embedding(text))
        return states @ self.embedding.weight.T


class SigmoidCell(nn.Module):
    """A recurrent network with sigmoid units, written out."""

    def __init__(self, act: Any, start: Start) -> None:
        super().__init__()
        self.inward, self.onward = nn.Linear(8, 48), nn.Linear(48, 48)
        start(self.onward.weight)
        self.act, self.head = act(), nn.Linear(48, 10)

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 48)
        for row in rows.unbind(dim=1):
            state = self.act(self.inward(row) + self.onward(state))
        for _ in range(12):
            state = self.act(self.onward(state))
        return self.head(state)


def lstm(gate: float, waiting: int = 30) -> Builder:
    """Return a builder of an LSTM with this bias at its forget gate."""
    return lambda: Reader(nn.LSTM, waiting=waiting, gate=gate)


def rnn(**settings: Any) -> Builder:
    """Return a builder of a recurrent network over rows."""
    return lambda: Reader(**settings)


class Tagger(nn.Module):
    """What each letter is part of, read in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 7)

    def forward(self, text: Tensor) -> Tensor:
        return self.head(self.rnn(self.embedding(text))[0])


class TiedReader(nn.Module):
    """An Elman network that answers with the letters it reads with."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(96, 40), nn.RNN(40, 40, 2, batch_first=True)
        self.head = nn.Linear(40, 96)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.head.weight = self.embedding.weight

    def forward(self, text: Tensor) -> Tensor:
        return self.head(self.rnn(self.embedding(text))[0])


class Euler(nn.Module):
    """A neural differential equation, followed for ten small steps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        self.inward, self.outward = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, images: Tensor) -> Tensor:
        state = self.stem(images)
        for _ in range(10):
            state = state + 0.1 * self.outward(self.inward(state).tanh())
        return self.head(state)


class Leaky(nn.Module):
    """A recurrent network that keeps this share of its state in every step, then waits."""

    def __init__(self, keep: float, waiting: int, inputs: int = 8, outputs: int = 10) -> None:
        super().__init__()
        self.inward, self.onward = nn.Linear(inputs, 40), nn.Linear(40, 40, bias=False)
        nn.init.normal_(self.onward.weight, std=0.02)
        self.head = nn.Linear(40, outputs)
        self.keep, self.waiting = keep, waiting

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 40)
        for row in rows.unbind(dim=1):
            state = self.keep * state + (self.inward(row) + self.onward(state)).tanh()
        for _ in range(self.waiting):
            state = self.keep * state + 0.1 * self.onward(state).tanh()
        return self.head(state)


class Cells(nn.Module):
    """An LSTM cell called step by step, with this bias at its forget gate."""

    def __init__(self, gate: float, waiting: int) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(8, 40), nn.Linear(40, 10)
        self.waiting = waiting
        with torch.no_grad():
            self.cell.bias_ih[40:80] = gate

    def forward(self, rows: Tensor) -> Tensor:
        state = (rows.new_zeros(len(rows), 40), rows.new_zeros(len(rows), 40))
        for row in (*rows.unbind(dim=1), *([torch.zeros_like(rows[:, 0])] * self.waiting)):
            state = self.cell(row, state)
        return self.head(state[0])


def gru(**settings: Any) -> Builder:
    """Return a builder of a recurrent network over the rows of a digit."""
    return lambda: Reader(nn.GRU, **settings)


class Equilibrium(nn.Module):
    """One layer applied until it settles, the input added each time."""

    def __init__(self, times: int = 12, width: int = 48) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.inner = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)
        self.times = times

    def forward(self, images: Tensor) -> Tensor:
        given = self.stem(images)
        state = torch.zeros_like(given)
        for _ in range(self.times):
            state = self.norm(torch.tanh(self.inner(state) + given))
        return self.head(state)


class Selective(nn.Module):
    """A state space layer whose forgetting depends on the input, with a gate and a way around."""

    def __init__(self, width: int, states: int = 4, *, forget: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.step, self.read = nn.Linear(width, width), nn.Linear(width, 2 * states)
        self.decay = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(width, 1))
        self.out = nn.Linear(width, width)
        nn.init.constant_(self.step.bias, forget)

    def forward(self, value: Tensor) -> Tensor:
        normed = self.norm(value)
        given = functional.silu(self.inner(normed))
        step = functional.softplus(self.step(normed) - 2)
        write, read = self.read(normed).chunk(2, dim=-1)
        state = given.new_zeros(*given[:, 0].shape, write.shape[-1])
        kept = []
        for place in range(given.shape[1]):
            now = step[:, place, :, None]
            state = state * torch.exp(-now * self.decay.exp())
            state = state + now * given[:, place, :, None] * write[:, place, None]
            kept.append((state * read[:, place, None]).sum(dim=-1))
        change: Tensor = self.out(torch.stack(kept, dim=1) * functional.silu(self.gate(normed)))
        return value + change


class Waiting(nn.Module):
    """A hand-written recurrence over wine measurements and a wait after them."""

    def __init__(self, wait: int, start: Callable[[Tensor], object] | None, keep: float) -> None:
        super().__init__()
        self.write, self.again = nn.Linear(1, 32), nn.Linear(32, 32)
        if start is not None:
            start(self.again.weight)
        self.head = nn.Linear(32, 3)
        self.wait, self.keep = wait, keep

    def forward(self, numbers: Tensor) -> Tensor:
        state = numbers.new_zeros(len(numbers), 32)
        for place in range(numbers.shape[1] + self.wait):
            given = self.again(state)
            if place < numbers.shape[1]:
                given = given + self.write(numbers[:, place])
            state = self.keep * state + (1 - self.keep) * given.tanh()
        return self.head(state)


def mamba() -> nn.Module:
    """Return two selective state space layers over the rows of an image."""
    body = nn.Sequential(Selective(24), Selective(24))
    return Pooled(nn.Linear(8, 24), body, 24)


def cells(kind: Any, *, wait: int, **more: Any) -> Builder:
    """Return a builder of a recurrent network that reads a wine and waits."""
    return lambda: Reader(kind, inputs=1, width=32, waiting=wait, outputs=3, **more)


class Spaced(nn.Module):
    """A diagonal state space (S4D) as one long convolution, with a way around."""

    def __init__(self, width: int, states: int = 8, length: int = 64) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.linspace(-4.0, -1.0, width))
        self.decay = nn.Parameter(torch.arange(1.0, states + 1).log().expand(width, -1).clone())
        self.read = nn.Parameter(torch.randn(width, states) / states**0.5)
        self.past = nn.Parameter(torch.ones(width))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.length = length

    def forward(self, value: Tensor) -> Tensor:
        seen = self.norm(value)
        time = torch.arange(self.length, dtype=value.dtype)
        rate = self.step.exp().unsqueeze(1) * self.decay.exp()
        each = (self.read * rate).unsqueeze(2) * (-rate.unsqueeze(2) * time).exp()
        kernel = each.sum(dim=1)
        size = 2 * self.length
        spectrum = torch.fft.rfft(seen.mT, n=size) * torch.fft.rfft(kernel, n=size)
        mixed = torch.fft.irfft(spectrum, n=size)[..., : self.length].mT + self.past * seen
        return value + functional.glu(self.out(functional.gelu(mixed)), dim=-1)


class Hearing(nn.Module):
    """Columns to kinds over time: convolutions, an LSTM in both directions, a head."""

    def __init__(self, *, act: Callable[[], nn.Module] = nn.ReLU, layers: int = 1) -> None:
        super().__init__()
        convs = [nn.Conv1d(8 if not n else 32, 32, 3, padding=1) for n in range(layers)]
        self.convs = nn.Sequential(*(part for conv in convs for part in (conv, act())))
        self.rnn = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 11)

    def forward(self, columns: Tensor) -> Tensor:
        return self.head(self.rnn(self.convs(columns.mT).mT)[0])


class Translator(nn.Module):
    """Encoder, decoder and additive attention between them (Bahdanau)."""

    def __init__(self, between: Callable[[Tensor], Tensor] = lambda value: value) -> None:
        super().__init__()
        self.source, self.said = nn.Embedding(96, 32), nn.Embedding(96, 32)
        self.encoder = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(32, 64, batch_first=True)
        self.query, self.key = nn.Linear(64, 32), nn.Linear(64, 32)
        self.energy = nn.Linear(32, 1, bias=False)
        self.head = nn.Linear(128, 96)
        self.between = between

    def forward(self, text: Tensor, said: Tensor) -> Tensor:
        memory = self.between(self.encoder(self.source(text))[0])
        states, _ = self.decoder(self.said(said), memory.mean(dim=1).unsqueeze(0))
        met = (self.query(states).unsqueeze(2) + self.key(memory).unsqueeze(1)).tanh()
        weights = self.energy(met).squeeze(3).softmax(dim=2)
        return self.head(torch.cat([states, weights @ memory], dim=2))


class Chain(nn.Module):
    """A tagger with a linear-chain conditional random field; the loss is its own."""

    def __init__(self, kinds: int = 7) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = nn.GRU(24, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, kinds)
        self.follows = nn.Parameter(torch.zeros(kinds, kinds))

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        scores: Tensor = self.head(self.rnn(self.embedding(text))[0])
        total = scores[:, 0]
        for step in range(1, scores.shape[1]):
            total = (total.unsqueeze(2) + self.follows).logsumexp(dim=1) + scores[:, step]
        return scores, total.logsumexp(dim=1)


class Rotating(nn.Module):
    """A recurrent network whose recurrence is kept orthogonal."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = nn.Linear(8, 32)
        self.turn = parametrizations.orthogonal(nn.Linear(32, 32, bias=False))
        self.head = nn.Linear(32, 10)

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 32)
        for row in rows.unbind(dim=1):
            state = functional.leaky_relu(self.turn(state) + self.inputs(row), 0.5)
        return self.head(state)


class Listener(nn.Module):
    """A recurrent network that is asked at the end of a text what stood at its beginning."""

    def __init__(self, *, both_ends: bool = False, kind: Any = nn.RNN, rate: float = 1.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = kind(24, 32, batch_first=True)
        self.head = nn.Linear(32, 4)
        self.both_ends, self.rate = both_ends, rate

    def forward(self, text: Tensor) -> Tensor:
        states = self.rnn(self.rate * self.embedding(text))[0]
        return self.head(states.mean(dim=1) if self.both_ends else states[:, -1])


class Minimal(nn.Module):
    """A minimal gated unit, whose only gate says how much of the state is written anew."""

    def __init__(self, gate: float, wait: int) -> None:
        super().__init__()
        self.gate, self.new = nn.Linear(40, 32), nn.Linear(40, 32)
        self.head = nn.Linear(32, 10)
        nn.init.constant_(self.gate.bias, gate)
        self.wait = wait

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 32)
        for row in [*rows.unbind(dim=1), *[torch.zeros_like(rows[:, 0])] * self.wait]:
            gate = self.gate(torch.cat([state, row], dim=1)).sigmoid()
            fresh = self.new(torch.cat([gate * state, row], dim=1)).tanh()
            state = (1 - gate) * state + gate * fresh
        return self.head(state)


class Turning(nn.Module):
    """One layer that is applied again and again before the answer is read."""

    def __init__(self, act: Callable[[], nn.Module], turns: int, start: Start) -> None:
        super().__init__()
        self.stem, self.turn, self.head = nn.Linear(13, 48), nn.Linear(48, 48), nn.Linear(48, 3)
        self.act, self.turns = act(), turns
        start(self.turn.weight)
        nn.init.zeros_(self.turn.bias)

    def forward(self, value: Tensor) -> Tensor:
        value = self.act(self.stem(value))
        for _ in range(self.turns):
            value = self.act(self.turn(value))
        return self.head(value)


class Cell(nn.Module):
    """A long short-term memory written by hand, perhaps normalised, that reads and then waits."""

    def __init__(self, forget: float, wait: int, *, norm: bool = False) -> None:
        super().__init__()
        self.gates = nn.Linear(8 + 32, 128)
        self.norm = nn.LayerNorm(128) if norm else nn.Identity()
        self.head = nn.Linear(32, 10)
        self.wait = wait
        with torch.no_grad():
            self.gates.bias[32:64] = forget

    def forward(self, rows: Tensor) -> Tensor:
        state = memory = rows.new_zeros(len(rows), 32)
        for row in [*rows.unbind(dim=1), *[torch.zeros_like(rows[:, 0])] * self.wait]:
            gates = self.norm(self.gates(torch.cat([row, state], dim=1)))
            new, keep, write, tell = gates.chunk(4, dim=1)
            memory = keep.sigmoid() * memory + write.sigmoid() * new.tanh()
            state = tell.sigmoid() * memory.tanh()
        return self.head(state)


class Watching(nn.Module):
    """A recurrent network of convolutions that looks at a photo several times."""

    def __init__(self, looks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.gates, self.new = nn.Conv2d(24, 24, 3, padding=1), nn.Conv2d(24, 12, 3, padding=1)
        self.head = nn.Linear(12, 2)
        self.looks = looks

    def forward(self, photos: Tensor) -> Tensor:
        seen = self.stem(photos)
        state = torch.zeros_like(seen)
        for _ in range(self.looks):
            keep, use = self.gates(torch.cat([seen, state], dim=1)).sigmoid().chunk(2, dim=1)
            fresh = self.new(torch.cat([seen, use * state], dim=1)).tanh()
            state = keep * state + (1 - keep) * fresh
        return self.head(state.mean(dim=(2, 3)))
