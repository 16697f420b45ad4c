"""Each pass gives back what was lost by the thing it changes, and nothing where that is sound."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.causes.shares import restored
from gradcheck_cli.examine import subject_of
from gradcheck_cli.examine.passes import passes
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.examination import Moment, Pass
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.target import Target

WIDE = 16


class Plain(nn.Module):
    """Layers in a row; `between` runs after each hidden one, `after` on the outputs."""

    def __init__(
        self,
        depth: int = 8,
        *,
        between: Callable[[Tensor], Tensor] = torch.relu,
        after: Callable[[Tensor], Tensor] | None = None,
        gain: float = 1.0,
        head: float = 1.0,
        std: float | None = None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDE, WIDE) for _ in range(depth))
        self.head = nn.Linear(WIDE, 4)
        self.between, self.after = between, after
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight *= gain
        with torch.no_grad():
            self.head.weight *= head

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.between(layer(x))
        x = self.head(x)
        return x if self.after is None else self.after(x)


def halved(x: Tensor) -> Tensor:
    return 0.05 * torch.relu(x)


def gated(x: Tensor) -> Tensor:
    return 1.41 * torch.relu(x) * torch.sigmoid(x - 3)


def cut_short(x: Tensor) -> Tensor:
    return torch.relu(x).detach() + 1e-4 * torch.relu(x)


class Repeated(nn.Module):
    """A recurrence over 40 steps, of which the last is used."""

    def __init__(self, spectral: float) -> None:
        super().__init__()
        self.rnn = nn.RNN(WIDE, WIDE, batch_first=True)
        self.head = nn.Linear(WIDE, 4)
        with torch.no_grad():
            nn.init.orthogonal_(self.rnn.weight_hh_l0)
            self.rnn.weight_hh_l0 *= spectral
            self.rnn.weight_ih_l0 *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


class Looped(nn.Module):
    """The same recurrence, written by hand."""

    def __init__(self, spectral: float) -> None:
        super().__init__()
        self.enter, self.again = nn.Linear(WIDE, WIDE), nn.Linear(WIDE, WIDE, bias=False)
        self.head = nn.Linear(WIDE, 4)
        with torch.no_grad():
            nn.init.orthogonal_(self.again.weight)
            self.again.weight *= spectral
            self.enter.weight *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), WIDE)
        for step in x.unbind(1):
            state = torch.tanh(self.enter(step) + self.again(state))
        return self.head(state)


class Asleep(nn.Module):
    """Batch normalizations that run in evaluation mode, or not."""

    def __init__(self, *, asleep: bool) -> None:
        super().__init__()
        blocks = [(nn.Linear(WIDE, WIDE), nn.BatchNorm1d(WIDE), nn.ReLU()) for _ in range(8)]
        self.body = nn.Sequential(*(part for block in blocks for part in block))
        self.head = nn.Linear(WIDE, 4)
        self.asleep = asleep
        for layer, _, _ in blocks:
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.body:
            if isinstance(part, nn.BatchNorm1d) and self.asleep:
                part.eval()
        return self.head(self.body(x))


class Attending(nn.Module):
    """Attention whose scores are large, or not; its queries and keys starve where they are."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDE, WIDE) for _ in range(3))
        self.head, self.factor = nn.Linear(WIDE, 4), factor

    def forward(self, x: Tensor) -> Tensor:
        scores = self.query(x) @ self.key(x).mT * self.factor
        return self.head((torch.softmax(scores, -1) @ self.value(x)).mean(1))


@cache
def made(
    model: Callable[[], nn.Module],
    *,
    shape: tuple[int, ...] = (WIDE,),
    offset: float = 0.0,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
) -> list[Pass]:
    """Return the passes of a training before its first update."""
    chance = torch.Generator().manual_seed(1)
    inputs = offset + torch.randn(64, *shape, generator=chance)
    labels = torch.randint(0, 4, (64,), generator=chance)
    target = Target.of(
        model=model,
        data=torch.utils.data.TensorDataset(inputs, labels),
        loss=loss,
        optimizer=lambda m: torch.optim.SGD(m.parameters(), 1e-6),
        batch_size=32,
    )
    training = target.build()
    subject = subject_of(target, training)
    trace = observe(training, 2)
    with subject.at("start"):
        return list(passes(subject, trace, Moment.START, budget=20.0))


def share(found: list[Pass], name: str) -> float:
    """Return what the intervention restores alone, 0 where it changes nothing."""
    return max((restored(found[0], p) for p in found if p.names == (name,)), default=0.0)


