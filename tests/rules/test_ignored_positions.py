"""ignored-positions: how grave each of its two experiments is."""

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.of_experiments import ignored_positions
from tests.support.answered import answer, found


def test_a_mask_that_is_turned_round_is_an_error_and_an_order_that_does_not_count_a_warning() -> (
    None
):
    both = found(ignored_positions, answer("order-counts"), answer("padding-counts"))
    assert isinstance(both, list)
    assert [f.severity for f in both] == [Severity.ERROR, Severity.WARNING]
