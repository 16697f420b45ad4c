"""Two views of each sample: networks that tell samples apart, and twins that give one output to all."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.pairs_matter import pairs_matter
from gradcheck_cli.records.examination import Outcome
from tests.examine.loops import answered, reported

STEPS = 120


def encoder() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 8))


def views() -> tuple[Tensor, Tensor]:
    """Points of which each view has noise of its own."""
    x = torch.randn(64, 12)
    return x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x)


def apart(z: Tensor) -> Tensor:
    """How far the deviation of each output is below 1."""
    return functional.relu(1 - (z.var(0) + 1e-4).sqrt()).mean()


@pytest.mark.parametrize(("keeps", "verdict"), [(False, "sick"), (True, "healthy")])
def test_distances_that_nothing_holds_open(keeps: bool, verdict: str) -> None:
    model = encoder()

    def loss() -> Tensor:
        one, other = (model(view) for view in views())
        near = (one - other).square().mean()
        return near + (apart(one) + apart(other) if keeps else 0 * near)

    report = reported(model, loss, steps=STEPS)
    assert report.verdict == verdict
    named = [c.name for c in report.causes[:1]]
    assert named == ([] if keeps else ["representation-collapse"])


@pytest.mark.heavy
@pytest.mark.parametrize(("negatives", "verdict"), [(False, "sick"), (True, "healthy")])
def test_likenesses_with_and_without_negatives(negatives: bool, verdict: str) -> None:
    model = encoder()

    def loss() -> Tensor:
        one, other = (functional.normalize(model(view), dim=1) for view in views())
        if negatives:
            return functional.cross_entropy(one @ other.T / 0.2, torch.arange(len(one)))
        return -(one * other).sum(1).mean()

    assert reported(model, loss, steps=STEPS).verdict == verdict


def test_which_of_two_is_preferred_is_a_target_and_no_view() -> None:
    """Scores of all may drift together: what counts is their difference."""
    model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 1))

    def loss() -> Tensor:
        one, other = torch.randn(2, 64, 12)
        chance = torch.sigmoid(2 * (one - other)[:, :3].sum(1))
        scores = (model(one) - model(other)).squeeze(1)
        return functional.binary_cross_entropy_with_logits(scores, torch.bernoulli(chance))

    report = reported(model, loss, steps=STEPS)
    asked = next(a for a in report.examination if a.name == pairs_matter.name)
    assert (asked.outcome, report.verdict) == (Outcome.SKIPPED, "healthy")
    assert "targets" in asked.reason


def test_batches_that_have_nothing_to_do_with_each_other_are_not_asked() -> None:
    """Labeled and unlabeled samples, or real and made ones, are only added up."""
    model = encoder()

    def loss() -> Tensor:
        x, other = views()
        return functional.cross_entropy(model(x), x[:, :8].argmax(1)) + model(other).square().mean()

    answer = answered(model, loss, pairs_matter, steps=STEPS)["pairs-matter"]
    assert (answer.outcome, answer.reason) == (Outcome.SKIPPED, "no input belongs to another one")


def test_a_model_that_is_called_once_is_not_asked() -> None:
    model = encoder()

    def loss() -> Tensor:
        x, _ = views()
        return functional.cross_entropy(model(x), x[:, :8].argmax(1))

    answer = answered(model, loss, pairs_matter, steps=STEPS)["pairs-matter"]
    assert answer.outcome is Outcome.SKIPPED


@pytest.mark.parametrize(("pushes", "verdict"), [(False, "sick"), (True, "healthy")])
def test_targets_of_pairs_of_which_one_kind_costs_nothing(pushes: bool, verdict: str) -> None:
    """Pairs of two kinds: those that are alike pull together, and the others push apart or are let be."""
    model = encoder()

    def loss() -> Tensor:
        x, kinds = torch.randn(64, 12), torch.randint(4, (64,))
        x[:, :4] += 4 * torch.eye(4)[kinds]
        alike = (kinds == kinds.roll(1)).float()
        far = (model(x) - model(x.roll(1, 0))).square().sum(1)
        open_yet = functional.relu(1 - far) if pushes else functional.relu(far - 9)
        return (alike * far + (1 - alike) * open_yet).mean()

    report = reported(model, loss, steps=STEPS)
    assert report.verdict == verdict
    assert [c.name for c in report.causes[:1]] == ([] if pushes else ["representation-collapse"])
