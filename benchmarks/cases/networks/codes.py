"""Networks that answer with more than scores, or compute their loss: autoencoders, flows, twins, mixtures."""

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import losses
from benchmarks.cases.networks import stacks
from benchmarks.cases.networks.basic import Apply, Builder, Start, mlp, of_patients, started
from benchmarks.cases.sources import digits


class TwoHeads(nn.Module):
    """One body and two tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.name, self.odd = nn.Linear(64, 10), nn.Linear(64, 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        value = self.body(images)
        return self.name(value), self.odd(value)


def autoencoder() -> nn.Module:
    """Return an autoencoder with eight numbers in the middle."""
    encoder = (nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    return nn.Sequential(*encoder, nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())


class Variational(nn.Module):
    """A variational autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean, self.spread = nn.Linear(64, 6), nn.Linear(64, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.body(images)
        mean, spread = self.mean(value), self.spread(value)
        code = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        return self.decoder(code), mean, spread


class Denoiser(nn.Module):
    """Predicts the noise in an image, told how much there is."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Linear(1, 128)
        self.stem, self.middle = nn.Linear(64, 128), nn.Linear(128, 128)
        self.head = nn.Linear(128, 64)

    def forward(self, images: Tensor, share: Tensor) -> Tensor:
        value = functional.silu(self.stem(images) + self.time(share))
        return self.head(functional.silu(self.middle(value)))


class Siamese(nn.Module):
    """One encoder for both images."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(left), self.encoder(right)


class SimSiam(nn.Module):
    """Two views of an image must predict each other; one side is detached by design."""

    def __init__(self) -> None:
        super().__init__()
        layers = (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.encoder = nn.Sequential(*layers, nn.BatchNorm1d(32, affine=False))
        self.predictor = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 32))

    def forward(self, images: Tensor) -> Tensor:
        views = [self.encoder(images + 0.3 * torch.randn_like(images)) for _ in range(2)]
        one, two = (self.predictor(view) for view in views)
        alike = functional.cosine_similarity
        first, second = alike(one, views[1].detach()), alike(two, views[0].detach())
        return 1 - (first + second).mean() / 2


def generator() -> nn.Module:
    """Return a generator before a frozen discriminator that has seen some real digits."""
    judge = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3)
    real = digits.digits().tensors[0][:512]
    for _ in range(30):
        optimizer.zero_grad()
        both = torch.cat([real, torch.randn_like(real)])
        losses.binary(judge(both).squeeze(1), (torch.arange(1024) < 512).float()).backward()
        optimizer.step()
    judge.requires_grad_(requires_grad=False)
    maker = (nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    cost = Apply(lambda scores: functional.softplus(-scores).mean())
    return nn.Sequential(*maker, judge, cost)


def hourglass(act: Any, start: Start | None) -> Builder:
    """Return a builder of a deep autoencoder."""

    def build() -> nn.Module:
        sizes = (64, 56, 48, 40, 32, 24, 16, 24, 32, 40, 48, 56, 64)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), act()]
        return started(nn.Sequential(*layers[:-1]), start)

    return build


class Hyper(nn.Module):
    """A small network that writes the weights of another, from the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Linear(64, 24), nn.Tanh())
        self.write = nn.Linear(24, 16 * 10)
        self.body = nn.Linear(64, 16)

    def forward(self, images: Tensor) -> Tensor:
        weights: Tensor = self.write(self.look(images)).view(-1, 10, 16)
        return torch.einsum("bkw,bw->bk", weights, self.body(images).relu())


class Mixture(nn.Module):
    """Means, widths and shares of three normal distributions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 48), nn.Tanh())
        self.means, self.spreads = nn.Linear(48, 3), nn.Linear(48, 3)
        self.shares = nn.Linear(48, 3)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.body(features)
        return self.means(value), self.spreads(value), self.shares(value)


class Coupling(nn.Module):
    """Moves and stretches one half of the numbers as the other half says."""

    def __init__(self, size: int, *, first: bool) -> None:
        super().__init__()
        self.register_buffer("kept", (torch.arange(size) % 2 == int(first)).float())
        self.stretch = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, size))
        self.shift = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, size))

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.get_buffer("kept")
        free = 1 - kept
        stretch = free * self.stretch(kept * value).tanh()
        return kept * value + free * (value * stretch.exp() + self.shift(kept * value)), stretch