def squared(outputs: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.mse_loss(outputs, nn.functional.one_hot(labels, 4).float())


def sound() -> nn.Module:
    return Plain(2)


def small() -> nn.Module:
    return Plain(gain=0.1)


def scaled_down() -> nn.Module:
    return Plain(between=halved)


def cut() -> nn.Module:
    return Plain(4, between=cut_short)


SEQUENCE = {"shape": (40, WIDE)}
POSITIONS = {"shape": (6, WIDE)}
SQUARED = {"loss": squared}
TWINS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], dict]] = {
    "slopes of bounded nonlinearities": (lambda: Plain(between=torch.sigmoid), small, {}),
    "slopes of one-sided nonlinearities": (
        lambda: Plain(between=nn.functional.gelu, depth=30, gain=0.7**0.5),
        small,
        {},
    ),
    "scale of the weights": (small, cut, {}),
    "constant factors": (scaled_down, small, {}),
    "softmax between layers": (
        lambda: Plain(4, between=lambda x: torch.softmax(x, -1)),
        small,
        {},
    ),
    "scale of the outputs": (lambda: Plain(2, head=500.0), sound, {}),
    "output operation": (
        lambda: Plain(2, after=lambda x: torch.sigmoid(x - 20)),
        lambda: Plain(2, after=torch.sigmoid),
        SQUARED,
    ),
    "cut edges": (cut, small, {}),
    "batch statistics": (lambda: Asleep(asleep=True), lambda: Asleep(asleep=False), {}),
    "orthogonal recurrence": (lambda: Repeated(0.3), lambda: Repeated(1.0), SEQUENCE),
    "skip connections": (lambda: Plain(40, gain=0.6), sound, {}),
    "standardized layers": (small, sound, {}),
    "open gates": (lambda: Plain(16, between=gated), lambda: Plain(between=torch.sigmoid), {}),
    "scale of the scores of attention": (
        lambda: Attending(1e5),
        lambda: Attending(0.05),
        POSITIONS,
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_what_was_lost_comes_back_when_its_reason_is_taken_away(name: str) -> None:
    sick, _, data = TWINS[name]
    assert share(made(sick, **data), name) > 0.6


@pytest.mark.parametrize("name", TWINS)
def test_nothing_comes_back_where_something_else_is_the_reason(name: str) -> None:
    _, other, data = TWINS[name]
    assert share(made(other, **data), name) < 0.4


def test_inputs_out_of_range_are_told_from_weights_that_are() -> None:
    assert (
        share(made(lambda: Plain(2, between=torch.tanh), offset=1e3), "standardized inputs") > 0.9
    )
    assert share(made(lambda: Plain(between=torch.sigmoid)), "standardized inputs") < 0.1


def test_a_recurrence_written_by_hand_is_read_along_time() -> None:
    sick = made(lambda: Looped(0.3), **SEQUENCE)
    assert sick[0].over_time > 5
    assert share(sick, "orthogonal recurrence") > 0.6
    assert made(lambda: Looped(1.0), **SEQUENCE)[0].over_time < 2


def test_two_reasons_are_found_as_a_pair() -> None:
    found = made(lambda: Plain(between=lambda x: 0.05 * torch.sigmoid(x)))
    alone = max(restored(found[0], p) for p in found[1:] if len(p.names) == 1)
    pairs = [p for p in found if len(p.names) == 2]
    assert not pairs or max(restored(found[0], p) for p in pairs) >= alone


@dataclass
class Given:
    """A model, and a batch with its loss; nothing around a pass puts anything back."""

    model: nn.Module
    batches: list[tuple[Tensor, Tensor]]
    device = torch.device("cpu")

    def total(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])


class Counting(Plain):
    """Has everything that a pass may move: statistics, dropout; and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fails = nn.BatchNorm1d(WIDE), False

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(super().forward(self.norm(x)), 0.5, self.training)
        if self.fails:
            raise ValueError("of the user")
        return x


def traced() -> tuple[Given, Trace]:
    torch.manual_seed(0)
    inputs, labels = torch.randn(32, WIDE), torch.randint(0, 4, (32,))
    data = torch.utils.data.TensorDataset(inputs, labels)
    trace = observe(Target.of(model=Counting, data=data, loss=nn.CrossEntropyLoss()).build(), 2)
    return Given(Counting(), [(inputs, labels)]), trace


@pytest.mark.parametrize("fails", [False, True])
def test_passes_leave_no_trace(fails: bool) -> None:
    given, trace = traced()
    model = given.model
    given.total(given.batches[0]).backward()
    model.eval()
    model.layers[0].train()
    model.fails = fails

    def everything() -> list[object]:
        state = [v.clone() for v in model.state_dict().values()]
        slopes = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
        modes = [m.training for m in model.modules()]
        asked = [p.requires_grad for p in model.parameters()]
        return [*state, *slopes, hooks, modes, asked, torch.get_rng_state()]

    before = everything()
    if fails:
        with pytest.raises(ValueError, match="of the user"):
            passes(given, trace, Moment.LATE, budget=20.0)
    else:
        assert len(passes(given, trace, Moment.LATE, budget=20.0)) > 3
    for old, new in zip(before, everything(), strict=True):
        assert torch.equal(old, new) if isinstance(old, Tensor) else old == new


def test_the_same_step_gives_the_same_passes() -> None:
    given, trace = traced()
    first, second = (passes(given, trace, Moment.LATE, budget=20.0) for _ in range(2))
    assert [(p.names, p.lost, p.weak) for p in first] == [(p.names, p.lost, p.weak) for p in second]


def test_without_time_only_the_unchanged_pass_is_made() -> None:
    given, trace = traced()
    assert len(passes(given, trace, Moment.START, budget=0.0)) == 1


def test_a_gradient_that_overflows_in_the_lowest_layer_is_no_loss_of_it() -> None:
    network = Plain(8)

    def huge(x: Tensor) -> Tensor:
        calls.append(x.register_hook(lambda g: 1e25 * g) if len(calls) % 8 == 0 else None)
        return x.tanh()

    calls: list[object] = []
    network.between = huge
    found = made(lambda: network)
    assert not found[0].finite
    assert found[0].lost <= 0
