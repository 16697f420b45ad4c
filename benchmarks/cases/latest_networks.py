"""Networks of the latest cases, healthy ones: made by hand after what is published."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from benchmarks.cases.networks import Builder


class Squeezed(nn.Module):
    """A mobile inverted bottleneck with squeeze and excitation (EfficientNet)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 3 * width
        self.up = nn.Sequential(
            nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()
        )
        self.each = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.SiLU(),
        )
        self.gate = nn.Sequential(nn.Conv2d(wide, 4, 1), nn.SiLU(), nn.Conv2d(4, wide, 1))
        self.down = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, value: Tensor) -> Tensor:
        seen = self.each(self.up(value))
        gate = self.gate(seen.mean(dim=(2, 3), keepdim=True)).sigmoid()
        result: Tensor = value + self.down(seen * gate)
        return result


class Standardised(nn.Conv2d):
    """A convolution whose kernels have mean 0 and a fixed variance (NFNet)."""

    def forward(self, value: Tensor) -> Tensor:
        kernel = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        inputs = kernel[0].numel()
        kernel = kernel * (kernel.var(dim=(1, 2, 3), keepdim=True) * inputs + 1e-4).rsqrt()
        result: Tensor = self._conv_forward(value, kernel, self.bias)
        return result


class Unnormalised(nn.Module):
    """A residual block without normalisation: inputs divided by what has been added so far."""

    def __init__(self, width: int, before: float) -> None:
        super().__init__()
        self.first, self.second = (Standardised(width, width, 3, padding=1) for _ in range(2))
        self.gain = nn.Parameter(torch.zeros(()))
        self.before = before

    def forward(self, value: Tensor) -> Tensor:
        change = self.second(functional.relu(self.first(functional.relu(value / self.before))))
        return value + 0.2 * self.gain * change


class Shuffled(nn.Module):
    """Grouped convolutions whose channels are dealt out anew (ShuffleNet)."""

    def __init__(self, width: int, groups: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 1, groups=groups)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.third = nn.Conv2d(width, width, 1, groups=groups)
        self.last = nn.BatchNorm2d(width)
        self.groups = groups

    def forward(self, value: Tensor) -> Tensor:
        inner = self.norm(self.first(value)).relu()
        inner = inner.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        result: Tensor = (value + self.last(self.third(self.second(inner)))).relu()
        return result


def photo_stack(block: Callable[[int], nn.Module], count: int, width: int = 16) -> Builder:
    """Return a builder of blocks over a photo, with a stem and a head."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, width, 4, stride=4),
        *(block(n) for n in range(count)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 2),
    )


def vgg() -> nn.Module:
    """Return plain convolutions with normalisation, pooling and dropout over a photo."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 12), (12, 12), (12, 24), (24, 24)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if inputs == outputs else []
    head = (nn.Flatten(), nn.Dropout(0.4), nn.Linear(24 * 16, 32), nn.ReLU(), nn.Linear(32, 2))
    return nn.Sequential(*layers, *head)


