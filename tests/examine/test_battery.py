"""Each experiment with a training that it must catch and its healthy twin, which differs in one thing."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from gradcheck_cli.examine import examine
from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.attention_scores import attention_scores
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.examine.by_heart import by_heart
from gradcheck_cli.examine.constants import reads_targets
from gradcheck_cli.examine.cut_gradient import cut_gradient
from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.examine.longer import longer
from gradcheck_cli.examine.loss_domain import loss_domain
from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from gradcheck_cli.examine.modes_agree import modes_agree
from gradcheck_cli.examine.order_counts import order_counts
from gradcheck_cli.examine.padding_counts import padding_counts
from gradcheck_cli.examine.passes_over import paired
from gradcheck_cli.examine.pulls import pulls
from gradcheck_cli.examine.replays import replays
from gradcheck_cli.examine.samples_in_loss import samples_in_loss
from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.examine.sees_target import sees_target
from gradcheck_cli.examine.step_descends import step_descends
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Answer, Outcome
from tests.support.trainings import answers, blobs, line, network, sgd, silent, trained

Loss = Callable[[Tensor, Tensor], Tensor]


def asked(*experiments: Experiment, steps: int = 12, **parts: Any) -> dict[str, Answer]:
    """Train and ask, the best constant first, which others need."""
    subject, trace = trained(steps, **parts)
    together = (against_constant, *experiments)
    return {a.name: a for a in examine(subject, trace, experiments=together)}


def outcome(experiment: Experiment, **parts: Any) -> Outcome:
    """Return what one experiment says of a training."""
    return asked(experiment, **parts)[experiment.name].outcome


def negated(output: Tensor, target: Tensor) -> Tensor:
    """The sign is flipped."""
    return output.log_softmax(1).gather(1, target[:, None]).mean()


def by_hand(output: Tensor, target: Tensor) -> Tensor:
    """The same without the mistake."""
    return -negated(output, target)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (negated, Outcome.WRONG),
        (by_hand, Outcome.FINE),
        (nn.CrossEntropyLoss(label_smoothing=0.1), Outcome.FINE),
        (nn.MultiMarginLoss(), Outcome.FINE),
    ],
)
def test_a_loss_that_rewards_mistakes(loss: Loss, expected: Outcome) -> None:
    assert outcome(loss_prefers_right, loss=loss) is expected


def test_a_regression_whose_sign_is_flipped() -> None:
    parts: dict[str, Any] = {"data": line(), "model": lambda: network(3, 1)}
    assert (
        outcome(loss_prefers_right, loss=lambda o, t: -(o - t).abs().mean(), **parts)
        is Outcome.WRONG
    )
    for loss in ("mse_loss", "l1_loss", "huber_loss"):
        assert outcome(loss_prefers_right, loss=loss, **parts) is Outcome.FINE


def over_the_batch(output: Tensor, target: Tensor) -> Tensor:
    """The softmax runs over the wrong dimension."""
    return functional.nll_loss((output.softmax(0) + 1e-8).log(), target)


def over_the_classes(output: Tensor, target: Tensor) -> Tensor:
    """And over the right one."""
    return functional.nll_loss((output.softmax(1) + 1e-8).log(), target)


def supervised_contrast(output: Tensor, target: Tensor) -> Tensor:
    """Samples compete by design."""
    units = functional.normalize(output, dim=1)
    scores = units @ units.T / 0.5 - 1e9 * torch.eye(len(units))
    same = (target[:, None] == target) & ~torch.eye(len(units), dtype=torch.bool)
    return -(scores.log_softmax(1) * same).sum() / same.sum()


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (over_the_batch, Outcome.WRONG),
        (over_the_classes, Outcome.FINE),
        (supervised_contrast, Outcome.NOTED),
        (lambda o, t: functional.cross_entropy(o, t, reduction="sum"), Outcome.FINE),
    ],
)
def test_a_softmax_over_the_batch(loss: Loss, expected: Outcome) -> None:
    assert outcome(samples_in_loss, loss=loss) is expected


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("loss", "expected"), [(over_the_batch, Outcome.WRONG), (over_the_classes, Outcome.FINE)]
)
def test_a_softmax_over_the_batch_where_the_loss_is_flat_at_first_order(
    loss: Loss, expected: Outcome
) -> None:
    assert outcome(samples_in_loss, loss=loss, steps=300, data=blobs(32)) is expected


@pytest.mark.parametrize(("over", "expected"), [(0, Outcome.WRONG), (1, Outcome.FINE)])
def test_a_softmax_over_the_batch_with_rows_of_a_single_1(over: int, expected: Outcome) -> None:
    x, labels = blobs()
    data = x, functional.one_hot(labels, 4).float()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return -(target * output.log_softmax(over)).sum(1).mean()

    assert outcome(samples_in_loss, loss=loss, data=data) is expected


def of_probabilities(output: Tensor, target: Tensor) -> Tensor:
    """A cross-entropy written for probabilities."""
    return -output.clamp(1e-7, 1.0).gather(1, target[:, None]).log().mean()


def test_scores_in_a_loss_of_probabilities() -> None:
    found = asked(loss_domain, loss=of_probabilities, optimizer=sgd(0.01))["loss-domain"]
    assert found.outcome is Outcome.WRONG
    assert found.supports == ("output-outside-loss-domain", "after-softmax")
    healthy = asked(loss_domain, loss=of_probabilities, model=lambda: network(6, 4, nn.Softmax(1)))
    assert healthy["loss-domain"].outcome is Outcome.FINE


@pytest.mark.parametrize(
    "loss", ["cross_entropy", "multi_margin_loss", nn.CrossEntropyLoss(ignore_index=0)]
)
def test_losses_that_are_zero_or_ignored_at_some_samples_are_in_their_domain(loss: Any) -> None:
    assert outcome(loss_domain, loss=loss, steps=40) is Outcome.FINE


class Spoiled(nn.Module):
    """Gives no number for some or all samples, or logarithms of what may be zero."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.below, self.how = network(), how

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of classes."""
        scores = self.below(x)
        kinds = {"overflow": (1e30 * scores).square(), "logarithm": scores.relu().log()}
        return kinds.get(self.how, scores)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("gaps", Outcome.FINE), ("overflow", Outcome.SKIPPED), ("logarithm", Outcome.WRONG)],
)
def test_samples_that_are_no_numbers_before_the_loss_say_nothing_of_it(
    how: str, expected: Outcome
) -> None:
    x, labels = blobs()
    x[::5] = math.nan if how == "gaps" else x[::5]
    parts = {"model": partial(Spoiled, how), "data": (x, labels), "steps": 2}
    assert answers(only=loss_domain, **parts)["loss-domain"].outcome is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, 1])
def test_a_loss_that_reads_no_targets_prefers_none_of_them(share: int) -> None:
    x, y = line()
    x[: share * 9] = math.nan
    found = asked(
        loss_prefers_right, loss=lambda out, _: out.mean(), **of_lines(x, (y > -1).float())
    )
    assert found["loss-prefers-right"].outcome is Outcome.SKIPPED


def test_a_loss_that_is_no_number_at_outputs_that_are_reads_its_targets() -> None:
    subject, _ = trained(1, loss=lambda out, y: -out.log().gather(1, y[:, None]).mean())
    with subject.at("start"), torch.no_grad():
        assert reads_targets(subject, subject.outputs(subject.batches[0]))


def of_lines(x: Tensor, y: Tensor) -> dict[str, Any]:
    """A regression on these data."""
    return {"model": lambda: network(3, 1), "data": (x, y)}


def test_targets_with_gaps_say_nothing_of_the_loss() -> None:
    x, y = line()
    y[::3] = math.nan
    found = answers(only=loss_domain, loss="mse_loss", **of_lines(x, y))
    assert found["loss-domain"].outcome is Outcome.FINE


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        pytest.param(sgd(0.1, maximize=True), Outcome.WRONG, id="climbs"),
        pytest.param(sgd(0.1, momentum=0.9, nesterov=True), Outcome.FINE, id="nesterov"),
        pytest.param(sgd(0.1, weight_decay=10.0), Outcome.FINE, id="decay"),
        pytest.param(lambda m: torch.optim.Adam(m.parameters()), Outcome.FINE, id="adam"),
        pytest.param(lambda m: torch.optim.Rprop(m.parameters()), Outcome.FINE, id="rprop"),
    ],
)
def test_an_optimizer_that_climbs(optimizer: Any, expected: Outcome) -> None:
    assert outcome(step_descends, optimizer=optimizer, steps=2) is expected


class Turning(nn.Module):
    """Every call goes on from where the last one left its buffer, as one that fills a queue does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.register_buffer("turn", torch.ones(1))

    def forward(self, inputs: Tensor) -> Tensor:
        self.turn.neg_()
        return self.layer(inputs) * self.turn


