"""Does a run that learns keep what it has learned?"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf, isfinite
from statistics import mean, median

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import Constant, repriced, without_end
from gradcheck_cli.examine.freed import scaled_rates
from gradcheck_cli.examine.passes_over import least_loss
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.variant import share_of
from gradcheck_cli.examine.variants import standardized
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

TIMES = 7  # the observed steps, at most
LEAST = 2  # times the observed steps; fewer would not tell
SHARE = 0.5  # of the time that is left, for each run
AGAIN = 2  # times as many steps, after which a loss that has risen lies above its best still
FURTHER = 1.5  # at least, as time allows
LOOKS = 14
PARTS = 5  # of the losses on the way, whose means are compared
LAST, NEAR = 5, 3  # looks whose median is the end, and the best
LOST = 0.1  # of what had been gained
KEPT = 0.05  # of it, that a slower run may have lost as well
SLOWER = 0.1  # of the learning rate, in the run that is compared
SCALED = 60  # steps on standardized inputs
BY_SCALE = "; at this rate, standardized inputs bring it further down in fewer steps"


@experiment(
    "lasting",
    "Does it keep what it has learned when the run goes on?",
    has_end="Does every part of the loss have an end?",
)
def lasting(scene: Scene) -> Iterator[Said]:
    """Go on training a run that learns, up to seven times as long as was observed.

    Procedure  plain steps on further batches at the present learning rate, as many as half of the time
               allows; at each fourteenth of them the fixed batches, in the mode that does better. A run that
               loses what it had gained is compared with one that goes on with a tenth of the learning rate, and,
               where inputs are of an unusual size, with 60 steps on standardized ones.
    Answers    fine: it keeps it. Wrong: the last five looks (their median) lie above the best three in a row
               by more than a tenth of what had been gained, and so does the loss of the batches that it goes on with (its
               last fifth above its best): the fixed ones alone may just have been learned by heart; while the slower run keeps
               it and comes further, and they still do after twice as many steps, where time is left for them; or all of it is lost, or the loss is NaN or Inf. Wrong, too: the best constant costs ever less, faster and faster.
    Costs      at most seven times the observed steps, without observing; four times that where it collapses.
    Sources    Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 8.2.4 (cliffs); Cohen et al. 2021,
               arXiv:2103.00065 (the edge of stability).
    """
    reference = scene.known.get("reference")
    against = scene.answer("against-constant")
    if reference is None or against is None or against.outcome is not Outcome.FINE:
        raise NotApplicableError("the run has not learned anything yet that could be lost")
    if scene.subject.ended:
        raise NotApplicableError("it was seen to its end")
    if len({s.learning_rate for s in scene.trace.steps}) > 1:
        raise NotApplicableError("a schedule moves the learning rate")
    meant = TIMES * max(scene.trace.taken, 1)
    steps = scene.fewer(meant, SHARE, LEAST)
    curve = _gone_on(scene, steps, 1.0)
    way = curve.prices, curve.looks
    yield from without_end(reference.constant, *way, reference.scale, curve.steps)
    lost = _lost(curve, reference)
    slower = _gone_on(scene, curve.steps, SLOWER) if lost > LOST else curve
    cured = lost > LOST and _lost(slower, reference) < KEPT and slower.last < curve.best
    if (cured or lost >= 1) and isfinite(lost):
        curve = _followed(scene, curve)
        lost = _lost(curve, reference)
        cured = cured and lost > LOST
    gone = cured or lost >= 1
    scaled = cured and _learns_scaled(scene, curve.best)
    short = not gone and (steps < meant or scene.remaining <= 0)
    yield Said(
        outcome=Outcome.WRONG if gone else Outcome.FINE,
        said=f"{curve.steps} steps later the loss of the same batches is {number(curve.last)}"
        + (f", after it had come down to {number(curve.best)}" if gone else "")
        + (
            f"; with a tenth of the learning rate it is {number(slower.last)} after {slower.steps}"
            if cured
            else ""
        )
        + (BY_SCALE if scaled else "")
        + (f"; there was no time for {meant}" if short else ""),
        measured=min(max(100 * lost, 0.0), 100.0),
        limit=100 * LOST,
        unit="%",
        supports=("unnormalized-input" if scaled else "learning-rate-too-high",) if cured else (),
        unfinished=short,
    )


def _followed(scene: Scene, curve: "Curve") -> "Curve":
    """Return a longer way of a run that has lost what it gained: a rise may pass. Without time, the same way."""
    steps = min(AGAIN * curve.steps, int(scene.remaining / (scene.step_seconds or 1e-3)))
    return _gone_on(scene, steps, 1.0) if steps >= FURTHER * curve.steps else curve


def _learns_scaled(scene: Scene, best: float) -> bool:
    """Do inputs of a usual size let it come further at this rate, from the start and in fewer steps?"""
    variant = standardized(scene)
    if variant is None or SCALED * scene.step_seconds > scene.remaining:
        return False
    reference: Reference = scene.reference
    batches = list(islice(scene.subject.more(), SCALED))
    reached, _ = reference.share([best] * len(reference.start))
    return share_of(scene.subject, variant, batches, reference) > reached


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss of the fixed batches on the way."""

    looks: list[float]
    steps: int
    prices: list[float]  # what the best constant costs meanwhile
    passed: list[float]  # the losses of the batches that it went on with

    @property
    def best(self) -> float:
        """The least median of three looks in a row."""
        rows = range(max(len(self.looks) - NEAR + 1, 1))
        return min(median(self.looks[i : i + NEAR]) for i in rows)

    @property
    def last(self) -> float:
        """The median of the last five looks."""
        return median(self.looks[-LAST:])

    @property
    def risen(self) -> float:
        """By how much the losses on the way end above the best fifth of them; batches that are new tell."""
        size = len(self.passed) // PARTS
        means = [mean(self.passed[i * size : (i + 1) * size]) for i in range(PARTS * bool(size))]
        return means[-1] - min(means) if means else inf


def _gone_on(scene: Scene, steps: int, rate: float) -> Curve:
    subject, looks, passed = scene.subject, list[float](), list[float]()
    constant: Constant = scene.reference.constant
    prices = [mean(constant.losses)]
    with subject.at("now"):
        scaled_rates(subject, rate)
        looks.append(least_loss(subject))
        for batch in islice(subject.more(), steps):
            passed.append(subject.step(batch))
            taken = len(passed)
            if not isfinite(passed[-1]):
                return Curve([*looks, *[inf] * LAST], taken, prices, [])
            if taken % max(steps // LOOKS, 1) == 0:
                looks.append(least_loss(subject))
                prices.append(mean(repriced(subject, constant)))
                if scene.remaining <= 0:
                    break
    return Curve(looks, len(passed), prices, passed)


def _lost(curve: Curve, reference: Reference) -> float:
    """Return the share of what had been gained that is lost at the end."""
    gained = reference.level - curve.best
    if gained < ENOUGH * reference.scale:
        return 0.0
    if not isfinite(curve.last):
        return inf
    return (curve.last - curve.best) / gained if curve.risen > LOST * gained else 0.0