class Weighted(nn.Module):
    """Time mixing of RWKV: a running mean whose past fades channel by channel, and a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm_of_mix = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Parameter(torch.full((3, width), 0.5))
        self.fade = nn.Parameter(torch.linspace(-3.0, 1.0, width))
        self.bonus = nn.Parameter(torch.zeros(width))
        self.key, self.held, self.gate, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, value: Tensor) -> Tensor:
        seen = self.norm(value)
        past = functional.pad(seen, (0, 0, 1, -1))
        each = [seen * share + past * (1 - share) for share in self.mix]
        key, held, gate = self.key(each[0]), self.held(each[1]), self.gate(each[2]).sigmoid()
        fade = (-self.fade.exp()).exp()
        top, bottom = torch.zeros_like(key[:, 0]), torch.zeros_like(key[:, 0])
        found = []
        for step in range(key.shape[1]):
            now = (key[:, step] + self.bonus).exp()
            found.append((top + now * held[:, step]) / (bottom + now + 1e-6))
            weight = key[:, step].exp()
            top, bottom = fade * top + weight * held[:, step], fade * bottom + weight
        value = value + self.out(gate * torch.stack(found, dim=1))
        result: Tensor = value + self.down(self.up(self.norm_of_mix(value)).relu().square())
        return result


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
        result: Tensor = value + functional.glu(self.out(functional.gelu(mixed)), dim=-1)
        return result


class Randomly(nn.Module):
    """Attention through positive random features (Performer)."""

    def __init__(self, width: int, features: int = 16) -> None:
        super().__init__()
        self.norm, self.norm_of_mix = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("drawn", torch.randn(width, features))
        self.body = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def positive(self, value: Tensor) -> Tensor:
        """Return features whose products are the kernel of a softmax."""
        value = value / value.shape[-1] ** 0.25
        return (value @ self.drawn - value.square().sum(dim=-1, keepdim=True) / 2).exp() + 1e-4

    def forward(self, value: Tensor) -> Tensor:
        query, key, held = self.mix(self.norm(value)).chunk(3, dim=-1)
        query, key = self.positive(query), self.positive(key)
        read = query @ (key.mT @ held) / (query @ key.sum(dim=1).unsqueeze(2))
        value = value + self.out(read)
        result: Tensor = value + self.body(self.norm_of_mix(value))
        return result


class Spectral(nn.Module):
    """Tokens mixed by a Fourier transform without weights (FNet), post-norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.body = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, value: Tensor) -> Tensor:
        value = self.norm(value + torch.fft.fft2(value).real)
        result: Tensor = self.last(value + self.body(value))
        return result


class Hearing(nn.Module):
    """Columns to kinds over time: convolutions, an LSTM in both directions, a head."""

    def __init__(self, *, act: Callable[[], nn.Module] = nn.ReLU, layers: int = 1) -> None:
        super().__init__()
        convs = [nn.Conv1d(8 if not n else 32, 32, 3, padding=1) for n in range(layers)]
        self.convs = nn.Sequential(*(part for conv in convs for part in (conv, act())))
        self.rnn = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 11)

    def forward(self, columns: Tensor) -> Tensor:
        scores: Tensor = self.head(self.rnn(self.convs(columns.mT).mT)[0])
        return scores


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
        scores: Tensor = self.head(torch.cat([states, weights @ memory], dim=2))
        return scores


class Ahead(nn.Module):
    """A network and a slowly following copy of it that says what it should have said."""

    def __init__(self, inner: nn.Module, keep: float) -> None:
        super().__init__()
        self.inner = inner
        self.follower = copy.deepcopy(inner).requires_grad_(requires_grad=False)
        self.keep = keep

    @torch.no_grad()
    def follow(self) -> None:
        """Move the copy a little towards the network."""
        for slow, fast in zip(self.follower.parameters(), self.inner.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.keep)


