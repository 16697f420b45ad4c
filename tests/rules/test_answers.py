"""Rules that say what an experiment answered, and nothing else."""

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Skip
from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import Rule
from tests.support.answered import answer, found

ASKED = {
    "cut-gradient": "cut-gradient",
    "evaluation-differs": "modes-agree",
    "ignored-positions": "order-counts",
    "leaking-target": "sees-target",
    "mixed-samples": "samples-in-model",
    "unused-input": "inputs-used",
    "wrong-direction": "loss-prefers-right",
}
each = pytest.mark.parametrize(
    ("rule", "asked"),
    [pytest.param(rule, ASKED[rule.name], id=rule.name) for rule in RULES if rule.name in ASKED],
)


@each
def test_it_is_found_where_the_experiment_says_so(rule: Rule, asked: str) -> None:
    [finding] = found(rule, answer(asked))
    assert finding.message == "It is 2."
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (2.0, 1.0)


@each
def test_nothing_is_found_where_the_experiment_speaks_for_the_training(
    rule: Rule, asked: str
) -> None:
    assert found(rule, answer(asked, Outcome.FINE)) == []


@each
def test_without_the_experiment_it_cannot_be_told(rule: Rule, asked: str) -> None:
    assert isinstance(found(rule), Skip)
    assert isinstance(found(rule, answer(asked, Outcome.SKIPPED)), Skip)
