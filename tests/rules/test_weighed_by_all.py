"""GC405: weights [N, 1] of losses or log-probabilities [N], which weigh each sample by those of all."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, quiet, report, small

NAME, CAUSE, STEPS = "mismatched-loss", "target-shape-broadcast", 40
Shape = Callable[[Tensor], Tensor]  # of the weights [N, 1] as they come


def as_it_is(weights: Tensor) -> Tensor:
    return weights


def row(weights: Tensor) -> Tensor:
    return weights.squeeze(1)


class ActorCritic(nn.Module):
    """Scores of three actions, and an estimate [N, 1] of what they bring."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.actor, self.critic = small(6, 16), nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.body(x)
        return self.actor(seen), self.critic(seen)


def policy(loss_of: Callable[[Tensor, Tensor], Tensor], critic: float = 0.0):
    """A loop in which the right one of three actions brings 1; `loss_of` log-probabilities and advantages [N, 1]."""

    def loop() -> None:
        model = ActorCritic()
        optimizer = adam(model)
        for _ in range(STEPS):
            x = torch.randn(32, 6)
            scores, value = model(x)
            chances = torch.distributions.Categorical(logits=scores)
            actions = chances.sample()
            reward = (actions == x[:, :3].argmax(1)).float().unsqueeze(1)
            level = value.detach() if critic else reward.mean()
            loss = loss_of(chances.log_prob(actions), reward - level)
            optimizer.zero_grad()
            (loss + critic * functional.mse_loss(value, reward)).backward()
            optimizer.step()

    return quiet(loop)


def reinforce(shape: Shape) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda chosen, gained: -(chosen * shape(gained)).mean()


def clipped(shape: Shape) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(chosen: Tensor, gained: Tensor) -> Tensor:
        ratio = (chosen - chosen.detach() + 0.1 * torch.randn(32)).exp()
        first, second = -shape(gained) * ratio, -shape(gained) * ratio.clamp(0.9, 1.1)
        return torch.max(first, second).mean()

    return loss


def weighted(
    loss_of: Callable[[Tensor, Tensor, Tensor], Tensor], outputs: int = 3, steps: int = STEPS
):
    """A loop whose loss is made of outputs, classes and weights [N, 1] of samples."""

    def loop() -> None:
        model = small(6, outputs)
        optimizer = adam(model)
        for _ in range(steps):
            x = torch.randn(32, 6)
            y, weights = x[:, :3].argmax(1), torch.rand(32, 1)
            optimizer.zero_grad()
            loss_of(model(x), y, weights).backward()
            optimizer.step()

    return quiet(loop)


def classes(shape: Shape) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def loss(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        each = functional.cross_entropy(output, y, reduction="none")
        return (each * shape(weights)).sum() / weights.sum()

    return loss


def errors(shape: Shape) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda output, y, w: (shape(w) * (output - y[:, None].float()) ** 2).mean()


SICK_AND_HEALTHY = [
    pytest.param(lambda s: policy(reinforce(s)), as_it_is, row, id="reinforce"),
    pytest.param(lambda s: policy(reinforce(s), 0.5), as_it_is, row, id="actor-critic"),
    pytest.param(lambda s: policy(clipped(s)), as_it_is, row, id="clipped"),
    pytest.param(lambda s: weighted(classes(s)), as_it_is, row, id="cross-entropy"),
    pytest.param(lambda s: weighted(errors(s), 1), row, as_it_is, id="errors"),
]


@pytest.mark.parametrize(("loop", "wrong", "right"), SICK_AND_HEALTHY)
def test_samples_that_are_weighed_by_the_numbers_of_all_are_told(loop, wrong, right) -> None:
    message = findings(loop(wrong))[NAME].message
    assert "make (32, 32)" in message
    assert "test_weighed_by_all.py:" in message
    assert ("weights.squeeze(1)" in message) is (wrong is as_it_is)
    assert ("weights.unsqueeze(1)" in message) is (wrong is row)
    assert NAME not in findings(loop(right))


def test_the_cause_names_the_line_and_what_to_write() -> None:
    told = report(policy(reinforce(as_it_is)))
    assert [c.name for c in told.causes][:1] == [CAUSE]
    assert told.causes[0].at is not None
    assert "(32,) losses or log-probabilities times (32, 1) weights" in told.causes[0].reasons[0]
    assert CAUSE not in [c.name for c in report(policy(reinforce(row))).causes]


def test_it_is_an_error_that_is_a_warning_while_the_loss_falls_all_the_same() -> None:
    assert findings(policy(reinforce(as_it_is)))[NAME].severity is Severity.ERROR
    falls = weighted(errors(row), 1, steps=200)
    assert findings(falls)[NAME].severity is Severity.WARNING


def pairs(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Each output is ranked against the numbers of all samples."""
    return torch.relu(0.2 - output.squeeze(1) * (weights - 0.5)).mean()


def explicit(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    return (output * weights.T).mean().square() + (output - y[:, None]).square().mean()


def summed_up(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    return (torch.einsum("i,j->ij", output.squeeze(1), weights.squeeze(1)) - 1).square().mean()


def of_a_matrix(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    near = (weights - weights.T).abs() < 0.1
    return (output.squeeze(1) * weights - near.float()).square().mean()


def columns(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    return (functional.one_hot(y, 3) * weights * -output.log_softmax(1)).sum(1).mean()


def alone(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    return (functional.cross_entropy(output, y, reduction="none")[:1] * weights[:1]).mean()


def all_alike(output: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    return (functional.cross_entropy(output, y, reduction="none") * torch.ones(32, 1)).mean()


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [(pairs, 1), (explicit, 1), (summed_up, 1), (of_a_matrix, 1), (columns, 3), (alone, 3), (all_alike, 3)],
)  # fmt: skip
def test_products_of_pairs_that_are_meant_are_not_charged(loss, outputs: int) -> None:
    assert NAME not in findings(weighted(loss, outputs))


def test_outer_products_inside_of_modules_are_not_charged() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small(6, 1)

        def forward(self, x: Tensor, weights: Tensor) -> Tensor:
            return (self.body(x).squeeze(1) * weights).mean()

    def loop() -> None:
        model = Outer()
        optimizer = adam(model)
        for _ in range(STEPS):
            optimizer.zero_grad()
            (model(torch.randn(32, 6), torch.randn(32, 1)) - 1).square().backward()
            optimizer.step()

    assert NAME not in findings(loop)
