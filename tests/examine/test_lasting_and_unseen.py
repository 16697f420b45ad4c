"""Runs that lose what they learned, learn by heart, or are held back; and their healthy twins."""

import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.concluding import headline, verdict
from gradcheck_cli.examine import examine
from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.attention_scores import attention_scores
from gradcheck_cli.examine.base import Budget, Clocked
from gradcheck_cli.examine.battery import SECONDS, STEPS, Depth
from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.examine.lasting import lasting
from gradcheck_cli.examine.longer import longer
from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from gradcheck_cli.examine.replays import replays
from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.examine.sees_target import sees_target
from gradcheck_cli.examine.subject import OutOfTimeError
from gradcheck_cli.examine.unseen_data import unseen_data
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.rules.engine import judge
from tests.examine.loops import reported
from tests.support.trainings import blobs, network, sgd, silent, trained


def asked(*experiments: Any, steps: int = 40, **parts: Any) -> dict[str, Answer]:
    """Train and ask, the best constant first."""
    subject, trace = trained(steps, **parts)
    together = (against_constant, *experiments)
    return {a.name: a for a in examine(subject, trace, experiments=together)}


class Growing(torch.optim.SGD):
    """Its steps grow, as those on the edge of stability do; some of them until an end."""

    first, end = 60, 10**9  # steps

    def step(self, closure: Any = None) -> Any:
        found = super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                count = self.state[p].get("count", 0) + 1
                self.state[p]["count"] = count
                if self.first < count <= self.end:
                    p.data.mul_(1 - group["lr"]).add_(group["lr"] * torch.randn_like(p))
        return found


@pytest.mark.heavy
def test_a_run_that_loses_what_it_has_learned() -> None:
    def collapsing(m: nn.Module) -> torch.optim.Optimizer:
        return Growing(m.parameters(), lr=0.3)

    found = asked(lasting, optimizer=collapsing)["lasting"]
    assert found.outcome is Outcome.WRONG
    assert asked(lasting, optimizer=sgd(0.3))["lasting"].outcome is Outcome.FINE


class Passing(Growing):
    first, end = 200, 330


@pytest.mark.heavy
def test_a_rise_that_passes_again_is_no_loss() -> None:
    """It lies above its best when the first extension ends, and comes back in the next."""
    for optimizer, expected in ((Passing, Outcome.FINE), (Growing, Outcome.WRONG)):
        found = asked(lasting, optimizer=lambda m, of=optimizer: of(m.parameters(), lr=0.3))
        assert found["lasting"].outcome is expected, found["lasting"].said


@pytest.mark.heavy
def test_inputs_of_an_unusual_size_are_the_reason_where_usual_ones_bear_the_rate() -> None:
    def steep(m: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(m.parameters(), lr=1.0, momentum=0.9)

    def bounded() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))

    points, labels = blobs()
    lost = 0  # which of these runs lose what they have learned is chance, and another on every processor
    for size in (20, 30, 50, 100, 150, 200):
        parts: dict[str, Any] = {"model": bounded, "optimizer": steep}
        parts["data"] = (size * points, labels)
        found = asked(input_scales, lasting, **parts)["lasting"]
        if found.outcome is Outcome.WRONG:
            lost += 1
            assert found.supports == ("unnormalized-input",)
            assert asked(lasting, **parts)["lasting"].supports == ("learning-rate-too-high",)
    assert lost


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [0, 2])
def test_batches_that_were_learned_by_heart_and_are_forgotten_again_are_no_loss(seed: int) -> None:
    """Half of the labels are chance: what batches say beyond the others of their kind does not last."""
    torch.manual_seed(seed)
    centers, kinds = torch.randn(8, 24), torch.randint(8, (4000,))
    x = centers[kinds] + 1.2 * torch.randn(4000, 24)
    labels = torch.where(torch.rand(4000) < 0.45, torch.randint(8, (4000,)), kinds)
    model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 8))
    order = iter(torch.randperm(4000).split(64))

    def loss() -> Tensor:
        rows = next(order)
        return functional.cross_entropy(model(x[rows]), labels[rows], label_smoothing=0.1)

    def make(m: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(m.parameters(), lr=1e-2, weight_decay=0.05)

    report = reported(model, loss, steps=60, make=make)
    assert report.verdict is Verdict.HEALTHY


def test_what_has_learned_nothing_has_nothing_to_lose() -> None:
    found = asked(lasting, model=silent, optimizer=sgd(1e-6), steps=10)["lasting"]
    assert found.outcome is Outcome.SKIPPED


def shuffled() -> tuple[Tensor, Tensor]:
    """Labels that belong to other points."""
    points, labels = blobs()
    return points, labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(7))]


