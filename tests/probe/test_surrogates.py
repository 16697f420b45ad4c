"""Losses whose size does not tell whether anything is learned are recognized, and others are not."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F

from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.records.trace import LossFacts

Step = Callable[[nn.Module, nn.Module], torch.Tensor]
STATES = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % 3


def facts_of(step: Step, *, follows: bool, width: int = 3) -> LossFacts:
    """Return what is seen of six steps; the second network `follows` the first, or stands still."""
    torch.manual_seed(0)
    with Everywhere(Sampling(last=6)) as seen:
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, width))
        other = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            step(model, other).backward()
            optimizer.step()
            if follows:
                with torch.no_grad():
                    for mine, its in zip(other.parameters(), model.parameters(), strict=True):
                        mine.mul_(0.9).add_(its, alpha=0.1)
        return seen.sessions[0].trace().loss


def reinforce(model: nn.Module, _: nn.Module) -> torch.Tensor:
    policy = Categorical(logits=model(STATES))
    action = policy.sample()
    return -(policy.log_prob(action) * (1.0 + (action == LABELS).float())).mean()


def reinforce_state_by_state(model: nn.Module, _: nn.Module) -> torch.Tensor:
    lost = []
    for state, label in zip(STATES, LABELS, strict=True):
        chances = model(state).softmax(0)
        action = Categorical(chances).sample()
        lost.append(-torch.log(chances[action]) * (1.0 + float(action == label)))
    return torch.stack(lost).sum()


def drawn_again(model: nn.Module, _: nn.Module) -> torch.Tensor:
    policy = Categorical(logits=model(STATES))
    action = policy.sample()
    return -(policy.log_prob(policy.sample()) * (1.0 + (action == LABELS).float())).mean()


def read_by_the_world(model: nn.Module, _: nn.Module) -> torch.Tensor:
    lost = []
    for state, label in zip(STATES, LABELS, strict=True):
        policy = Categorical(logits=model(state))
        action = policy.sample()
        lost.append(-policy.log_prob(action) * (1.0 + (int(action) == int(label))))
    return torch.stack(lost).sum()


def embedded(model: nn.Module, other: nn.Module) -> torch.Tensor:
    policy = Categorical(logits=model(STATES))
    action = policy.sample()
    seen = other[0].weight.detach()[action].sum(1)
    return -(policy.log_prob(action) * seen).mean()


def of_a_gaussian(model: nn.Module, _: nn.Module) -> torch.Tensor:
    policy = Normal(model(STATES), 0.5)
    action = policy.sample()
    return -(policy.log_prob(action).sum(1) * (1.0 - action.square().sum(1))).mean()


def clipped_ratio(model: nn.Module, _: nn.Module) -> torch.Tensor:
    advantage = torch.linspace(-1, 1, 16)
    before = torch.full((16,), -1.1)
    ratio = (model(STATES).log_softmax(1).gather(1, LABELS[:, None])[:, 0] - before).exp()
    return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


def bootstrapped(model: nn.Module, other: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        target = LABELS + 0.9 * other(STATES.roll(1, 0)).max(1).values
    return F.mse_loss(target, model(STATES).gather(1, LABELS[:, None])[:, 0])


def bootstrapped_from_itself(model: nn.Module, _: nn.Module) -> torch.Tensor:
    values = model(STATES)[:, 0]
    return F.smooth_l1_loss(values[:-1], (LABELS[:-1] + 0.9 * values[1:]).detach())


def mean_teacher(model: nn.Module, other: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        target = F.normalize(other(STATES + 0.1), dim=1)
    return ((F.normalize(model(STATES), dim=1) - target) ** 2).sum(1).mean()


@pytest.mark.parametrize(
    "step", [reinforce, reinforce_state_by_state, of_a_gaussian, clipped_ratio]
)
def test_a_policy_gradient_is_recognized(step: Step) -> None:
    facts = facts_of(step, follows=False)
    assert facts.surrogate
    assert facts.baseline is None


@pytest.mark.parametrize("step", [bootstrapped, bootstrapped_from_itself, mean_teacher])
def test_targets_of_a_network_that_changes_are_recognized(step: Step) -> None:
    assert "network that changes" in facts_of(step, follows=True).surrogate


def distilled(model: nn.Module, other: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        target = other(STATES).softmax(1)
    return F.kl_div(model(STATES).log_softmax(1), target, reduction="batchmean")


def likelihood_by_distribution(model: nn.Module, _: nn.Module) -> torch.Tensor:
    return -Categorical(logits=model(STATES)).log_prob(LABELS).mean()


def likelihood_sample_by_sample(model: nn.Module, _: nn.Module) -> torch.Tensor:
    picked = [model(s).softmax(0)[label] for s, label in zip(STATES, LABELS, strict=True)]
    return -torch.stack(picked).log().mean()


def with_accuracy_first(model: nn.Module, _: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        (model(STATES).argmax(1) == LABELS).float().mean()
    return F.cross_entropy(model(STATES), LABELS)


def with_a_consistency_term(model: nn.Module, other: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        target = other(STATES).softmax(1)
    scores = model(STATES)
    return F.cross_entropy(scores, LABELS) + F.mse_loss(scores.softmax(1), target)


def shaped_like_the_output(model: nn.Module, _: nn.Module) -> torch.Tensor:
    output = model(STATES)
    return F.mse_loss(output, STATES[:, :3].reshape(-1).view_as(output).to(output))


def contrastive(model: nn.Module, _: nn.Module) -> torch.Tensor:
    views = F.normalize(model(STATES), dim=1), F.normalize(model(STATES + 0.01), dim=1)
    return F.cross_entropy(views[0] @ views[1].T / 0.1, torch.arange(16))


def focal(model: nn.Module, _: nn.Module) -> torch.Tensor:
    cost = F.cross_entropy(model(STATES), LABELS, reduction="none")
    return ((1 - (-cost).exp()) ** 2 * cost).mean()


@pytest.mark.parametrize(
    ("step", "follows"),
    [
        (distilled, False),
        (likelihood_by_distribution, False),
        (likelihood_sample_by_sample, False),
        (with_accuracy_first, False),
        (with_a_consistency_term, True),
        (shaped_like_the_output, False),
        (contrastive, False),
        (focal, False),
    ],
)
def test_losses_with_a_meaning_keep_it(step: Step, *, follows: bool) -> None:
    assert facts_of(step, follows=follows).surrogate == ""


def test_listening_between_steps_leaves_no_mode_behind() -> None:
    before = torch.overrides._get_current_function_mode_stack()
    facts_of(bootstrapped, follows=True)
    assert torch.overrides._get_current_function_mode_stack() == before


@pytest.mark.parametrize("follows", [False, True])
def test_choices_that_are_drawn_for_the_loss_alone_are_seen(follows: bool) -> None:
    seen = facts_of(drawn_again, follows=follows)
    assert seen.surrogate
    assert seen.redrawn


@pytest.mark.parametrize(
    "step",
    [reinforce, reinforce_state_by_state, read_by_the_world, embedded, clipped_ratio],
    ids=lambda step: step.__name__,
)
def test_choices_that_somebody_reads_are_no_second_draw(step: Step) -> None:
    assert not facts_of(step, follows=False).redrawn


def weighed(sign: float, *, valued: bool, written: str = "loss") -> Step:
    """A policy's loss with an advantage; the minus stands before the loss, or before the advantage."""

    def step(model: nn.Module, other: nn.Module) -> torch.Tensor:
        policy = Categorical(logits=model(STATES))
        action = policy.sample()
        brought = (action == LABELS).float()
        value = model(STATES + 1.0).mean(1)
        advantage = brought - value.detach() if valued else brought - brought.mean()
        if written == "loss":
            loss = -sign * (policy.log_prob(action) * advantage).mean()
        else:
            loss = sign * (policy.log_prob(action) * -advantage).mean()
        return loss + F.mse_loss(value, brought) if valued else loss

    return step


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("written", ["loss", "advantage"])
def test_which_way_a_policy_is_moved_is_seen(valued: bool, written: str) -> None:
    right = facts_of(weighed(1.0, valued=valued, written=written), follows=False)
    turned = facts_of(weighed(-1.0, valued=valued, written=written), follows=False)
    for facts, sign in ((right, 1.0), (turned, -1.0)):
        cosine = facts.pushed_by_values if valued else facts.pushed_by_weights
        assert cosine is not None
        assert cosine * sign > 0.5


def test_a_clipped_ratio_moves_choices_with_their_advantage() -> None:
    facts = facts_of(clipped_ratio, follows=False)
    assert facts.pushed_by_weights is None or facts.pushed_by_weights > 0.3


def test_a_ratio_to_older_chances_is_no_estimate_of_values() -> None:
    def step(model: nn.Module, other: nn.Module) -> torch.Tensor:
        with torch.no_grad():
            old = Categorical(logits=other(STATES))
            action = old.sample()
            before = old.log_prob(action)
        brought = (action == LABELS).float()
        ratio = (Categorical(logits=model(STATES)).log_prob(action) - before).exp()
        advantage = brought - brought.mean()
        return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()

    assert facts_of(step, follows=True).pushed_by_values is None
