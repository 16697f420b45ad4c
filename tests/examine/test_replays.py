"""The run from its start with one thing changed."""

import math
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_cli.examine import examine
from gradcheck_cli.examine.against_constant import Reference, against_constant, measured
from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.constants import Constant
from gradcheck_cli.examine.freed import scaled_rates
from gradcheck_cli.examine.replays import _pairs, replays, told
from gradcheck_cli.examine.subject import Only
from gradcheck_cli.examine.variant import Variant, share_of
from gradcheck_cli.examine.variants import adaptive, variants
from gradcheck_cli.records.examination import Answer, Outcome
from tests.examine.loops import reported
from tests.support.trainings import blobs, line, network, sgd, trained


def asked(*experiments: Any, steps: int = 20, **parts: Any) -> dict[str, Answer]:
    """Train and ask, the best constant first."""
    subject, trace = trained(steps, **parts)
    together = (against_constant, *experiments)
    return {a.name: a for a in examine(subject, trace, experiments=together)}


def test_a_loss_is_beside_the_constants_in_percent_only_where_that_says_something() -> None:
    def beside(level: float, least: float | None, share: float) -> str:
        return Reference(Constant([level], None), [1.0], [1.0], least, [1.0]).beside(share)

    assert beside(2.0, 0.0, 0.5) == "50 % below"
    assert beside(2.0, None, -0.25) == "25 % above"
    assert beside(2.0, None, 8e-8) == "as high as"
    assert beside(2.0, 1.5, 0.5) == "0.25 below", "the half of what can be gained"
    assert beside(1e-3, 0.0, -12.74) == "0.0127 above"


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((1.0, -3.0), ["to 0.02 below the best", "to 0.06 above it"]),
        ((1.0, -0.5), ["to 100 % below the best", "to 50 % above it"]),
        ((1.0, -math.inf), ["to 100 % below the best", "to no number, not below it"]),
    ],
)
def test_two_losses_in_one_sentence_have_one_unit(
    shares: tuple[float, float], words: list[str]
) -> None:
    reference = Reference(Constant([0.02], None), [1.0], [1.0], 0.0, [1.0])
    said = told(reference, Variant("rate-lower", "with a tenth"), (*shares, 0.12), 60).said
    assert all(part in said for part in words), said


def test_a_last_batch_that_is_smaller_and_holds_one_label() -> None:
    x, labels = blobs(70, classes=2)
    data = x, torch.cat([labels[:-6], torch.zeros(6, dtype=torch.long)]).float()[:, None]
    loss = nn.functional.binary_cross_entropy_with_logits
    found = asked(steps=6, model=lambda: network(6, 1), data=data, loss=loss)
    assert found["against-constant"].measured is not None