def wide() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 256), nn.ReLU(), nn.Linear(256, 4))


def adam(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=0.02)


@pytest.mark.heavy
def test_labels_that_can_only_be_learned_by_heart() -> None:
    parts: dict[str, Any] = {"model": wide, "optimizer": adam, "steps": 120}
    found = asked(unseen_data, data=shuffled(), **parts)["unseen-data"]
    assert found.outcome is Outcome.WRONG
    assert found.supports == ("labels-without-signal",)
    assert asked(unseen_data, data=blobs(), **parts)["unseen-data"].outcome is Outcome.FINE


def words(seed: int, *, told: bool) -> tuple[Tensor, Tensor]:
    """Return 320 short texts of eight words and the words that come next, which half the time are told by the last."""
    chance = torch.Generator().manual_seed(seed)
    text = torch.randint(8, (320, 13), generator=chance)
    for i in range(1, 13):
        follows = torch.rand(320, generator=chance) < 0.5
        text[:, i] = torch.where(follows & told, (text[:, i - 1] * 3 + 1) % 8, text[:, i])
    return text[:, :-1], text[:, 1:]


@pytest.mark.parametrize("told", [True, False])
def test_each_word_of_a_text_that_is_left_out_tells_of_chance(told: bool) -> None:
    """A few texts are left out; what they cost is known from all their words."""

    def loss(output: Tensor, following: Tensor) -> Tensor:
        return functional.cross_entropy(output.flatten(0, 1), following.flatten())

    def model() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Embedding(8, 32), nn.Linear(32, 8))

    parts: dict[str, Any] = {"model": model, "loss": loss, "optimizer": sgd(0.01)}
    found = asked(longer, unseen_data, steps=30, data=words(0, told=told), **parts)
    assert found["against-constant"].outcome is not Outcome.FINE
    assert (found["longer"].outcome is Outcome.FINE) is told
    if told:
        assert found["unseen-data"].outcome is Outcome.FINE, found["unseen-data"].said


@pytest.mark.heavy
def test_samples_that_are_put_into_their_class_are_not_learned_by_heart() -> None:
    points, labels = blobs()
    doubted = torch.rand(len(labels), generator=torch.Generator().manual_seed(3)) < 0.1
    # Inputs of this size make it too sure of those that it has wrong.
    data = (10 * points, torch.where(doubted, shuffled()[1], labels))
    found = asked(unseen_data, model=wide, optimizer=adam, steps=120, data=data)["unseen-data"]
    assert found.measured is not None
    assert found.measured < 0
    assert found.outcome is Outcome.NOTED
    assert "put into their class" in found.said


