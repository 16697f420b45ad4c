"""Does the plateau end when the run goes on?"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from statistics import mean

from gradcheck_cli.examine.against_constant import HALF, Reference, judged
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.chance import fit
from gradcheck_cli.examine.constants import repriced, without_end
from gradcheck_cli.examine.passes_over import evaluating, losses, paired
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.features.progress import FEW, PATIENCE
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.optimizers import configured

TIMES = 3  # the observed steps are taken once more, so often
# Small networks go on for longer: their steps cost next to nothing, and plateaus of hundreds of steps end.
SMALL, MORE = 200_000, PATIENCE - 1
LOOKS = 10  # at the fixed batches on the way
FURTHER = 4  # times as far, while it falls
ERRORS = 3  # standard errors in what `share` gives
TRAINED = 8  # steps whose losses tell whether the batches that it goes on with are learned by heart
LITTLE = 0.02  # of the scale of the loss: a fall below it in half of the extension is none
SHARE = 0.4  # of the time that is left


@dataclass(frozen=True, slots=True)
class Extended:
    """How far the unchanged run came when it went on."""

    steps: int
    share: float  # of what can be gained
    learns: bool
    was_better: bool = False  # than a constant, before it learned its own batches


@experiment(
    "longer",
    "Does it learn when the run goes on?",
    doubtful=True,
    plateau="Does it leave its plateau within as many steps as were observed?",
    has_end="Does every part of the loss have an end?",
)
def longer(scene: Scene) -> Iterator[Said]:
    """Go on training, three times as long as was observed (small networks fifteen times), and look at the fixed batches on the way.

    Procedure  plain steps on further batches at the present learning rate, or on the way to that of a warm-up; up to
               four times as many while the loss falls from above that of the best constant; the extension ends as soon as the model is clearly better than
               the best constant.
    Answers    fine: it is. Noted: it still falls, by more than its noise and 2 % in the second half of the
               extension, or is far below it and yet not for certain, or was below it before, and it
               went on with too few batches. Wrong: it is no better than a constant and stands still, for three times the observed steps or
               150, after a warm-up (where the time ends before, that is noted); unfinished where it ends before 800 steps of
               a small network. Wrong, too: the best constant itself costs ever less, faster and faster: a part of the loss has no end.
    Costs      at most three (fifteen) times the observed steps, without observing; four times that while it falls.
    Sources    plateaus end (Saxe et al. 2014, arXiv:1312.6120): a stall has to last.
    """
    scene.require_sense()
    subject, reference = scene.subject, scene.known.get("reference")
    if reference is None:
        raise NotApplicableError("there is no loss of a constant prediction to compare with")
    times = times_of(subject)
    number_of = meant = times * max(scene.trace.taken, 1)
    if not all(map(isfinite, reference.best)):
        raise NotApplicableError("the loss is not a finite number any more")
    scene.afford(scene.trace.taken)
    left = (1 - SHARE) * scene.remaining
    curve, constant, prices = [reference.best], reference.constant.losses, [reference.level]
    taken, warm, pace, trained = 0, 0, _pace(scene.trace), deque[float](maxlen=TRAINED)
    with subject.at("now"):
        for batch in subject.more():
            warm += not (pace and _rises(subject, pace))
            trained.append(subject.step(batch))
            if not isfinite(trained[-1]):
                break
            taken += 1
            late = taken >= number_of or scene.remaining < left
            if late or taken % max(meant // LOOKS, 1) == 0:
                curve.append(_best(scene))
                prices.append(mean(constant := repriced(subject, reference.constant)))
                above = mean(curve[-1]) > prices[-1] and _falls(reference, curve)
                if above and taken == number_of < FURTHER * meant:
                    number_of, late = number_of + meant, scene.remaining < left
                if late or judged(reference, curve[-1], constant).outcome is Outcome.FINE:
                    break
        fits = fit(scene, taken + scene.trace.taken, judged(reference, curve[-1], constant))
    yield from without_end(reference.constant, prices, map(mean, curve), reference.scale, taken)
    if len(curve) < 2 or not all(isfinite(x) for x in curve[-1]):
        yield Said(outcome=Outcome.WRONG, said=f"the loss is NaN or Inf {_later(taken)}")
        return
    said = _said(reference, curve, constant, taken, fits=fits)
    known = _for_others(said, reference, curve, mean(trained), scene.known.get("gain", 0.0))
    said, was_better = _in_time(known, taken, warm, scene.trace.taken, times), known is not said
    share, _ = reference.share(curve[-1], constant)
    scene.known["extended"] = Extended(taken, share, said.outcome is Outcome.FINE, was_better)
    yield said
    yield from _plateau(said, taken, scene.trace.taken)


def times_of(subject: Subject) -> int:
    """Return how many times the observed steps it goes on."""
    return MORE if sum(p.numel() for p in subject.model.parameters()) <= SMALL else TIMES


def _for_others(
    said: Said, reference: Reference, curve: list[list[float]], trained: float, gain: float
) -> Said:
    """Return what is said, noted where it was better than a constant before it learned its own batches.

    What was recorded may be a small part of the data: then this is no end of the user's training. `gain` is what
    was gained for certain, over many batches.
    """
    best, error = max(reference.share(losses) for losses in curve)
    by_heart = best > error / ERRORS and reference.level - trained >= HALF * reference.scale
    if said.outcome is not Outcome.WRONG or not (by_heart or gain > 0):
        return said
    words = f"{said.said}, though it was {reference.beside(max(best, gain))} that"
    if by_heart:
        words += f"; the batches that it went on with are learned by heart ({number(trained)}): they may be too few"
    return replace(said, outcome=Outcome.NOTED, said=words)


def _in_time(said: Said, taken: int, warm: int, observed: int, times: int) -> Said:
    """Return what is said, unfinished where it stands still and the time ended before that tells."""
    least = TIMES * min(observed, FEW)  # beside a warm-up
    whole = (times + 1) * min(observed, FEW) - observed
    if said.outcome is not Outcome.WRONG or (warm >= least and taken >= whole):
        return said
    after = " after the warm-up" if warm < taken else ""
    words = f"{said.said}; there was no time for {max(least, whole)}{after}"
    found = Outcome.NOTED if warm < least else Outcome.WRONG
    return replace(said, outcome=found, said=words, unfinished=True)


def _pace(trace: Trace) -> float:
    """Return by how much the learning rate grew per step in a warm-up that was not over; else 0."""
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    rises = len(rates) > 1 and rates[-1] > max(rates[:-1])
    return (rates[-1] - rates[0]) / (len(rates) - 1) if rises else 0.0


def _rises(subject: Subject, pace: float) -> bool:
    """Go on with a warm-up, and say whether it is not over; where rates are set by hand nobody knows its end."""
    groups = [g for optimizer in subject.optimizers for g in optimizer.param_groups if "lr" in g]
    for group in groups:
        group["lr"] = min(group["lr"] + pace, configured(group))
    scheduled = any("initial_lr" in group for group in groups)
    return not scheduled or any(group["lr"] < configured(group) for group in groups)


def _plateau(said: Said, taken: int, observed: int) -> Iterator[Said]:
    """Say how long a plateau lasts that ends, or seems to."""
    if said.outcome is Outcome.WRONG or said.unfinished:
        return
    learns = said.outcome is Outcome.FINE
    yield Said(
        about="plateau",
        outcome=Outcome.NOTED if taken > observed or not learns else Outcome.FINE,
        said=f"{_later(taken)} the loss is {'' if learns else 'still not '}clearly below that of a constant "
        "prediction",
        measured=float(taken),
        limit=float(observed),
        unit="steps",
    )


def _later(taken: int) -> str:
    return "1 step later" if taken == 1 else f"{taken} steps later"


def _best(scene: Scene) -> list[float]:
    now = losses(scene.subject)
    with evaluating(scene.subject.model):
        return min(now, losses(scene.subject), key=mean)


def _falls(reference: Reference, curve: list[list[float]]) -> bool:
    """Does the loss of the fixed batches fall, by more than its noise, in the second half of the way?"""
    fall, error = paired(curve[-1], curve[len(curve) // 2])
    return fall > error and fall > LITTLE * reference.scale


def _said(
    reference: Reference,
    curve: list[list[float]],
    constant: list[float],
    taken: int,
    *,
    fits: Outcome,
) -> Said:
    share, _ = reference.share(curve[-1], constant)
    found = judged(reference, curve[-1], constant, fits=fits).outcome
    falling = _falls(reference, curve)
    if found is not Outcome.FINE:
        likely = falling or share >= HALF or fits is Outcome.NOTED
        found = Outcome.NOTED if likely else Outcome.WRONG
    return Said(
        outcome=found,
        said=f"{_later(taken)} the loss of the same batches is {number(mean(curve[-1]))}, "
        f"{reference.beside(share)} that of the best constant prediction ({number(mean(constant))})"
        + (", and it falls" if falling and found is not Outcome.FINE else ""),
        measured=100 * share,
        limit=0.0,
        unit="%",
    )
