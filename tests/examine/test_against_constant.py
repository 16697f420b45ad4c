"""The best constant prediction, under whatever loss the user wrote."""

import math
import re

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.examine.against_constant import Reference, against_constant, judged
from gradcheck_cli.examine.constants import Constant
from gradcheck_cli.records.examination import Answer, Outcome
from tests.support.trainings import answers, blobs, line, network, sgd, silent


def answer(**parts: object) -> Answer:
    """Ask the one question."""
    return answers(only=against_constant, **parts)["against-constant"]  # type: ignore[arg-type]


def test_a_network_that_learns_does_better_than_a_constant() -> None:
    assert answer().outcome is Outcome.FINE


def test_a_network_that_stands_still_does_not() -> None:
    found = answer(model=silent, optimizer=sgd(1e-6))
    assert found.outcome is not Outcome.FINE
    assert "best constant prediction (1.38)" in found.said  # about ln 4


def probabilities(output: Tensor, labels: Tensor) -> Tensor:
    """A loss written by hand, of probabilities."""
    return -output.clamp(1e-7, 1).gather(1, labels[:, None]).log().mean()


def test_the_constant_of_a_softmax_is_searched_among_probabilities() -> None:
    found = answer(model=lambda: silent(nn.Softmax(dim=1)), loss=probabilities, optimizer=sgd(1e-6))
    assert found.outcome is not Outcome.FINE
    assert "best constant prediction (1.38)" in found.said


@pytest.mark.parametrize("rate", [1e-2, 0.3])
def test_what_can_be_gained_is_what_outputs_of_this_kind_can_cost(rate: float) -> None:
    """Logarithms of probabilities are never above zero, so `nll_loss` of them never falls below zero."""
    scores = answer(optimizer=sgd(rate))
    logarithms = answer(
        model=lambda: network().append(nn.LogSoftmax(1)), loss="nll_loss", optimizer=sgd(rate)
    )
    assert logarithms.outcome is scores.outcome
    assert logarithms.measured == pytest.approx(scores.measured, rel=0.05)


def test_a_softmax_too_many_does_not_lower_what_can_be_gained() -> None:
    """A loss that has a softmax inside takes logits: probabilities are the worst that right outputs can be."""
    scores = answer(optimizer=sgd(0.3))
    twice = answer(model=lambda: network().append(nn.Softmax(1)), optimizer=sgd(0.3))
    assert scores.measured is not None
    assert twice.measured is not None
    assert twice.measured < scores.measured / 2


def test_a_regression_is_compared_with_the_mean_of_its_targets() -> None:
    still = answer(data=line(), model=lambda: network(3, 1), loss="mse_loss", optimizer=sgd(1e-6))
    level = float(line()[1].var())
    assert still.outcome is not Outcome.FINE
    assert still.measured is not None
    learned = answer(data=line(), model=lambda: network(3, 1), loss="mse_loss")
    assert learned.outcome is Outcome.FINE
    assert level > 1


def test_a_penalty_is_no_part_of_the_comparison() -> None:
    def penalized(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        size = torch.stack([p.abs().sum() for p in model.parameters()]).sum()
        return nn.functional.cross_entropy(model(batch[0]), batch[1]) + 1e-3 * size + 100

    assert answer(loss=penalized).outcome is Outcome.FINE
    found = answer(model=silent, loss=penalized, optimizer=sgd(1e-6))
    assert found.outcome is not Outcome.FINE


def test_a_large_first_loss_is_noted() -> None:
    def loud() -> nn.Module:
        model = network()
        model[2].weight.data.mul_(300)  # type: ignore[operator, union-attr]
        return model

    found = answers(only=against_constant, model=loud)["first-loss"]
    assert found.outcome is Outcome.NOTED
    assert found.measured is not None
    assert found.measured > 5
    assert "first-loss" not in answers(only=against_constant)


@pytest.mark.parametrize("classes", [2, 4])
def test_one_position_for_all_steps_of_a_sequence(classes: int) -> None:
    tokens = torch.arange(256 * 5).reshape(256, 5) % classes

    def model() -> nn.Module:
        return nn.Sequential(nn.Embedding(classes, 8), nn.Linear(8, classes))

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(output.flatten(0, 1), target.flatten())

    found = answer(data=(tokens, tokens), model=model, loss=loss, optimizer=sgd(1e-6))
    assert f"best constant prediction ({math.log(classes):.3g})" in found.said
    assert blobs()[0].shape == (256, 6)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([0.01, 0.01], Outcome.NOTED),  # far below both, by 0.07 and by 0.01: too few to be certain
        ([0.01, 0.02], Outcome.NOTED),
        (
            [0.06, 0.02],
            Outcome.WRONG,
        ),  # as far below as batches of a run that learned nothing may be
        ([0.08, 0.02], Outcome.WRONG),
    ],
)
def test_a_loss_far_below_the_constants_of_batches_that_differ_is_not_held_against_a_run(
    now: list[float], expected: Outcome
) -> None:
    reference = Reference(Constant([0.08, 0.02], None), [0.1, 0.1], now, 0.0, now)
    found = judged(reference, now)
    assert found.outcome is expected
    assert ("different amounts from batch to batch" in found.said) is (expected is Outcome.NOTED)


def test_beside_constants_that_are_alike_the_same_fall_is_certain() -> None:
    reference = Reference(Constant([0.05, 0.05], None), [0.1, 0.1], [0.01, 0.01], 0.0, [0.01, 0.01])
    assert judged(reference, [0.01, 0.01]).outcome is Outcome.FINE


@pytest.mark.parametrize("bounded", [False, True])
def test_outputs_that_lie_between_0_and_1_by_chance_do_not_bound_the_constant(
    *, bounded: bool
) -> None:
    """A sigmoid can't leave 0 to 1, and its loss has no sense there; what is linear is only small yet."""
    inputs, targets = torch.randn(256, 3), 16 + torch.randn(256, 1)

    def small() -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 1))
        nn.init.constant_(model[0].weight, 0.01)
        nn.init.constant_(model[0].bias, 0.0 if bounded else 0.5)
        return model.append(nn.Sigmoid()) if bounded else model

    def distance(output: Tensor, target: Tensor) -> Tensor:
        return -(target * output.log() + (1 - target) * (1 - output).log()).mean()

    found = answer(
        data=(inputs, (targets > 16).float() if bounded else targets),
        model=small,
        loss=distance if bounded else "mse_loss",
        optimizer=sgd(1e-6),
    )
    level = math.log(2) if bounded else float(targets.var())
    assert found.outcome is not Outcome.FINE
    [said] = re.findall(r"best constant prediction \(([\d.]+)\)", found.said)
    assert float(said) == pytest.approx(level, rel=0.3)