class Penalized(nn.Module):
    """Its loss holds a penalty that grows while it learns, as the divergence of a variational model does."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(6, 4)
        nn.init.zeros_(self.scores.weight)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.scores(points), 0.5 * self.scores.weight.abs().mean()


def test_a_penalty_that_grows_is_paid_by_the_constant_too() -> None:
    def loss(output: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        return functional.cross_entropy(2 * output[0], labels) + 3 * output[1]

    parts: dict[str, Any] = {"model": Penalized, "optimizer": adam, "loss": loss}
    found = asked(unseen_data, data=blobs(), steps=120, **parts)
    assert found["against-constant"].outcome is Outcome.FINE
    assert found["unseen-data"].measured == pytest.approx(
        found["against-constant"].measured, abs=15
    )


@pytest.mark.heavy
@pytest.mark.parametrize("paired", [True, False])
def test_what_is_learned_after_many_passes_has_to_hold_for_others(paired: bool) -> None:
    """Within the time of a quick look: rows of the targets that were moved on are learned by heart, slowly."""
    torch.manual_seed(1)
    x = torch.randn(800, 10)
    y = (x[:, 0] * x[:, 1] + x[:, 2]) / 1.4
    y = y if paired else y.roll(7)
    layers = nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
    model = nn.Sequential(*layers, nn.Flatten(0))
    rows = iter([i for _ in range(20) for i in torch.randperm(800).split(32)])

    def loss() -> Tensor:
        i = next(rows)
        return functional.mse_loss(model(x[i]), y[i])

    told = reported(model, loss, steps=300, depth="quick")
    found = next(a for a in told.examination if a.name == "unseen-data")
    assert (told.verdict is Verdict.HEALTHY) is paired, found


def test_what_was_learned_late_is_open_where_no_time_was_left_to_see_whether_it_holds() -> None:
    later = Answer(
        name="longer", question="later?", outcome=Outcome.FINE, said="150 steps later it is"
    )
    unseen = Answer(
        name="unseen-data", question="others?", outcome=Outcome.SKIPPED, unfinished=True
    )
    against = Answer(name="against-constant", question="now?", outcome=Outcome.NOTED)
    trace = trained(40)[1]
    for answers, expected in (
        ((against, later), Verdict.HEALTHY),
        ((against, later, unseen), Verdict.UNSURE),
        ((replace(against, outcome=Outcome.FINE), unseen), Verdict.HEALTHY),
    ):
        asked_so = replace(trace, examination=answers)
        found = verdict(asked_so, judge(asked_so))
        assert found is expected
        said = headline(asked_so, found, (), ())
        assert ("--examine full" in said) is (expected is Verdict.UNSURE)


def test_samples_that_were_seen_once_are_new() -> None:
    assert asked(unseen_data, steps=6)["unseen-data"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (functional.nll_loss, ("loss-without-bound",)),
        (nn.CrossEntropyLoss(label_smoothing=0.99), ("flipped-loss",)),
        (nn.CrossEntropyLoss(label_smoothing=0.3), ()),
        (lambda o, t: functional.nll_loss(o.log_softmax(1), t), ()),
    ],
)
def test_losses_that_do_not_ask_for_the_right_class(loss: Any, expected: tuple[str, ...]) -> None:
    found = asked(loss_prefers_right, loss=loss)["loss-prefers-right"]
    assert found.supports == expected
    assert found.outcome is (Outcome.WRONG if expected else Outcome.FINE)


class AlongTime(nn.Module):
    """Reads three steps of two values; the first dimension is the sample's, or taken for time."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.cell = nn.LSTM(2, 16, batch_first=batch_first)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x.unflatten(1, (3, 2)))[0][:, -1])


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_recurrence_that_runs_along_the_batch(batch_first: bool) -> None:
    found = asked(samples_in_model, model=lambda: AlongTime(batch_first=batch_first), steps=4)
    assert found["samples-in-model"].outcome is (Outcome.FINE if batch_first else Outcome.WRONG)


class Routed(nn.Module):
    """Each of two experts takes the three fourths of a batch that it wants most (Zhou et al. 2022)."""

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.first, self.gate = nn.Linear(6, 16), nn.Linear(16, 2)
        self.experts = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))
        self.head, self.mixes = nn.Linear(16, 4), mixes

    def forward(self, x: Tensor) -> Tensor:
        found = x = self.first(x).relu()
        for expert, wanted in zip(self.experts, self.gate(x).softmax(1).T, strict=True):
            taken = wanted.topk(3 * len(x) // 4).indices
            found = found.index_add(0, taken, wanted[taken, None] * expert(x[taken]))
        if self.mixes:
            found = found - found.mean(0)
        return self.head(found)


@pytest.mark.parametrize("mixes", [False, True])
def test_routing_that_displaces_a_few_samples_is_meant(mixes: bool) -> None:
    found = asked(samples_in_model, model=lambda: Routed(mixes=mixes), optimizer=adam, steps=60)
    answer = found["samples-in-model"]
    assert answer.measured is None or answer.measured > answer.limit  # type: ignore[operator]
    assert (answer.outcome is Outcome.WRONG) is mixes


def dropping(rate: float) -> Any:
    return lambda: nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Dropout(rate), nn.Linear(16, 16), nn.ReLU(),
        nn.Dropout(rate), nn.Linear(16, 4),
    )  # fmt: skip


