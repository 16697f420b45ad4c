"""wrong-direction: what else it says than the one experiment answered."""

import pytest
from torch.distributions import Categorical

from gradcheck_cli.rules.direction import wrong_direction
from tests.support.answered import answer, found
from tests.support.loops import adam, batch, report, small


def test_a_reward_that_is_maximized_is_in_order() -> None:
    assert found(wrong_direction, answer("loss-prefers-right"), answer("step-descends")) == []


@pytest.mark.parametrize("again", [True, False])
def test_a_policy_that_learns_from_other_choices_than_it_made(again: bool) -> None:
    def loop() -> None:
        policy = small()
        optimizer = adam(policy)
        for _ in range(30):
            x, best = batch()
            choice = Categorical(logits=policy(x))
            action = choice.sample()
            pay = (action == best).float() - 0.3
            optimizer.zero_grad()
            (-choice.log_prob(choice.sample() if again else action) * pay).mean().backward()
            optimizer.step()

    seen = report(loop)
    assert [f.name for f in seen.findings] == (["wrong-direction"] if again else [])
    assert [c.name for c in seen.causes] == (["labels-without-signal"] if again else [])
