"""What the experiments say about the causes: proven fixes confirm, failed ones refute."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from gradcheck_cli.causes.ranking import place
from gradcheck_cli.records.diagnosis import Basis, Cause, Fix, Status
from gradcheck_cli.remedies.cards import all_cards
from gradcheck_cli.verifying.verdicts import FEWEST_SEEDS

CONFIRMED = 0.9  # of the doubt that is left is taken away
REFUTED = 0.3  # of the score is kept
FAILED = {Status.INEFFECTIVE, Status.HARMFUL}
OF_THE_LOOP = (
    "mend-loop"  # mistakes that were seen to be made, whatever a short trial without them does
)


def reconsidered(
    causes: Sequence[Cause], fixes: Sequence[Fix], cured: Collection[str] = ()
) -> tuple[Cause, ...]:
    """Return the causes with scores and reasons that the tried fixes give, the best first.

    A proven fix takes away doubt, shared among the causes it would prove alike (normalization helps
    against much and tells little) as they were likely before, which is Bayes' rule with equal
    likelihoods; and in the measure of what the best proven fix achieves: where rival causes are both
    treated with success, the one whose treatment does more is likelier. A cause is refuted when
    everything that was tried against it, on two seeds or more, did nothing; not one that is among the
    `cured`, without which the run was seen to learn: such a trial was too short, or of another size.
    Nor is a mistake of the loop, which was seen to be made.
    """
    treats = {card.name: card.treats for card in all_cards()}
    prior = {cause.name: cause.score for cause in causes}
    most = max((_effect(f) for f in fixes if _is_proven(f)), default=0.0)

    def proof(fix: Fix) -> float:
        alike = {*treats.get(fix.name, ()), fix.treats} & prior.keys()
        share = prior[fix.treats] / (sum(prior[name] for name in alike) or 1.0)
        return CONFIRMED * share * (_effect(fix) / most if most > 0 else 1.0)

    weighed = [
        _weighed(c, [f for f in fixes if f.treats == c.name], proof, seen=c.name in cured)
        for c in causes
    ]
    return tuple(sorted(weighed, key=place))  # alike: as they came


def _weighed(
    cause: Cause, fixes: Sequence[Fix], proof: Callable[[Fix], float], *, seen: bool
) -> Cause:
    proven = [f for f in fixes if _is_proven(f)]
    if proven:
        best = max(proven, key=proof)
        reason = (
            f"confirmed by experiment: {best.name} lowers the "
            f"{best.verification.compared} by {_effect(best):.0%}"
        )
        score = round(1 - (1 - cause.score) * (1 - proof(best)), 3)
        basis = Basis.FACT if cause.basis is Basis.FACT else Basis.EXPERIMENT
        return replace(cause, score=score, reasons=(*cause.reasons, reason), basis=basis)
    tried = [f for f in fixes if len(f.verification.seeds) >= FEWEST_SEEDS]
    if tried and all(f.verification.status in FAILED for f in tried):
        names = ", ".join(f.name for f in tried)
        if seen or names == OF_THE_LOOP:
            outweighs = "experiment" if seen else "mistake that was seen"
            reason = f"{names} did not help in the trials, which the {outweighs} outweighs"
            return replace(cause, reasons=(*cause.reasons, reason))
        reason = f"not confirmed: {names} did not help"
        score = round(cause.score * REFUTED, 3)
        return replace(cause, score=score, reasons=(*cause.reasons, reason), basis=Basis.SIGNS)
    return cause


def _is_proven(fix: Fix) -> bool:
    return fix.verification.status is Status.VERIFIED


def _effect(fix: Fix) -> float:
    return fix.verification.effect or 0.0
