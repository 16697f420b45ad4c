"""What the experiments say about the causes: one that was confirmed outranks any score."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck_cli.records.diagnosis import Cause, Fix, Status
from gradcheck_cli.verifying.verdicts import FEWEST_SEEDS

CONFIRMED = 0.8  # of the doubt that is left is taken away
REFUTED = 0.3  # of the score is kept
FAILED = {Status.INEFFECTIVE, Status.HARMFUL}


def reconsidered(causes: Sequence[Cause], fixes: Sequence[Fix]) -> tuple[Cause, ...]:
    """Return the causes with scores and reasons that the tried fixes give, the best first.

    Confirmed ones come before those that nobody could test, and these before refuted ones. A cause
    is refuted when everything that was tried against it, on two seeds or more, did nothing.
    """
    ranked = [_weighed(cause, [f for f in fixes if f.treats == cause.name]) for cause in causes]
    ranked.sort(key=lambda pair: (pair[0], -pair[1].score))
    return tuple(cause for _, cause in ranked)


def _weighed(cause: Cause, fixes: Sequence[Fix]) -> tuple[int, Cause]:
    proven = [f for f in fixes if f.verification.status is Status.VERIFIED]
    if proven:
        best = max(proven, key=lambda f: f.verification.effect or 0.0)
        effect = best.verification.effect or 0.0
        reason = f"confirmed by experiment: {best.name} lowers the held-out loss by {effect:.0%}"
        score = 1 - (1 - cause.score) * (1 - CONFIRMED)
        return 0, replace(cause, score=score, reasons=(*cause.reasons, reason))
    tried = [f for f in fixes if len(f.verification.seeds) >= FEWEST_SEEDS]
    if tried and all(f.verification.status in FAILED for f in tried):
        reason = f"not confirmed: {', '.join(f.name for f in tried)} did not help"
        score = cause.score * REFUTED
        return 2, replace(cause, score=score, reasons=(*cause.reasons, reason))
    return 1, cause