class Valued(Ahead):
    """Temporal difference: the value of a state against the reward and the next state's value."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner, keep=0.95)

    def forward(self, state: Tensor, after: Tensor) -> Tensor:
        self.follow()
        value = self.inner(state).squeeze(1)
        with torch.no_grad():
            wanted = 0.8 * self.follower(after).squeeze(1)
        difference: Tensor = value - wanted
        return difference


class Byol(Ahead):
    """A view must predict what a slow copy says of another view."""

    def __init__(self) -> None:
        parts = (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 24))
        super().__init__(nn.Sequential(*parts), keep=0.98)
        self.predictor = nn.Sequential(
            nn.Linear(24, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 24)
        )

    def forward(self, images: Tensor) -> Tensor:
        self.follow()
        one, two = (images + 0.5 * torch.randn_like(images) for _ in range(2))
        with torch.no_grad():
            wanted = self.follower(two)
        return 2 - 2 * functional.cosine_similarity(self.predictor(self.inner(one)), wanted).mean()


class Decorrelated(nn.Module):
    """Two views must agree number by number, and different numbers must not (Barlow twins)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm = nn.BatchNorm1d(16, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        one, two = (
            self.norm(self.encoder(images + 0.3 * torch.randn_like(images))) for _ in range(2)
        )
        met = one.T @ two / len(images)
        same = torch.eye(16, dtype=met.dtype)
        return ((met - same).square() * (same + 0.02 * (1 - same))).sum()


class Oscillator(nn.Module):
    """A network that must obey u'' = -4 u from u(0) = 1 at rest: the loss is the broken law."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, time: Tensor) -> Tensor:
        with torch.enable_grad():
            time = time.detach().clone().requires_grad_()
            place = self.inner(time)
            (speed,) = torch.autograd.grad(place.sum(), time, create_graph=True)
            (force,) = torch.autograd.grad(speed.sum(), time, create_graph=True)
        start = torch.zeros_like(time[:1])
        law = (force + 4 * place).square().mean()
        return law + 10 * (self.inner(start) - 1).square().sum()


class Hashed(nn.Module):
    """Places looked up in tables of several resolutions, of which most rows are rarely asked."""

    def __init__(self, levels: int = 4, rows: int = 256) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, 4) for _ in range(levels))
        for table in self.tables:
            nn.init.uniform_(table.weight, -1e-2, 1e-2)  # type: ignore[arg-type]
        self.head = nn.Sequential(nn.Linear(4 * levels, 32), nn.ReLU(), nn.Linear(32, 3))
        self.rows = rows

    def forward(self, place: Tensor) -> Tensor:
        found = []
        for level, table in enumerate(self.tables):
            cell = (place * 4 * 2**level).long()
            found.append(table((cell[:, 0] * 73856093 ^ cell[:, 1] * 19349663) % self.rows))
        colours: Tensor = self.head(torch.cat(found, dim=1))
        return colours


class Wordy(nn.Module):
    """A language model of words whose softmax is cheap for rare ones (Grave et al. 2017)."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 32)
        self.rnn = nn.LSTM(32, 32, batch_first=True)
        self.next = nn.AdaptiveLogSoftmaxWithLoss(32, words, cutoffs=[20, 100])

    def forward(self, text: Tensor) -> tuple[Tensor, nn.Module]:
        return self.rnn(self.embedding(text))[0].flatten(0, 1), self.next


def of_words(output: tuple[Tensor, nn.Module], target: Tensor) -> Tensor:
    """Minus the logarithm of the chance of the next word."""
    loss: Tensor = output[1](output[0], target.flatten()).loss
    return loss


class Mixed(nn.Module):
    """Images mixed with each other before they are judged (mixup)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, float]:
        order = torch.randperm(len(images))
        share = float(torch.rand(())) * 0.5 + 0.5
        return self.inner(share * images + (1 - share) * images[order]), order, share


class Factored(nn.Module):
    """A factorisation machine: a linear model, and products of learned vectors of the features."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.factors = nn.Parameter(0.05 * torch.randn(outputs, inputs, 6))

    def forward(self, value: Tensor) -> Tensor:
        both = torch.einsum("bi,oif->bof", value, self.factors).square()
        own = torch.einsum("bi,oif->bof", value.square(), self.factors.square())
        scores: Tensor = self.linear(value) + 0.5 * (both - own).sum(dim=2)
        return scores


class Tree(nn.Module):
    """A soft decision tree: every sample goes down all branches, with chances."""

    def __init__(self, inputs: int, outputs: int, depth: int = 4) -> None:
        super().__init__()
        self.turn = nn.Linear(inputs, 2**depth - 1)
        self.leaves = nn.Parameter(0.1 * torch.randn(2**depth, outputs))
        self.depth = depth

    def forward(self, value: Tensor) -> Tensor:
        right = self.turn(value).sigmoid()
        chance = value.new_ones(len(value), 1)
        for level in range(self.depth):
            here = right[:, 2**level - 1 : 2 ** (level + 1) - 1]
            chance = torch.stack([chance * (1 - here), chance * here], dim=2).flatten(1)
        return chance @ self.leaves


class Induced(nn.Module):
    """A set transformer: a few learned questions read a set, and the set reads the answers."""

    def __init__(self, width: int, questions: int = 4) -> None:
        super().__init__()
        self.questions = nn.Parameter(torch.randn(1, questions, width) / width**0.5)
        self.ask, self.tell = (nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(2))
        self.norm = nn.LayerNorm(width)

    def forward(self, value: Tensor) -> Tensor:
        questions = self.questions.expand(len(value), -1, -1)
        answers, _ = self.ask(questions, value, value, need_weights=False)
        told, _ = self.tell(value, answers, answers, need_weights=False)
        result: Tensor = self.norm(value + told)
        return result


class Turned(nn.Module):
    """A spatial transformer: the image is moved by a map that begins as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 6))
        nn.init.zeros_(self.where[-1].weight)  # type: ignore[arg-type]
        with torch.no_grad():
            self.where[-1].bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))  # type: ignore[operator,union-attr]
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        moved = functional.affine_grid(
            self.where(images).view(-1, 2, 3), list(images.shape), align_corners=False
        )
        scores: Tensor = self.body(functional.grid_sample(images, moved, align_corners=False))
        return scores


class Seeing(nn.Conv2d):
    """A convolution that sees only pixels before its own (PixelCNN)."""

    def __init__(self, inputs: int, outputs: int, *, itself: bool) -> None:
        super().__init__(inputs, outputs, 5, padding=2)
        mask = torch.ones(5, 5)
        mask[2, 2 + itself :] = 0
        mask[3:] = 0
        self.register_buffer("mask", mask)

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = self._conv_forward(value, self.weight * self.mask, self.bias)
        return result


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


def of_chain(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Minus the normalised score of the right labels, per letter; letters not asked count as 0."""
    scores, total = output
    asked = target.clamp(min=0)
    right = scores.gather(2, asked.unsqueeze(2)).sum(dim=(1, 2))
    return (total - right).mean() / scores.shape[1]


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
        scores: Tensor = self.head(state)
        return scores


class Fixed(nn.Module):
    """A residual branch begun so that no normalisation is needed (Fixup)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.normal_(self.first.weight, std=(2 / width) ** 0.5 * blocks**-0.5)
        nn.init.zeros_(self.second.weight)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = value + self.gain * self.second(self.first(value).relu())
        return result


class Hidden(nn.Module):
    """A masked autoencoder: most rows of an image are hidden and must be drawn."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem, self.places = nn.Linear(8, width), nn.Parameter(0.1 * torch.randn(8, width))
        self.hidden = nn.Parameter(0.1 * torch.randn(width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 8)

    def forward(self, rows: Tensor) -> Tensor:
        seen = torch.rand(rows.shape[:2]).argsort(dim=1).argsort(dim=1) < 3
        value = torch.where(seen.unsqueeze(2), self.stem(rows), self.hidden)
        drawn: Tensor = self.head(self.body(value + self.places))
        return drawn


class Deep(nn.Module):
    """Deep kernel learning: minus the marginal likelihood of a Gaussian process on learned features."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 3))
        self.noise, self.length = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, value: Tensor, wanted: Tensor) -> Tensor:
        code = self.inner(value) / self.length.exp()
        away = (code.unsqueeze(1) - code.unsqueeze(0)).square().sum(dim=2)
        unit = torch.eye(len(value), dtype=value.dtype)
        root = torch.linalg.cholesky((-away / 2).exp() + (self.noise.exp() + 1e-3) * unit)
        fit = (wanted * torch.cholesky_solve(wanted, root)).sum() / 2
        whole = fit + root.diagonal().log().sum()
        return whole / len(value) + 0.5 * math.log(2 * math.pi)


class Halved(nn.Module):
    """A network that computes in bfloat16 where PyTorch's autocast says so."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Any) -> Tensor:
        exact = next(self.inner.parameters()).dtype == torch.float64
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not exact):
            scores: Tensor = self.inner(*inputs)
        return scores if exact else scores.float()


class Double(nn.Module):
    """A network in float64."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner.double()

    def forward(self, value: Tensor) -> Tensor:
        scores: Tensor = self.inner(value.double())
        return scores