@pytest.mark.heavy
def test_a_run_that_dropout_holds_back_learns_without() -> None:
    found = asked(longer, replays, model=dropping(0.95), optimizer=sgd(0.1), steps=12)
    assert found["without-dropout"].outcome is Outcome.WRONG
    assert found["without-dropout"].supports == ("dropout-too-strong",)
    assert "without-dropout" not in asked(longer, replays, model=dropping(0.1))


def ones() -> nn.Module:
    model = nn.Sequential(
        nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)
    )
    for at in (0, 2, 4):
        nn.init.constant_(model[at].weight, 0.0001)
    return model


@pytest.mark.heavy
def test_constant_weights_are_told_by_drawing_them_anew() -> None:
    found = asked(longer, replays, model=ones, optimizer=sgd(0.03), steps=12)
    assert "symmetric-init" in found["redrawn-weights"].supports


class Attending(nn.Module):
    """Attention over six tokens of one value; its scores are divided, or not."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.token, self.factor = nn.Linear(1, 64), factor
        self.place = nn.Parameter(torch.randn(6, 64))
        self.query, self.key, self.value = (nn.Linear(64, 64) for _ in range(3))
        self.head = nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.token(x[..., None]) + self.place
        scores = self.query(x) @ self.key(x).mT * self.factor
        return self.head((scores.softmax(-1) @ self.value(x)).mean(1))


def test_scores_of_attention_are_measured() -> None:
    small = asked(attention_scores, model=lambda: Attending(1 / 8), steps=4)["attention-scores"]
    assert small.outcome is Outcome.FINE
    large = asked(attention_scores, model=lambda: Attending(30.0), optimizer=adam, steps=4)
    assert large["attention-scores"].measured > 10 * small.measured  # type: ignore[operator]
    assert asked(attention_scores, steps=4)["attention-scores"].outcome is Outcome.SKIPPED


def test_no_time_is_no_answer() -> None:
    subject, trace = trained(12, model=network)
    clocked: Any = Clocked(subject, Budget(0.0, subject.device))
    assert clocked.inputs(subject.batches[0])
    with pytest.raises(OutOfTimeError):
        clocked.step(subject.batches[0])
    assert trace.taken == 12


@pytest.mark.parametrize(
    ("device", "work", "wall", "left"),
    [
        ("cpu", 2.0, 9.0, 8.0),  # other programs had the processors for seven seconds
        ("cpu", 2.0, 38.0, 2.0),
        ("cpu", 11.0, 11.0, -1.0),
        ("meta", 2.0, 9.0, 1.0),  # the work is done elsewhere
    ],
)
def test_a_budget_counts_work(
    device: str, work: float, wall: float, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"thread_time": 5.0, "monotonic": 7.0}
    monkeypatch.setattr(time, "thread_time", lambda: now["thread_time"])
    monkeypatch.setattr(time, "monotonic", lambda: now["monotonic"])
    budget = Budget(10.0, torch.device(device))
    now = {"thread_time": 5.0 + work, "monotonic": 7.0 + wall}
    assert budget.left == left


def test_what_no_time_was_left_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, trace = trained(40)
    monkeypatch.setitem(SECONDS, Depth.FULL, 0.0)
    monkeypatch.setitem(STEPS, Depth.FULL, 0)
    told = examine(subject, trace, experiments=(against_constant, lasting))
    assert all(a.outcome is Outcome.SKIPPED and a.unfinished for a in told)
    said = headline(replace(trace, examination=told), Verdict.HEALTHY, (), ())
    assert said.endswith("no time was left to finish: against-constant, lasting.")
    whole = replace(trace, examination=tuple(replace(a, unfinished=False) for a in told))
    assert "no time" not in headline(whole, Verdict.HEALTHY, (), ())


class Noisy(nn.Module):
    """Draws noise in every pass, as a variational autoencoder does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.last(x + torch.randn_like(x))