def test_a_gradient_is_compared_with_the_step_from_the_same_state() -> None:
    assert (
        outcome(step_descends, data=line(), loss="mse_loss", model=Turning, steps=2) is Outcome.FINE
    )


class TwoHeads(nn.Module):
    """Classes and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.value, self.classes = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return both side by side."""
        x = self.body(x).relu()
        return torch.cat([self.value(x), self.classes(x)], 1)


@pytest.mark.parametrize(("enabled", "expected"), [(False, Outcome.WRONG), (True, Outcome.FINE)])
def test_a_term_of_the_loss_under_no_grad(enabled: bool, expected: Outcome) -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        with torch.set_grad_enabled(enabled):
            classes = functional.cross_entropy(output[:, 1:], target)
        return output[:, 0].square().mean() + classes

    assert outcome(cut_gradient, model=TwoHeads, loss=loss) is expected


class Silent(nn.Module):
    """A branch beside the way through it: its units never fire, or what it adds is detached."""

    def __init__(self, *, dead: bool) -> None:
        super().__init__()
        self.dead = dead
        self.body, self.inner, self.outer = nn.Linear(6, 8), nn.Linear(8, 256), nn.Linear(256, 8)
        self.head = nn.Linear(8, 4)
        if dead:
            nn.init.constant_(self.inner.bias, -12.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores."""
        x = self.body(x)
        branch = self.outer(self.inner(x).relu())
        scores: Tensor = self.head(x + (branch if self.dead else branch.detach()))
        return scores


@pytest.mark.parametrize(("dead", "expected"), [(True, Outcome.FINE), (False, Outcome.WRONG)])
def test_units_that_never_fire_are_no_cut(dead: bool, expected: Outcome) -> None:
    assert outcome(cut_gradient, model=lambda: Silent(dead=dead)) is expected


class Pinned(nn.Module):
    """Units that are flat for every sample, one of them only just; or what they would add is detached."""

    def __init__(self, *, flat: bool) -> None:
        super().__init__()
        self.flat, self.inner, self.head = flat, nn.Linear(6, 64), nn.Linear(64, 4)
        nn.init.zeros_(self.inner.weight)
        nn.init.constant_(self.inner.bias, 3.0)
        with torch.no_grad():
            self.inner.bias[0] = 1.02

    def forward(self, x: Tensor) -> Tensor:
        """Return scores."""
        inner = self.inner(x)
        scores: Tensor = self.head(functional.hardtanh(inner) if self.flat else inner.detach())
        return scores


@pytest.mark.parametrize(("flat", "expected"), [(True, Outcome.FINE), (False, Outcome.WRONG)])
def test_a_saturated_unit_that_wakes_up_is_no_cut(flat: bool, expected: Outcome) -> None:
    assert outcome(cut_gradient, model=lambda: Pinned(flat=flat)) is expected


class Reshaped(nn.Module):
    """Two halves of the features as a sequence, brought into the wrong or the right shape."""

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.mixes, self.first, self.last = mixes, nn.Linear(3, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the samples, or not."""
        parts = self.first(x.view(-1, 2, 3)).transpose(0, 1)  # [halves, samples, 4]
        parts = parts.reshape(len(x), 8) if self.mixes else parts.transpose(0, 1).flatten(1)
        return self.last(parts)


def test_a_view_that_mixes_samples() -> None:
    found = asked(samples_in_model, model=lambda: Reshaped(mixes=True))["samples-in-model"]
    assert found.outcome is Outcome.WRONG
    assert "mixed-samples" in found.supports
    assert outcome(samples_in_model, model=lambda: Reshaped(mixes=False)) is Outcome.FINE


class Neighbors(nn.Module):
    """Each sample takes a mean over the batch, weighted by how near or how alike the others are."""

    def __init__(self, near: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.near, self.first, self.last = near, nn.Linear(6, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean."""
        return self.last(self.near(x).softmax(1) @ self.first(x))


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        (lambda x: -torch.cdist(x, x), Outcome.NOTED),
        (lambda x: -(x[:, None] - x[None]).square().sum(2), Outcome.NOTED),
        (lambda x: x @ x.T, Outcome.WRONG),  # attention over samples in place of positions
        (lambda x: -(x[:, :1] - x[:, 0]).abs(), Outcome.WRONG),  # broadcast
    ],
    ids=["cdist", "differences", "products", "broadcast"],
)
def test_distances_between_all_samples_are_meant(
    near: Callable[[Tensor], Tensor], expected: Outcome
) -> None:
    assert outcome(samples_in_model, model=lambda: Neighbors(near)) is expected


def test_batch_normalization_and_dropout_do_not_mix_samples() -> None:
    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))

    assert outcome(samples_in_model, model=model) is Outcome.FINE


class Two(nn.Module):
    """Of two inputs, one may be forgotten."""

    def __init__(self, *, forgets: bool) -> None:
        super().__init__()
        self.forgets, self.one, self.other = forgets, nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        """Add both, or not."""
        return self.one(x) + (0 * self.other(side) if self.forgets else self.other(side))


@pytest.mark.parametrize(("forgets", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_an_input_that_is_forgotten(forgets: bool, expected: Outcome) -> None:
    x, y = blobs()
    found = asked(inputs_used, model=lambda: Two(forgets=forgets), data=(x, x.flip(1), y))
    assert found["inputs-used"].outcome is expected
    assert ("side" in found["inputs-used"].said) is forgets


class Pair(nn.Module):
    """Embed each of two inputs with the same layer, or the first one twice."""

    def __init__(self, *, twice: bool) -> None:
        super().__init__()
        self.twice, self.inner = twice, nn.Linear(6, 4)

    def forward(self, x: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """Return one output for each input."""
        return self.inner(x), self.inner(x + 0 * side if self.twice else side)


def apart(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
    """Return a loss that wants pairs of class 0 alike and others not."""
    gap = functional.pairwise_distance(*outputs, eps=1e-3)
    return torch.where(y == 0, gap, (1 - gap).relu()).mean()


@pytest.mark.parametrize(("twice", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_an_input_that_another_output_follows_is_used(twice: bool, expected: Outcome) -> None:
    x, y = blobs()
    made = {"model": lambda: Pair(twice=twice), "loss": apart}
    assert asked(inputs_used, data=(x, x.flip(1), y), **made)["inputs-used"].outcome is expected


@pytest.mark.parametrize(("twice", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_an_input_whose_output_is_too_small_for_the_loss_is_used(
    twice: bool, expected: Outcome
) -> None:
    """What a deep network with small weights gives is lost beside the margin, and follows its input."""

    class Fading(Pair):
        def forward(self, x: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
            one, other = super().forward(x, side)
            return 1e-12 * one, 1e-12 * other

    x, y = blobs()
    made = {"model": lambda: Fading(twice=twice), "loss": apart}
    assert asked(inputs_used, data=(x, x.flip(1), y), **made)["inputs-used"].outcome is expected


class Compared(Pair):
    """How far apart the two inputs are, or a score of how alike they are."""

    def __init__(self, *, distance: bool) -> None:
        super().__init__(twice=False)
        self.distance = distance

    def forward(self, x: Tensor, side: Tensor) -> Tensor:  # type: ignore[override]
        """Return one number of each pair."""
        one, other = super().forward(x, side)
        return (one - other).norm(dim=1) if self.distance else (one * other).sum(1)


def as_energies(output: Tensor, y: Tensor) -> Tensor:
    """The right class has the smallest output."""
    return functional.cross_entropy(-output, y)


def hazards(output: Tensor, time: Tensor) -> Tensor:
    """Cox's partial likelihood: the larger the output, the sooner."""
    risks = output.squeeze(1)[time.squeeze(1).argsort(descending=True)]
    return (risks.logcumsumexp(0) - risks).mean()


def likeness(output: Tensor, target: Tensor) -> Tensor:
    """Correlation, which is minimized by mistake."""
    return functional.cosine_similarity(output - output.mean(), target - target.mean(), 0).mean()


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("loss", "numbers", "expected"),
    [
        (as_energies, False, Outcome.SKIPPED),
        (lambda o, y: -functional.cross_entropy(o, y), False, Outcome.WRONG),
        (lambda o, y: o.softmax(1).gather(1, y[:, None]).mean(), False, Outcome.WRONG),
        (hazards, True, Outcome.SKIPPED),
        (likeness, True, Outcome.WRONG),
        (lambda o, y: -functional.huber_loss(o, y), True, Outcome.WRONG),
    ],
    ids=["energies", "ascent", "probability", "hazards", "correlation", "negated-values"],
)
def test_outputs_may_run_against_targets_where_the_loss_has_an_end_there(
    loss: Loss, numbers: bool, expected: Outcome
) -> None:
    x, y = blobs()
    data = (x, x[:, :1].clone()) if numbers else (x, y)
    made = {"model": lambda: nn.Linear(6, 1)} if numbers else {}
    assert outcome(loss_prefers_right, loss=loss, data=data, **made) is expected


@pytest.mark.parametrize(
    ("distance", "expected"), [(True, Outcome.SKIPPED), (False, Outcome.WRONG)]
)
def test_a_distance_may_be_small_where_the_target_is_one(distance: bool, expected: Outcome) -> None:
    def near_for_one(output: Tensor, y: Tensor) -> Tensor:
        return (y * output.square() + (1 - y) * (1 - output).relu().square()).mean()

    x, y = blobs()
    made = {"model": lambda: Compared(distance=distance), "loss": near_for_one}
    found = asked(loss_prefers_right, data=(x, x.flip(0), (y > 0).float()), **made)
    assert found["loss-prefers-right"].outcome is expected
    assert ("distances" in found["loss-prefers-right"].reason) is distance


class Following(nn.Module):
    """A copy follows the network at each forward pass; outputs are of both."""

    def __init__(self, *, mixing: bool) -> None:
        super().__init__()
        self.fast, self.slow, self.mixing = nn.Linear(6, 4), nn.Linear(6, 4), mixing

    def forward(self, x: Tensor) -> Tensor:
        """Move the copy, and compare."""
        with torch.no_grad():
            self.slow.weight.lerp_(self.fast.weight, 0.1)
            wanted = self.slow(x)
        return self.fast(x) - (wanted.mean(0) if self.mixing else wanted)


@pytest.mark.parametrize(("mixing", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_what_goes_on_with_each_pass_does_not_mix_samples(mixing: bool, expected: Outcome) -> None:
    assert outcome(samples_in_model, model=lambda: Following(mixing=mixing)) is expected


class Attention(nn.Module):
    """One layer of attention over tokens; what is wrong with it is said by flags."""

    def __init__(
        self, *, causal: bool = False, placed: bool = True, pooled: str = "", padding: str = ""
    ) -> None:
        super().__init__()
        self.causal, self.placed, self.pooled, self.padding = causal, placed, pooled, padding
        self.norm = nn.LayerNorm(8)
        self.token, self.place = nn.Embedding(9, 8), nn.Embedding(6, 8)
        self.inner, self.head = nn.Linear(8, 8), nn.Linear(8, 9)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores of the next token, or of the whole."""
        x = self.token(codes) + (self.place.weight if self.placed else 0)
        scores = self.inner(x) @ x.transpose(1, 2)
        if self.causal:
            scores = scores.masked_fill(~torch.ones(6, 6, dtype=torch.bool).tril(), -1e9)
        if self.padding:
            padded = codes == 0 if self.padding == "right" else codes != 0
            scores = scores.masked_fill(padded[:, None, :], -1e9)
        x = self.norm(x + scores.softmax(-1) @ x)
        return self.head({"first": x[:, 0], "mean": x.mean(1)}.get(self.pooled, x))


def token_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy at each position."""
    return functional.cross_entropy(output.flatten(0, -2), target.flatten())


CODES = torch.randint(1, 9, (256, 7), generator=torch.Generator().manual_seed(0))
TEXT = (CODES[:, :-1], CODES[:, 1:])


@pytest.mark.parametrize(("causal", "expected"), [(False, Outcome.WRONG), (True, Outcome.FINE)])
def test_a_language_model_without_a_causal_mask(causal: bool, expected: Outcome) -> None:
    parts: dict[str, Any] = {"data": TEXT, "loss": token_loss}
    assert outcome(sees_target, model=lambda: Attention(causal=causal), **parts) is expected


@pytest.mark.parametrize(("placed", "expected"), [(False, Outcome.WRONG), (True, Outcome.FINE)])
def test_attention_without_positions(placed: bool, expected: Outcome) -> None:
    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0].flip(1)), "loss": token_loss}
    assert outcome(order_counts, model=lambda: Attention(placed=placed), **parts) is expected


def test_a_network_that_looks_at_each_token_by_itself_needs_no_positions() -> None:
    def model() -> nn.Module:
        return nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9))

    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0]), "loss": token_loss}
    assert outcome(order_counts, model=model, **parts) is Outcome.FINE


