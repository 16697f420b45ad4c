"""What the experiments say about the causes: proven fixes confirm, failed ones refute."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradcheck_cli.records.diagnosis import Cause, Fix, Status
from gradcheck_cli.remedies.cards import CARDS
from gradcheck_cli.verifying.verdicts import FEWEST_SEEDS

CONFIRMED = 0.9  # of the doubt that is left is taken away
REFUTED = 0.3  # of the score is kept
FAILED = {Status.INEFFECTIVE, Status.HARMFUL}


def reconsidered(causes: Sequence[Cause], fixes: Sequence[Fix]) -> tuple[Cause, ...]:
    """Return the causes with scores and reasons that the tried fixes give, the best first.

    A proven fix takes away doubt, divided among the causes it would prove alike: normalisation helps
    against much and tells little. A cause is refuted when everything that was tried against it, on
    two seeds or more, did nothing.
    """
    treats = {card.name: card.treats for card in CARDS}
    found = {cause.name for cause in causes}
    weighed = [
        _weighed(
            cause,
            [f for f in fixes if f.treats == cause.name],
            lambda fix: len(found.intersection(treats.get(fix.name, ()))) or 1,
        )
        for cause in causes
    ]
    return tuple(sorted(weighed, key=lambda cause: -cause.score))


def _weighed(cause: Cause, fixes: Sequence[Fix], rivals: Callable[[Fix], int]) -> Cause:
    proven = [f for f in fixes if f.verification.status is Status.VERIFIED]
    if proven:
        best = max(proven, key=lambda f: f.verification.effect or 0.0)
        effect = best.verification.effect or 0.0
        reason = f"confirmed by experiment: {best.name} lowers the held-out loss by {effect:.0%}"
        score = round(1 - (1 - cause.score) * (1 - CONFIRMED / rivals(best)), 3)
        return replace(cause, score=score, reasons=(*cause.reasons, reason))
    tried = [f for f in fixes if len(f.verification.seeds) >= FEWEST_SEEDS]
    if tried and all(f.verification.status in FAILED for f in tried):
        reason = f"not confirmed: {', '.join(f.name for f in tried)} did not help"
        score = round(cause.score * REFUTED, 3)
        return replace(cause, score=score, reasons=(*cause.reasons, reason))
    return cause
