"""wrong-direction: what else it says than the one experiment answered."""

import pytest
from torch.distributions import Categorical

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.direction import wrong_direction
from tests.support.answered import answer, found
from tests.support.loops import adam, batch, report, small


def test_a_reward_that_is_maximized_is_in_order() -> None:
    assert found(wrong_direction, answer("loss-prefers-right"), answer("step-descends")) == []


@pytest.mark.parametrize(
    ("habits", "known", "expected"),
    [
        (("ascends",), False, Severity.NOTE),
        (("ascends",), True, Severity.ERROR),  # right outputs cost less: it is a loss
        ((), False, Severity.ERROR),
    ],
)
def test_who_maximizes_what_nobody_knows_gets_a_note(
    habits: tuple[str, ...], known: bool, expected: Severity
) -> None:
    climbs = answer("step-descends")
    asked = answer("loss-prefers-right", outcome=Outcome.FINE if known else Outcome.SKIPPED)
    loop = LoopFacts(habits=tuple(Habit(kind=Kind(h), times=1) for h in habits))
    hits = wrong_direction(Trace(examination=(climbs, asked), loop=loop))
    assert not isinstance(hits, Skip)
    [hit] = hits
    assert hit.severity is expected


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
