"""What the experiments say of a cause that was weighed."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck_cli.causes.base import Support
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.diagnosis import Basis, Cause
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.trace import Trace

# Named where nothing else is known; without an experiment for them they are guesses.
FALLBACKS = frozenset({"init-too-small", "init-too-large", "labels-without-signal"})
GUESS = 0.4  # of a fallback's score that is left where experiments were made and none speaks for it
LEAST, RANGE = 0.8, 0.17  # a cure raises a score to LEAST, and by RANGE more when it restores all
# Replays, and the causes that they would have confirmed.
TRIED = {
    "rate-lower": "learning-rate-too-high",
    "rate-higher": "learning-rate-too-low",
    "without-decay": "weight-decay-too-strong",
    "standardized-inputs": "unnormalized-input",
}
# Causes that a more exact one replaces where an experiment names it.
REPLACED_BY = {
    "wrong-output-activation": ("output-outside-loss-domain", "softmax-over-batch"),
    "learning-rate-too-high": ("gradient-ascent", "flipped-loss"),
}
# Experiments that change one thing: their number is the share of the loss that the change restores.
CURES = frozenset(
    "rate-lower rate-higher adaptive-steps unclipped unfrozen without-decay without-dropout without-penalty standardized-inputs "
    "standardized-targets fitting-output nonlinear-layers numbered-positions redrawn-weights smaller-scores larger-scores cross-entropy without-softmax without-saturation two-changes".split()
)
# Experiments that trained with the change and saw it learn, or saw that it is so: weights that no gradient reaches.
CERTAIN = CURES | {"lasting", "cut-gradient"}
# Changes that make steps smaller, too: of a run that breaks they say no more than a smaller rate does.
SHRINKING = frozenset({"smaller-scores", "nonlinear-layers"})
SECOND = 1e-3  # what a cause has less than the one before it in an answer: enough for an order
UNCONFIRMED = 0.6  # of a score that is left when the change was tried and cured nothing


def guessed(cause: Cause) -> bool:
    """Is it named for want of another one, and no experiment speaks for it? Then no headline names it."""
    return cause.basis is Basis.SIGNS and cause.name in FALLBACKS


def supporting(trace: Trace, cause: str) -> tuple[Answer, ...]:
    """Return the answers that speak against the training and name this cause."""
    found = (a for a in trace.examination if a.outcome is Outcome.WRONG and cause in a.supports)
    return tuple(a for a in found if not (a.name in SHRINKING and _breaks_by_its_steps(trace)))


def _breaks_by_its_steps(trace: Trace) -> bool:
    """Does the run break at this rate with other initial weights as well, and not at a smaller one?"""
    lower, redrawn = trace.answer("rate-lower"), trace.answer("redrawn-weights")
    return (
        progress(trace).state in {State.BROKEN, State.DIVERGING}
        and (lower is not None and lower.outcome is Outcome.WRONG)
        and (redrawn is not None and redrawn.outcome is Outcome.FINE)
    )


def cured(trace: Trace) -> frozenset[str]:
    """Return the causes without which the run was seen to learn, or that are so whatever a trial says."""
    return frozenset(
        name
        for a in trace.examination
        if a.name in CERTAIN and a.outcome is Outcome.WRONG
        for name in a.supports
    )


def grade(answers: Sequence[Answer]) -> float:
    """Return the score that answers give a cause: a fact counts in full, a cure by what it restores."""
    gone = max(
        (a.measured or 0.0) / 100 if a.unit == "%" and a.name in CURES else 1.0 for a in answers
    )
    return LEAST + RANGE * min(max(gone, 0.0), 1.0)


def examined(trace: Trace, cause: str, support: Support | None) -> Support | None:
    """Return the support of a cause after what experiments say of it."""
    answers = supporting(trace, cause)
    if answers:
        # Of two changes that were needed together, what came further alone stands first.
        score = grade(answers) - SECOND * min(a.supports.index(cause) for a in answers)
        said = tuple(a.said for a in answers)
        if support is None:
            layers = tuple(path for a in answers for path in a.layers)
            return Support(
                score, said, layers, layers[0] if layers else None, basis=Basis.EXPERIMENT
            )
        more = tuple(reason for reason in support.reasons if reason not in said)
        basis = support.basis if support.basis is Basis.FACT else Basis.EXPERIMENT
        score = max(score, support.score)
        return replace(support, score=score, reasons=(*said, *more), basis=basis)
    if support is None:
        return None
    if any(supporting(trace, better) for better in REPLACED_BY.get(cause, ())):
        return replace(support, score=support.score * UNCONFIRMED)
    if support.basis is not Basis.SIGNS:
        return support
    asked = trace.answer("longer") is not None or any(a.unfinished for a in trace.examination)
    if cause in FALLBACKS and asked:
        return _fallback(trace, cause, support)
    refuted = [trace.answer(name) for name, about in TRIED.items() if about == cause]
    if any(a is not None for a in refuted):
        return replace(support, score=support.score * UNCONFIRMED)
    return support


def _fallback(trace: Trace, cause: str, support: Support) -> Support:
    """A guess counts for less, unless all that was tried speaks for it."""
    heart = trace.answer("by-heart")
    if cause.startswith("init") and heart is not None and heart.outcome is Outcome.WRONG:
        return replace(support, reasons=(*support.reasons, heart.said))
    tried = trace.answer("rate-lower") is not None  # some rates are too high for a larger one
    if cause == "labels-without-signal" and heart is not None and tried and not cured(trace):
        if heart.outcome is Outcome.FINE:
            left = (heart.said, *support.reasons)  # what else could be was tried, and did not help
            return replace(support, reasons=left, basis=Basis.EXPERIMENT)
        return replace(support, score=support.score * GUESS / 2)
    return replace(support, score=support.score * GUESS)
