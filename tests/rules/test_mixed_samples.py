"""mixed-samples: what the experiment answered, and nothing else."""

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Skip
from gradcheck_cli.rules.mixed_samples import mixed_samples
from tests.support.answered import answer, found


def test_it_is_found_where_the_experiment_says_so() -> None:
    [finding] = found(mixed_samples, answer("samples-in-model"))
    assert finding.message == "It is 2."
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (2.0, 1.0)


def test_nothing_is_found_where_the_experiment_speaks_for_the_training() -> None:
    assert found(mixed_samples, answer("samples-in-model", Outcome.FINE)) == []


def test_without_the_experiment_it_cannot_be_told() -> None:
    assert isinstance(found(mixed_samples), Skip)
    assert isinstance(found(mixed_samples, answer("samples-in-model", Outcome.SKIPPED)), Skip)
