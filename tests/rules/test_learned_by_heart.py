"""GC411: what is learned holds for no other samples."""

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.rules.of_experiments import learned_by_heart
from tests.support.answered import answer, found


def test_samples_that_were_left_out_are_never_better_than_a_constant() -> None:
    [finding] = found(learned_by_heart, answer("unseen-data"))
    assert finding.severity is Severity.WARNING


def test_what_holds_for_them_passes_and_without_the_experiment_it_cannot_tell() -> None:
    assert found(learned_by_heart, answer("unseen-data", Outcome.FINE)) == []
    assert isinstance(found(learned_by_heart), Skip)