def test_noise_is_no_mixing_of_samples() -> None:
    assert asked(samples_in_model, model=Noisy, steps=4)["samples-in-model"].outcome is Outcome.FINE


class Predicting(nn.Module):
    """Predicts the next of eight tokens; classes come before positions. It looks ahead, or not."""

    def __init__(self, *, ahead: bool) -> None:
        super().__init__()
        self.embed, self.head, self.ahead = nn.Embedding(7, 8), nn.Linear(8, 7), ahead

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        seen = x.mean(1, keepdim=True).expand_as(x) if self.ahead else x.cumsum(1)
        return self.head(seen).transpose(1, 2)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_position_that_looks_ahead_where_classes_come_first(ahead: bool) -> None:
    tokens = torch.randint(0, 7, (64, 9), generator=torch.Generator().manual_seed(0))
    data, model = (tokens[:, :-1], tokens[:, 1:]), lambda: Predicting(ahead=ahead)
    found = asked(sees_target, data=data, model=model, steps=4)["sees-target"]
    assert found.outcome is (Outcome.WRONG if ahead else Outcome.FINE)


def test_the_size_of_the_loss_of_recorded_choices_is_not_asked() -> None:
    torch.manual_seed(1)
    policy = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))

    def loss() -> Tensor:
        x = torch.randn(32, 6)
        choices = torch.distributions.Categorical(logits=policy(x))
        taken = choices.sample()
        paid = (taken == x[:, :4].argmax(1)).float()
        return -(choices.log_prob(taken) * (paid - paid.mean())).mean()

    report = reported(policy, loss, steps=40)
    asked = {a.name: a.outcome for a in report.examination}
    assert asked["against-constant"] is Outcome.SKIPPED
    assert asked["lasting"] is Outcome.SKIPPED
    assert report.verdict is Verdict.HEALTHY


@pytest.mark.heavy
@pytest.mark.parametrize(("share", "cause"), [(0.85, ["dropout-too-strong"]), (0.55, [])])
def test_what_is_kept_given_as_what_is_dropped_holds_a_run_back(
    share: float, cause: list[str]
) -> None:
    torch.manual_seed(0)
    drop = nn.Dropout(share)
    model = nn.Sequential(
        nn.Linear(8, 64), nn.GELU(), drop, nn.Linear(64, 64), nn.GELU(), drop, nn.Linear(64, 1)
    )

    def loss() -> Tensor:
        x = torch.randn(32, 8)
        return functional.mse_loss(model(x), (x[:, 0] * x[:, 1] + x[:, 2])[:, None])

    report = reported(model, loss, make=lambda m: torch.optim.Adam(m.parameters(), lr=3e-3))
    assert [c.name for c in report.causes[:1]] == cause


class Weighted(nn.Module):
    """Two errors, each times a weight that is trained along: its logarithm with a price, or as it is."""

    def __init__(self, *, priced: bool) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2))
        self.weights, self.priced = (
            nn.Parameter(torch.zeros(2) if priced else torch.ones(2)),
            priced,
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two outputs."""
        one, other = self.body(x).unbind(1)
        return one, other

    def loss(self, x: Tensor, *targets: Tensor) -> Tensor:
        """Return the weighted sum of their squared errors."""
        errors = torch.stack(
            [(z - y).square().mean() for z, y in zip(self(x), targets, strict=True)]
        )
        if self.priced:
            return (torch.exp(-self.weights) * errors + self.weights).sum()
        return (self.weights * errors).sum()


@pytest.mark.parametrize("priced", [False, True])
def test_trained_weights_of_errors_that_nothing_keeps_positive(priced: bool) -> None:
    model = Weighted(priced=priced)

    def loss() -> Tensor:
        x = torch.randn(64, 8)
        noise = torch.randn(2, 64)
        return model.loss(x, x[:, 0] + x[:, 1] + noise[0], x[:, 2] - x[:, 3] + noise[1])

    report = reported(model, loss)
    assert ("loss-without-bound" in [c.name for c in report.causes[:1]]) is not priced
    assert (report.verdict is Verdict.SICK) is not priced
