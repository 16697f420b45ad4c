"""ignored-positions: what the experiment answered, and nothing else."""

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.rules.ignored_positions import ignored_positions
from tests.support.answered import answer, found


def test_it_is_found_where_the_experiment_says_so() -> None:
    [finding] = found(ignored_positions, answer("order-counts"))
    assert finding.message == "It is 2."
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (2.0, 1.0)


def test_nothing_is_found_where_the_experiment_speaks_for_the_training() -> None:
    assert found(ignored_positions, answer("order-counts", Outcome.FINE)) == []


def test_without_the_experiment_it_cannot_be_told() -> None:
    assert isinstance(found(ignored_positions), Skip)
    assert isinstance(found(ignored_positions, answer("order-counts", Outcome.SKIPPED)), Skip)


def test_a_mask_that_is_turned_round_is_an_error_and_an_order_that_does_not_count_a_warning() -> (
    None
):
    both = found(ignored_positions, answer("order-counts"), answer("padding-counts"))
    assert isinstance(both, list)
    assert [f.severity for f in both] == [Severity.ERROR, Severity.WARNING]