class Flow(nn.Module):
    """A normalising flow; the loss is the negative log-likelihood of the measurements."""

    def __init__(self, size: int = 13, layers: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Coupling(size, first=n % 2 == 0) for n in range(layers))

    def forward(self, value: Tensor) -> Tensor:
        total = value.new_zeros(len(value))
        for layer in self.layers:
            value, stretch = layer(value)
            total = total + stretch.sum(dim=1)
        likely = -0.5 * (value.square() + 1.8379).sum(dim=1) + total
        return -likely.mean()


class Embedder(nn.Module):
    """Codes of length 1 for three images."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        return tuple(functional.normalize(self.body(image), dim=1) for image in images)


class Supervised(nn.Module):
    """A head on every floor; all of them must know the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.floors = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(64, 10) for _ in range(3))

    def forward(self, images: Tensor) -> list[Tensor]:
        scores = []
        for floor, head in zip(self.floors, self.heads, strict=True):
            images = functional.elu(floor(images))
            scores.append(head(images))
        return scores


class Quantised(nn.Module):
    """A vector-quantised autoencoder: the nearest of 24 codes, straight through.

    Codes of size 1 are far from what the encoder gives in the beginning: the smallest is the nearest of all samples.
    """

    def __init__(self, small: bool = False) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
        self.codes = nn.Embedding(24, 8)
        if small:
            nn.init.uniform_(self.codes.weight, -1 / 24, 1 / 24)
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.encoder(images).view(len(images), 4, 8)
        nearest = (value.unsqueeze(2) - self.codes.weight).square().sum(dim=3).argmin(dim=2)
        code = self.codes(nearest)
        through = value + (code - value).detach()
        return self.decoder(through.flatten(1)), value, code


class SkipGrams(nn.Module):
    """Two tables of letters; a pair is likely when its vectors agree."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Embedding(96, 24), nn.Embedding(96, 24)
        for entries in (self.inner, self.outer):
            nn.init.normal_(entries.weight, std=0.3)

    def forward(self, middle: Tensor, near: Tensor) -> Tensor:
        return (self.inner(middle) * self.outer(near)).sum(dim=1)


class Twins(nn.Module):
    """One deep encoder for both images."""

    def __init__(self, start: Start | None) -> None:
        super().__init__()
        self.encoder = mlp(nn.ReLU, 18, outputs=8, start=start)()

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(left), self.encoder(right)


class Masked(nn.Linear):
    """A linear layer of an autoregressive network (MADE): outputs see earlier inputs only."""

    mask: Tensor

    def __init__(self, seen: Tensor, seeing: Tensor, *, strict: bool) -> None:
        super().__init__(len(seen), len(seeing))
        mask = seeing[:, None] > seen[None] if strict else seeing[:, None] >= seen[None]
        self.register_buffer("mask", mask.float())

    def forward(self, value: Tensor) -> Tensor:
        return functional.linear(value, self.weight * self.mask, self.bias)


class Autoregressive(nn.Module):
    """A masked autoregressive flow of one step: hands out minus the log-likelihood per sample."""

    def __init__(self, size: int, width: int = 64) -> None:
        super().__init__()
        places, units = torch.arange(size), torch.arange(width) % (size - 1)
        self.first = Masked(places, units, strict=False)
        self.second = Masked(units, units, strict=False)
        self.mean = Masked(units, places, strict=True)
        self.spread = Masked(units, places, strict=True)

    def forward(self, value: Tensor) -> Tensor:
        hidden = self.second(self.first(value).relu()).relu()
        spread = self.spread(hidden).tanh()
        scaled = (value - self.mean(hidden)) * torch.exp(-spread)
        return (0.5 * scaled.square() + spread).mean(dim=1)


class Bernoulli(nn.Module):
    """A variational autoencoder: scores of pixels, and how far the code is from its prior."""

    def __init__(self, code: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, 64), nn.SiLU(), nn.Linear(64, 64))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.encoder(images).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        away = 0.5 * (mean.square() + spread.exp() - spread - 1).sum(dim=1)
        return self.decoder(code), away.mean()


class TwoViews(nn.Module):
    """One encoder, two noisy views of each sample: all similarities, over a temperature."""

    def __init__(self, wrap: stacks.Wrap = nn.Sequential) -> None:
        super().__init__()
        body = nn.Sequential(nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 32))
        self.encoder = wrap(body)

    def forward(self, images: Tensor) -> Tensor:
        views = [images + 0.5 * torch.randn_like(images) for _ in range(2)]
        first, second = (functional.normalize(self.encoder(v), dim=1) for v in views)
        return first @ second.T / 0.2


class Flowing(nn.Module):
    """A learned velocity followed for eight steps, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.velocity = nn.Sequential(nn.Linear(31, 32), nn.Tanh(), nn.Linear(32, 30))
        self.head = nn.Linear(30, 1)

    def forward(self, value: Tensor) -> Tensor:
        for time in range(8):
            clock = value.new_full((len(value), 1), time / 8)
            value = value + self.velocity(torch.cat([value, clock], dim=1)) / 8
        return self.head(value)


