"""The loss of the best constant prediction, however the loss is made of its comparisons."""

from collections.abc import Callable
from math import log

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.records.trace import Trace

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LABELS = torch.arange(24) % 4
IMAGES = torch.rand(24, 6, generator=torch.Generator().manual_seed(1)) * torch.arange(1.0, 7.0)
SPREAD = float(IMAGES.var(0, correction=0).mean())


@pytest.fixture
def scaler() -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", init_scale=1024.0)


def observed(
    loss: Loss,
    targets: torch.Tensor,
    width: int,
    *,
    steps: int = 6,
    scaler: torch.amp.GradScaler | None = None,
    parts: int = 1,
    model: nn.Module | None = None,
) -> Trace:
    """Return what is measured of a training on all targets at once, in `parts` backward passes."""
    torch.manual_seed(0)
    with Everywhere(Sampling(last=steps)) as seen:
        model = nn.Linear(5, width) if model is None else model
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        inputs = torch.randn(len(targets), 5)
        for _ in range(steps):
            optimizer.zero_grad()
            for x, y in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
                value = loss(model(x), y)
                (value if scaler is None else scaler.scale(value)).backward()
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
                scaler.update()
        [session] = seen.sessions
        return session.trace()


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels, 4).float()


CLASSES: dict[str, tuple[Loss, float]] = {
    "cross_entropy": (F.cross_entropy, log(4)),
    "of a sum": (lambda o, y: F.cross_entropy(o, y, reduction="sum"), 24 * log(4)),
    "of single values": (lambda o, y: F.cross_entropy(o, y, reduction="none").mean(), log(4)),
    "multiplied": (lambda o, y: 7 * F.cross_entropy(o, y), 7 * log(4)),
    "twice": (lambda o, y: F.cross_entropy(o, y) + F.cross_entropy(-o, y), 2 * log(4)),
    "smoothed": (lambda o, y: F.cross_entropy(o, y, label_smoothing=0.2), log(4)),
    "weighed": (lambda o, y: F.cross_entropy(o, y, weight=torch.ones(4) * 3), log(4)),
    "of soft targets": (lambda o, y: F.cross_entropy(o, one_hot(y)), log(4)),
    "of logarithms": (lambda o, y: F.nll_loss(o.log_softmax(1), y), log(4)),
    "gathered": (lambda o, y: -o.log_softmax(1).gather(1, y[:, None]).mean(), log(4)),
    "indexed": (lambda o, y: -o.log_softmax(1)[torch.arange(len(y)), y].mean(), log(4)),
    "of gathered chances": (lambda o, y: -o.softmax(1).gather(1, y[:, None]).log().mean(), log(4)),
    "beside all scores": (lambda o, y: (o.logsumexp(1) - o[torch.arange(len(y)), y]).mean(), log(4)),
    "beside all scores, gathered": (
        lambda o, y: -(o.gather(1, y[:, None])[:, 0] - o.exp().sum(1).log()).mean(), log(4)),
    "beside all scores, added": (
        lambda o, y: (-o[torch.arange(len(y)), y] + o.logsumexp(1)).sum(), 24 * log(4)),
    "one-hot by hand": (lambda o, y: -(one_hot(y) * o.log_softmax(1)).sum(1).mean(), log(4)),
    "yes or no": (lambda o, y: F.binary_cross_entropy_with_logits(o, one_hot(y)),
                  -(0.25 * log(0.25) + 0.75 * log(0.75))),
    "ignored": (lambda o, y: F.cross_entropy(o, torch.where(y == 3, 3, y), ignore_index=3), log(3)),
    "masked by hand": (
        lambda o, y: (F.cross_entropy(o, y, reduction="none") * (y != 3)).sum() / (y != 3).sum(),
        log(3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_the_entropy_of_the_classes_is_the_reference_of_a_classifier(name: str) -> None:
    loss, expected = CLASSES[name]
    facts = observed(loss, LABELS, 4).loss
    assert not facts.apart
    assert facts.baseline == pytest.approx(expected, rel=0.03)


VALUES: dict[str, tuple[Loss, float]] = {
    "mse": (F.mse_loss, SPREAD),
    "turned": (lambda o, t: F.mse_loss(t, o), SPREAD),
    "of a sum over positions": (lambda o, t: F.mse_loss(o, t, reduction="none").sum(1).mean(), 6 * SPREAD),
    "by hand": (lambda o, t: ((o - t) ** 2).mean(), SPREAD),
    "by hand, turned and summed": (lambda o, t: (t - o).square().sum(), 144 * SPREAD),
    "absolute": (F.l1_loss, float((IMAGES - IMAGES.median(0).values).abs().mean())),
    "absolute by hand": (lambda o, t: (o - t).abs().mean(),
                         float((IMAGES - IMAGES.median(0).values).abs().mean())),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_the_best_constant_of_every_position_is_the_reference_of_a_regression(name: str) -> None:
    loss, expected = VALUES[name]
    facts = observed(loss, IMAGES, 6).loss
    assert facts.baseline == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("divided", [True, False])
def test_accumulated_gradients_change_nothing(*, divided: bool) -> None:
    by = 4 if divided else 1
    facts = observed(lambda o, y: F.cross_entropy(o, y) / by, LABELS, 4, parts=4).loss
    assert facts.baseline == pytest.approx(4 / by * log(4), rel=0.03)


def test_a_loss_scaler_changes_nothing(scaler: torch.amp.GradScaler) -> None:
    trace = observed(F.cross_entropy, LABELS, 4, scaler=scaler)
    assert trace.loss.baseline == pytest.approx(log(4), rel=0.03)
    assert trace.losses[0] < 4


def test_a_penalty_is_told_apart_from_what_compares_with_targets() -> None:
    model = nn.Linear(5, 4)
    trace = observed(
        lambda o, y: F.cross_entropy(o, y) + model.weight.abs().sum(), LABELS, 4, model=model
    )
    assert trace.loss.apart
    assert trace.loss.baseline is None
    assert trace.loss.data_baseline == pytest.approx(log(4), rel=0.03)
    first = trace.steps[0]
    assert first.data_loss is not None
    assert first.data_loss < first.loss - 0.5


def test_the_root_of_a_squared_error_is_compared_in_squares() -> None:
    facts = observed(lambda o, t: F.mse_loss(o, t).sqrt(), IMAGES, 6).loss
    assert facts.data_baseline == pytest.approx(SPREAD, rel=0.05)


def test_embeddings_that_are_all_the_same_are_the_reference_of_a_triplet_loss() -> None:
    def loss(o: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.triplet_margin_loss(o[:8], o[8:16], o[16:], margin=0.7)

    assert observed(loss, LABELS, 4).loss.baseline == pytest.approx(0.7, rel=1e-3)


def test_a_metric_that_does_not_reach_the_loss_does_not_count() -> None:
    def loss(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        F.l1_loss(o, t)
        return F.mse_loss(o, t)

    assert observed(loss, IMAGES, 6).loss.baseline == pytest.approx(SPREAD, rel=0.05)


def test_a_single_class_says_nothing_and_guessing_among_all_is_the_reference() -> None:
    facts = observed(F.cross_entropy, torch.zeros(24, dtype=torch.long), 4).loss
    assert facts.baseline == pytest.approx(log(4), rel=0.01)


SIGNS = one_hot(LABELS) * 2 - 1


def entropy(*chances: float) -> float:
    return -sum(p * log(p) for p in chances)


MARGINS: dict[str, tuple[Loss, torch.Tensor, float]] = {
    "soft margin": (F.soft_margin_loss, SIGNS, entropy(0.25, 0.75)),
    "of several labels": (F.multilabel_soft_margin_loss, one_hot(LABELS), entropy(0.25, 0.75)),
    "of pairs": (lambda o, y: F.hinge_embedding_loss(o.abs(), y, margin=2.0), -SIGNS, 0.5),
    "of classes": (F.multi_margin_loss, LABELS, 0.75),
}


@pytest.mark.parametrize("name", MARGINS)
def test_margin_losses_are_compared_with_the_best_constant_scores(name: str) -> None:
    loss, targets, expected = MARGINS[name]
    trace = observed(loss, targets, 4)
    assert trace.loss.baseline == pytest.approx(expected, rel=0.03)


def test_a_density_is_compared_with_one_mean_and_one_variance_per_position() -> None:
    def loss(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        mean, spread = out.chunk(2, 1)
        return F.gaussian_nll_loss(mean, y, spread.exp())

    trace = observed(loss, IMAGES, 12)
    best = 0.5 * (IMAGES.var(0, correction=0).log() + 1).mean()
    assert trace.loss.baseline == pytest.approx(float(best), abs=0.05)


def test_a_ctc_loss_is_compared_with_the_frequencies_of_its_labels() -> None:
    frames, labels = 12, LABELS.reshape(8, 3) + 1

    def loss(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        scores = out.reshape(len(y), frames, 5).log_softmax(2).transpose(0, 1)
        return F.ctc_loss(scores, y, [frames] * len(y), [3] * len(y))

    constant = torch.zeros(5, requires_grad=True)  # the best one, found by descent
    optimizer = torch.optim.LBFGS([constant], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        lost = loss(constant.repeat(8, frames), labels)
        lost.backward()
        return lost

    optimizer.step(closure)
    trace = observed(loss, labels, frames * 5)
    assert trace.loss.baseline == pytest.approx(closure().item(), rel=0.03)


def by_outcome(o: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Choices that went well are made likelier, others less likely."""
    chance = o.logsumexp(1) - o[torch.arange(len(y)), y]
    return (chance * torch.linspace(-1, 1, len(y))).mean()


def of_values(o: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The value of an action is held against a number."""
    return (o[torch.arange(len(y)), y] - torch.linspace(-1, 1, len(y))).square().mean()


@pytest.mark.parametrize("loss", [by_outcome, of_values])
def test_scores_that_are_picked_for_something_else_are_no_classifier(loss: Loss) -> None:
    facts = observed(loss, LABELS, 4).loss
    assert facts.kind != "nll_loss" or facts.surrogate
    assert facts.baseline is None or facts.kind == "mse_loss"