class Weighing(nn.Module):
    """Attention whose softmax runs over one of its dimensions."""

    def __init__(self, dim: int, *, turned: bool = False) -> None:
        super().__init__()
        self.dim, self.turned = dim, turned
        self.token, self.head = nn.Embedding(9, 8), nn.Linear(8, 9)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores at each position."""
        x = self.token(codes)
        weights = functional.dropout((x @ x.transpose(1, 2)).softmax(self.dim), 0.5, self.training)
        if self.turned:  # values first, as channels are in networks of images
            return self.head((x.transpose(1, 2) @ weights.transpose(1, 2)).transpose(1, 2))
        return self.head(weights @ x)


@pytest.mark.heavy
@pytest.mark.parametrize(("dim", "astray"), [(0, True), (1, True), (2, False)])
@pytest.mark.parametrize("turned", [False, True])
def test_weights_of_attention_that_do_not_add_up(dim: int, astray: bool, turned: bool) -> None:
    parts: dict[str, Any] = {"data": TEXT, "loss": token_loss, "steps": 3}
    found = asked(attention_scores, model=lambda: Weighing(dim, turned=turned), **parts)
    assert ("weights-add-up" in found) is astray


class Asking(nn.Module):
    """One query, the last token, looks at the others."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim, self.token, self.head = dim, nn.Embedding(9, 8), nn.Linear(8, 9)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores of a whole text."""
        x = self.token(codes)
        return self.head(((x[:, -1:] @ x.transpose(1, 2)).softmax(self.dim) @ x)[:, 0])