class ThrownUp(torch.optim.SGD):
    """Learns, and its 60th step goes astray."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        found = super().step(closure)
        self.taken += 1
        if self.taken == 60 and self.param_groups[0]["lr"] > 0.01:
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.mul_(-3)
        return found


def test_one_step_that_goes_astray_hides_no_cure() -> None:
    def slow(model: nn.Module) -> torch.optim.Optimizer:
        return ThrownUp(model.parameters(), lr=1e-3)

    subject, trace = trained(20, optimizer=slow)
    subject.optimizers[0].taken = 0  # type: ignore[attr-defined]
    reference = measured(subject, trace)
    batches = list(islice(subject.more(), 60))
    rate = Variant(edit=partial(scaled_rates, factor=100.0))
    assert share_of(subject, rate, batches, reference) > 0.5


def test_a_rate_that_ends_in_infinity_and_one_at_which_the_loss_falls() -> None:
    def far(model: nn.Module) -> nn.Module:
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 2)
        return model

    found = asked(
        replays,
        model=lambda: far(network(3, 1)),
        data=line(),
        loss="mse_loss",
        optimizer=sgd(3.0),
    )
    assert found["rate-lower"].outcome is Outcome.WRONG
    assert found["rate-lower"].supports == ("learning-rate-too-high",)


def test_opposite_changes_are_no_pair() -> None:
    found = asked(replays, data=(blobs()[0], torch.randint(4, (256,))), optimizer=sgd(1e-4))
    both = found.get("two-changes")
    assert both is None or both.said.count("the learning rate") < 2


class Similar(nn.Module):
    """Scores are similarities in -1 .. 1, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.body, self.kinds, self.factor = network(6, 8), nn.Linear(8, 4, bias=False), factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores of each class."""
        x, kinds = (nn.functional.normalize(v, dim=1) for v in (self.body(x), self.kinds.weight))
        return self.factor * x @ kinds.T


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_scores_that_no_weights_make_large(factor: float) -> None:
    found = asked(replays, model=lambda: Similar(factor), optimizer=sgd(0.01))
    small = found.get("larger-scores")
    assert (small and small.supports) == (("constant-factor",) if factor < 1 else None)


class Paired(nn.Module):
    """Two views of the same samples, each in a network of its own, as vectors of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = network(6, 8), network(6, 8)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both."""
        one, other = self.one(x), self.other(y)
        return nn.functional.normalize(one, dim=1), nn.functional.normalize(other, dim=1)


@pytest.mark.heavy
@pytest.mark.parametrize("temperature", [5.0, 50.0, 0.1])
def test_similarities_of_two_outputs_are_asked_for_their_temperature(temperature: float) -> None:
    torch.manual_seed(0)
    model, turned = Paired(), torch.randn(6, 6)

    def loss() -> torch.Tensor:
        x = torch.randn(32, 6)
        one, other = model(x, x @ turned)
        scores, same = one @ other.T / temperature, torch.arange(len(x))
        costs = [nn.functional.cross_entropy(s, same) for s in (scores, scores.T)]
        return sum(costs, torch.zeros(()))

    names = [cause.name for cause in reported(model, loss, steps=40).causes]
    assert names[:1] == (["constant-factor"] if temperature > 1 else [])


def test_that_no_weights_make_scores_large_leads_a_pair() -> None:
    rate = Variant("rate-higher", "a rate", ("learning-rate-too-low",))
    large = Variant("larger-scores", "scores", ("constant-factor",))
    both = next(_pairs([(0.2, rate), (0.1, large)]))
    assert both.supports == ("constant-factor", "learning-rate-too-low")


class Steep(nn.Module):
    """One of two inputs is enlarged, so that one rate is too high for it and too low for the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        nn.init.zeros_(self.layer.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Enlarge the first input."""
        return self.layer(x * torch.tensor([60.0, 1.0]))


@pytest.mark.parametrize("shuffled", [False, True])
def test_an_adaptive_optimizer_is_tried_before_labels_are_blamed(shuffled: bool) -> None:
    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    y = x[torch.arange(256) - (7 if shuffled else 0), 1:]
    found = asked(replays, model=Steep, data=(x, y), loss="mse_loss", optimizer=sgd(2e-4))
    learned = () if shuffled else ("learning-rate-too-low",)
    assert found["adaptive-steps"].supports == learned


def bent(start: float) -> nn.Module:
    """Three hidden layers, whose weights begin at `start` of their usual size."""
    layers = [part for _ in range(3) for part in (nn.Linear(16, 16), nn.Tanh())]
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), *layers, nn.Linear(16, 4))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(start)
    return model


@pytest.mark.parametrize(
    ("start", "size", "rate", "causes"),
    [
        (1.0, 1.0, 30.0, {("learning-rate-too-high",)}),
        (1.0, 1.0, 1e-6, {("learning-rate-too-low",)}),
        (0.05, 1.0, 0.1, {()}),
        (1.0, 200.0, 1e-6, {()}),
    ],
)
def test_an_adaptive_optimizer_speaks_for_a_wrong_rate_by_the_steps_that_were_taken(
    start: float, size: float, rate: float, causes: set[tuple[str, ...]]
) -> None:
    x, labels = blobs()
    data = size * x, labels
    subject, trace = trained(10, model=lambda: bent(start), data=data, optimizer=sgd(rate))
    assert {v.supports for v in adaptive(Scene(subject, trace, 0.0))} == causes


def test_a_run_whose_second_step_is_no_number_took_too_large_a_first_one() -> None:
    parts: dict[str, Any] = {"model": lambda: network(3, 1), "data": line(), "loss": "mse_loss"}
    subject, trace = trained(4, **parts, optimizer=sgd(1e12))
    assert {v.supports for v in adaptive(Scene(subject, trace, 0.0))} == {
        ("learning-rate-too-high",)
    }


@pytest.mark.parametrize(
    ("left", "cause"), [(1e-3, "clipping-too-strong"), (0.5, "learning-rate-too-low")]
)
def test_what_learns_unclipped_was_clipped_too_much(left: float, cause: str) -> None:
    subject, trace = trained(3, optimizer=sgd(0.1))
    steps = tuple(replace(step, clip=left) for step in trace.steps)
    found = [v.supports for v in adaptive(Scene(subject, replace(trace, steps=steps), 0.0))]
    assert set(found) == {(cause,)}


@pytest.mark.parametrize(("rate", "first"), [(1e-6, 100.0), (0.1, 0.1)])
def test_where_steps_are_tiny_larger_rates_are_tried_first(rate: float, first: float) -> None:
    subject, trace = trained(12, optimizer=sgd(rate))
    tried = next(v for v in variants(Scene(subject, trace, 0.0)) if v.name.startswith("rate"))
    assert tried.words == f"with {first:g} times the learning rate"


@pytest.mark.parametrize("size", [1e-6, 1.0])
def test_targets_so_small_that_steps_cannot_tell_them_apart(size: float) -> None:
    """Sixty steps bring standardized ones to a constant at least, and the others stay far above theirs."""
    x, y = line()
    found = asked(
        replays,
        model=lambda: network(3, 1),
        data=(x, size * y),
        loss="mse_loss",
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=1e-3),
    )
    changed = found.get("standardized-targets")
    assert (changed and changed.supports) == (("target-scale",) if size < 1 else None)


def test_the_only_number_of_a_target_has_a_spread_without_a_warning() -> None:
    model, loss = partial(network, 3, 1), nn.MSELoss()
    subject, trace = trained(12, model=model, data=line(), loss=loss)
    single = [tuple(part[:1] for part in subject.batches[0])]
    alone = Scene(Only(subject, single), trace, 0.0)
    assert any(v.name.startswith("rate") for v in variants(alone))
