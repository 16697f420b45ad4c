"""What is named where nothing else is known counts for less, unless what was tried speaks for it."""

import pytest

from gradcheck_cli.causes.base import Support
from gradcheck_cli.causes.examined import examined, supporting
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.trace import Step, Trace


def answer(name: str, outcome: Outcome = Outcome.FINE, *, unfinished: bool = False) -> Answer:
    return Answer(name=name, question="?", outcome=outcome, said=name, unfinished=unfinished)


PLATEAU = answer("longer", Outcome.WRONG)
RATES = (answer("rate-lower"), answer("rate-higher"))
HEART = answer("by-heart")


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        ((), True),  # nobody asked
        ((PLATEAU, *RATES, HEART), True),
        ((PLATEAU, HEART), False),  # no time was left for the rates
        ((answer("longer", Outcome.SKIPPED, unfinished=True),), False),
        ((PLATEAU, *RATES, answer("by-heart", Outcome.WRONG)), False),
        ((PLATEAU, RATES[0], HEART), True),  # the rate is too high for ten times it
    ],
)
def test_labels_are_charged_when_the_rates_were_tried(
    answers: tuple[Answer, ...], counts: bool
) -> None:
    found = examined(Trace(examination=answers), "labels-without-signal", Support(0.75, ("loss",)))
    assert found is not None
    assert (found.score >= 0.75) is counts


@pytest.mark.parametrize("redrawn", [Outcome.FINE, Outcome.WRONG])
def test_a_run_that_breaks_with_other_weights_as_well_is_broken_by_its_rate(
    redrawn: Outcome,
) -> None:
    cured = [
        Answer(name=name, question="?", outcome=Outcome.WRONG, said=name, supports=(cause,))
        for name, cause in (
            ("rate-lower", "learning-rate-too-high"),
            ("smaller-scores", "init-too-large"),
        )
    ]
    broken = Step(index=0, loss=float("nan"))
    trace = Trace(steps=(broken,), examination=(*cured, answer("redrawn-weights", redrawn)))
    assert supporting(trace, "learning-rate-too-high")
    assert bool(supporting(trace, "init-too-large")) is (redrawn is Outcome.WRONG)


def test_of_two_changes_that_were_needed_together_the_one_that_came_further_stands_first() -> None:
    names = ("unnormalized-input", "learning-rate-too-low")
    for supports in (names, names[::-1]):
        both = Answer(
            name="two-changes", question="?", outcome=Outcome.WRONG, said="both", supports=supports
        )
        trace = Trace(examination=(both,))
        scores = {name: getattr(examined(trace, name, None), "score", 0.0) for name in names}
        assert max(scores, key=lambda name: scores[name]) == supports[0]