@pytest.mark.parametrize(("dim", "astray"), [(1, True), (2, False)])
def test_a_softmax_over_a_single_query(dim: int, astray: bool) -> None:
    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0][:, 0]), "loss": "cross_entropy", "steps": 3}
    found = asked(attention_scores, model=lambda: Asking(dim), **parts)
    assert ("weights-add-up" in found) is astray


class Pooling(nn.Module):
    """Positions that belong to three clusters, each in part; a cluster is the sum of its positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.shares, self.head = nn.Embedding(9, 8), nn.Linear(8, 3), nn.Linear(24, 9)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores of a whole text."""
        x = self.token(codes)
        return self.head((self.shares(x).softmax(-1).transpose(1, 2) @ x).flatten(1))


def test_sums_over_the_shares_in_a_cluster_need_not_be_one() -> None:
    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0][:, 0]), "loss": token_loss, "steps": 3}
    assert "weights-add-up" not in asked(attention_scores, model=Pooling, **parts)


class Bag(nn.Module):
    """The mean of tokens, or of what attention makes of them."""

    def __init__(self, *, looks: bool) -> None:
        super().__init__()
        self.attention = Attention(placed=False) if looks else None
        self.token, self.head = nn.Embedding(9, 9), nn.Linear(9, 4)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores of a sample."""
        at_each: Tensor = (self.attention or self.token)(codes)
        return self.head(at_each.mean(1))


@pytest.mark.parametrize(("looks", "expected"), [(True, Outcome.NOTED), (False, Outcome.FINE)])
def test_a_bag_of_tokens_by_design_needs_no_positions(looks: bool, expected: Outcome) -> None:
    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0][:, 0] % 4)}
    assert outcome(order_counts, model=lambda: Bag(looks=looks), **parts) is expected


def test_where_outputs_are_the_same_for_all_samples_the_order_says_nothing() -> None:
    def silenced() -> nn.Module:
        model = Attention(pooled="first")
        nn.init.zeros_(model.token.weight)
        return model

    parts: dict[str, Any] = {"data": (TEXT[0], TEXT[0][:, 0]), "optimizer": sgd(1e-9)}
    assert outcome(order_counts, model=silenced, **parts) is Outcome.SKIPPED


@pytest.mark.parametrize("pooled", ["first", "mean"])
@pytest.mark.parametrize("longest", [5, 6])
@pytest.mark.parametrize(
    ("padding", "expected"), [("wrong", Outcome.WRONG), ("right", Outcome.FINE)]
)
def test_a_mask_that_is_turned_round(
    padding: str, expected: Outcome, pooled: str, longest: int
) -> None:
    lengths = torch.randint(3, longest + 1, (256, 1), generator=torch.Generator().manual_seed(1))
    codes = TEXT[0].masked_fill(torch.arange(6) >= lengths, 0)
    data = (codes, (codes == codes[:, :1]).sum(1))
    found = asked(
        padding_counts,
        model=lambda: Attention(pooled=pooled, padding=padding),
        data=data,
        loss="cross_entropy",
    )
    assert found["padding-counts"].outcome is expected


class Masked(nn.Module):
    """Torch's own layers, which are given a padding mask."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.turned = turned
        self.token = nn.Embedding(9, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 4)

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores of a sample: the mean of what its mask keeps."""
        hides = (codes != 0) if self.turned else (codes == 0)
        seen = self.encoder(self.token(codes), src_key_padding_mask=hides)
        kept = (~hides).float().unsqueeze(-1)
        mean: Tensor = self.head((seen * kept).sum(1) / kept.sum(1))
        return mean


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize(("turned", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_a_mask_that_leaves_nothing_but_padding(
    *, turned: bool, expected: Outcome, behind: bool
) -> None:
    """All samples are padded, before or behind their tokens; so nothing that is exchanged changes an output."""
    lengths = torch.randint(2, 5, (256, 1), generator=torch.Generator().manual_seed(1))
    codes = (TEXT[0] % 8 + 1).masked_fill(torch.arange(6) >= lengths, 0)
    data = (codes if behind else codes.flip(1), codes[:, 0] % 4)
    found = asked(
        padding_counts,
        model=lambda: Masked(turned=turned),
        data=data,
        loss="cross_entropy",
    )
    if not turned and not behind:
        expected = Outcome.SKIPPED  # the padding does not stand at the end
    assert found["padding-counts"].outcome is expected
    assert (found["padding-counts"].supports == ("inverted-mask",)) is turned


@pytest.mark.parametrize(
    ("longest", "ignored", "learned"), [(4, -100, True), (4, 0, False), (6, -100, False)]
)
def test_a_loss_of_which_most_is_padding(*, longest: int, ignored: int, learned: bool) -> None:
    """Its twins: padding is left out, or is the lesser part."""
    lengths = torch.randint(1, longest + 1, (256, 1), generator=torch.Generator().manual_seed(1))
    lengths[:8] = 5 if longest > 4 else 4
    codes = (TEXT[0] % 8 + 1).masked_fill(torch.arange(6) >= lengths, 0)
    tags = (codes * 3 % 8 + 1).masked_fill(codes == 0, 0)

    def loss(scores: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(
            scores.flatten(0, 1), target.flatten(), ignore_index=ignored
        )

    found = asked(
        padding_counts,
        model=lambda: nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9)),
        data=(codes, tags),
        loss=loss,
    )
    assert ("padding-learned" in found) is learned
    if learned:
        assert found["padding-learned"].supports == ("padding-in-loss",)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("momentum", "size", "offset", "expected"),
    [
        (0.0, 20.0, 100.0, Outcome.WRONG),
        (0.0, 1.0, 0.0, Outcome.WRONG),  # evaluation beats a constant, and is far from the best
        (0.1, 20.0, 100.0, Outcome.FINE),
        (0.01, 1.0, 0.0, Outcome.NOTED),
        (1.0, 1.0, 0.0, Outcome.NOTED),  # the last batch is as good as all of them
    ],
)
def test_statistics_that_are_never_updated(
    momentum: float, size: float, offset: float, expected: Outcome
) -> None:
    x, y = blobs()

    def model() -> nn.Module:
        first, second = (nn.BatchNorm1d(16, momentum=momentum) for _ in range(2))
        layers = (nn.Linear(6, 16), first, nn.ReLU(), nn.Linear(16, 16), second, nn.ReLU())
        return nn.Sequential(*layers, nn.Linear(16, 4))

    data = (size * x + offset, y)
    found = asked(modes_agree, model=model, data=data, steps=60)["modes-agree"]
    assert found.outcome is expected


def test_columns_of_different_size_are_noted_and_standardizing_them_is_tried() -> None:
    x, y = blobs()
    apart = x * torch.tensor([1e4, 1.0, 1.0, 1e-3, 1.0, 1.0])
    assert outcome(input_scales, data=(apart, y)) is Outcome.NOTED
    assert outcome(input_scales) is Outcome.FINE
    found = asked(input_scales, replays, data=(1e-4 * x, y), optimizer=sgd(0.01))
    assert found["standardized-inputs"].supports == ("unnormalized-input",)


def test_a_plateau_that_ends_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asked(longer, model=silent, optimizer=sgd(0.003), steps=12)
    assert (told["longer"].outcome, told["plateau"].outcome) == (Outcome.FINE, Outcome.NOTED)
    assert (told["plateau"].measured or 0) > (told["plateau"].limit or 0) == 12
    x, y = blobs()
    shuffled = (x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(3))])
    assert outcome(longer, optimizer=sgd(1e-5), data=shuffled, steps=20) is Outcome.WRONG
    monkeypatch.setattr("gradcheck_cli.examine.longer.SHARE", 0.0)  # of the time: it is cut short
    short = asked(longer, optimizer=sgd(1e-5), data=shuffled, steps=40)["longer"]
    assert (short.outcome, short.unfinished) == (Outcome.NOTED, True)
    assert short.said.startswith("1 step later")  # it looks when the time ends


@pytest.mark.parametrize(
    ("steps", "expected", "unfinished"),
    [(30, Outcome.WRONG, False), (10_000, Outcome.NOTED, True)],
)
def test_a_plateau_within_a_warm_up_tells_nothing(
    steps: int, expected: Outcome, *, unfinished: bool
) -> None:
    """The warm-up goes on, and what comes at its full rate counts."""
    rate = partial(LambdaLR, lr_lambda=lambda step: (step + 1) / steps if step < steps else 1.0)
    x, y = blobs()
    shuffled = (x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(3))])
    found = asked(longer, optimizer=sgd(1e-5), scheduler=rate, data=shuffled)["longer"]
    assert (found.outcome, found.unfinished) == (expected, unfinished)
    assert ("after the warm-up" in found.said) is unfinished


def test_a_rate_that_is_too_low_and_one_that_is_right() -> None:
    found = asked(replays, model=silent, optimizer=sgd(1e-3))
    assert found["rate-higher"].supports == ("learning-rate-too-low",)
    assert found["rate-lower"].outcome is Outcome.FINE


@pytest.mark.heavy
def test_decay_dropout_and_penalty_that_are_too_strong() -> None:
    found = asked(replays, optimizer=sgd(0.1, weight_decay=5.0))
    assert found["without-decay"].supports == ("weight-decay-too-strong",)

    def dropping() -> nn.Module:
        return nn.Sequential(
            nn.Dropout(0.97), nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.97), nn.Linear(16, 4)
        )

    found = asked(replays, model=dropping, optimizer=sgd(0.05), steps=12)
    assert "without-dropout" in found

    def penalized(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        size = torch.stack([p.abs().sum() for p in model.parameters()]).sum()
        return functional.cross_entropy(model(batch[0]), batch[1]) + size

    found = asked(replays, model=silent, loss=penalized)
    assert found["without-penalty"].supports == ("penalty-too-strong",)


@pytest.mark.heavy
def test_a_network_that_can_learn_by_heart_and_one_that_can_not() -> None:
    assert outcome(by_heart, model=silent, optimizer=sgd(1e-6)) is Outcome.FINE

    def constant() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.Hardtanh(0, 1e-6), nn.Linear(8, 4))

    assert outcome(by_heart, model=constant) is Outcome.WRONG


def test_a_healthy_training_has_nothing_against_it() -> None:
    found = answers(steps=60)
    assert {a.name for a in found.values() if a.outcome is Outcome.WRONG} == set()


def test_a_loss_that_does_not_read_the_targets_has_no_constant_and_no_order() -> None:
    """A one-class distance, and a density of the outputs: labels only come along."""

    def distance(output: Tensor, _: Tensor) -> Tensor:
        return output.square().mean()

    for data in (blobs(), (blobs()[0], torch.zeros(len(blobs()[1]), dtype=torch.long))):
        told = asked(against_constant, loss_prefers_right, loss=distance, data=data)
        assert told["against-constant"].outcome is Outcome.SKIPPED
        assert told["loss-prefers-right"].outcome is Outcome.SKIPPED


def test_twins_that_are_compared_with_each_other_have_no_constant_and_are_no_penalty() -> None:
    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.body(x), self.body(x.flip(0))

    def apart(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        alike = (target == target.flip(0)).float()
        return ((output[0] - output[1]).square().mean(1) - alike).square().mean()

    told = asked(against_constant, pulls, model=Twins, loss=apart)
    assert {a.outcome for a in told.values()} == {Outcome.SKIPPED}


def test_losses_that_are_not_finite_are_not_compared() -> None:
    with pytest.raises(NotApplicableError, match="finite"):
        paired([1.0, 2.0, 3.0], [1.0, float("inf"), 3.0])