class Bilinear(nn.Module):
    """Two views of a wine whose product is judged."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 24), nn.Linear(7, 24)
        self.meet = nn.Bilinear(24, 24, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, value: Tensor) -> Tensor:
        met = self.meet(self.left(value[:, :6]).relu(), self.right(value[:, 6:]).relu())
        return self.head(met.relu())


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
        return value - wanted


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


class Wordy(nn.Module):
    """A language model of words whose softmax is cheap for rare ones (Grave et al. 2017)."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 32)
        self.rnn = nn.LSTM(32, 32, batch_first=True)
        self.next = nn.AdaptiveLogSoftmaxWithLoss(32, words, cutoffs=[20, 100])

    def forward(self, text: Tensor) -> tuple[Tensor, nn.Module]:
        return self.rnn(self.embedding(text))[0].flatten(0, 1), self.next


class Mixup(nn.Module):
    """Images mixed with each other before they are judged (mixup)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, float]:
        order = torch.randperm(len(images))
        share = float(torch.rand(())) * 0.5 + 0.5
        return self.inner(share * images + (1 - share) * images[order]), order, share


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
        return self.inner(value.double())


class Ranked(nn.Module):
    """One network that scores both."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = stacks.patient()()

    def forward(self, one: torch.Tensor, two: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner(one).squeeze(1), self.inner(two).squeeze(1)


class Drawing(nn.Module):
    """A variational autoencoder that gives scores of pixels and the distance from the prior."""

    def __init__(self, act: Callable[[], nn.Module], start: Start | None) -> None:
        super().__init__()
        self.encoder = mlp(act, 4, outputs=12, start=start)()
        self.decoder = mlp(act, 4, inputs=6, outputs=64, start=start)()

    def forward(self, images: Tensor) -> Tensor:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        away = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        drawn = functional.binary_cross_entropy_with_logits(self.decoder(code), images)
        return drawn + 0.01 * away / 64


class Angles(nn.Module):
    """The angle between features and a learned direction of each class, times a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 48), nn.PReLU(), nn.Linear(48, 24))
        self.ways = nn.Parameter(torch.randn(10, 24))

    def forward(self, images: Tensor) -> Tensor:
        features = functional.normalize(self.body(images), dim=1)
        return 16 * features @ functional.normalize(self.ways, dim=1).T


class Steps(nn.Module):
    """Ordered classes: one number, and thresholds that it passes."""

    def __init__(self, act: Callable[[], nn.Module], depth: int, start: Start | None) -> None:
        super().__init__()
        self.body = mlp(act, depth, start=start, **of_patients)()
        self.first, self.apart = nn.Parameter(torch.tensor(-1.0)), nn.Parameter(torch.zeros(2))

    def forward(self, value: Tensor) -> Tensor:
        limits = torch.cat([self.first.view(1), functional.softplus(self.apart)]).cumsum(dim=0)
        return self.body(value) - limits


class Mirrored(nn.Module):
    """An autoencoder whose decoder is the encoder turned round."""

    def __init__(self, between: Callable[[Tensor], Tensor] = lambda value: value) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 8)
        self.back, self.end = nn.Parameter(torch.zeros(32)), nn.Parameter(torch.zeros(64))
        self.between = between

    def forward(self, images: Tensor) -> Tensor:
        code = self.between(self.second(self.first(images).tanh()))
        inner = functional.linear(code, self.second.weight.T, self.back).tanh()
        return functional.linear(inner, self.first.weight.T, self.end)


class SharedExperts(nn.Module):
    """One of four experts for each image, and a loss that shares the work out."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(64, 4)
        self.experts = nn.ModuleList(mlp(nn.ReLU, 1, width=32)() for _ in range(4))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        chances = self.router(images).softmax(dim=1)
        weight, chosen = chances.max(dim=1)
        scores = images.new_zeros(len(images), 10)
        for number, expert in enumerate(self.experts):
            asked_of = (chosen == number).nonzero().flatten()
            part = weight[asked_of].unsqueeze(1) * expert(images[asked_of])
            scores = scores.index_add(0, asked_of, part)
        shares = functional.one_hot(chosen, 4).to(chances.dtype).mean(dim=0)
        return scores, 4 * (shares * chances.mean(dim=0)).sum()
