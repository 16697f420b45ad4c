"""Does a run that learns keep what it has learned?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf, isfinite
from statistics import mean, median

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import evaluating, losses
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.examine.variants import scaled_rates
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.progress import ENOUGH

TIMES = 7  # the observed steps, at most
LEAST = 2  # times the observed steps; fewer would not tell
SHARE = 0.3  # of the time that is left, for each run
LOOKS = 14
LOST = 0.5  # of what had been gained
SLOWER = 0.1  # of the learning rate, in the run that is compared


@experiment("lasting", "Does it keep what it has learned when the run goes on?")
def lasting(scene: Scene) -> Iterator[Said]:
    """Go on training a run that learns, up to seven times as long as was observed.

    Procedure  plain steps on further batches at the present learning rate, as many as a third of the time
               allows; at each fourteenth of them the fixed batches, in the mode that does better. A run that
               loses what it had gained is compared with one that goes on with a tenth of the learning rate.
    Answers    fine: it keeps it. Wrong: the last three looks all lie above the best one by more than half of
               what had been gained, or the loss is no number.
    Costs      at most seven times the observed steps, without observing; twice that where it collapses.
    Sources    Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 8.2.4 (cliffs); Cohen et al. 2021,
               arXiv:2103.00065 (the edge of stability).
    """
    reference = scene.known.get("reference")
    against = scene.answer("against-constant")
    if reference is None or against is None or against.outcome is not Outcome.FINE:
        raise NotApplicableError("the run has not learned anything yet that could be lost")
    if len({s.learning_rate for s in scene.trace.steps}) > 1:
        raise NotApplicableError("a schedule moves the learning rate")
    steps = _affordable(scene)
    curve = _gone_on(scene, steps, 1.0)
    if not (lost := _lost(curve, reference)) > LOST:
        yield Said(
            outcome=Outcome.FINE,
            said=f"{curve.steps} steps later the loss of the same batches is {number(curve.last)}",
            measured=100 * max(lost, 0.0),
            limit=100 * LOST,
            unit="%",
        )
        return
    slower = _gone_on(scene, steps, SLOWER)
    cured = _lost(slower, reference) < LOST / 2
    yield Said(
        outcome=Outcome.WRONG,
        said=f"{curve.steps} steps later the loss of the same batches is {number(curve.last)}, after it had come "
        f"down to {number(curve.best)}"
        + (f"; with a tenth of the learning rate it is {number(slower.last)}" if cured else ""),
        measured=min(100 * lost, 100.0),
        limit=100 * LOST,
        unit="%",
        supports=("learning-rate-too-high",) if cured else (),
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss of the fixed batches on the way."""

    looks: list[float]
    steps: int

    @property
    def best(self) -> float:
        """The least that two looks in a row agree on."""
        return min(map(max, zip(self.looks, self.looks[1:], strict=False)), default=self.looks[0])

    @property
    def last(self) -> float:
        """The median of the last three looks."""
        return median(self.looks[-3:])


def _affordable(scene: Scene) -> int:
    taken = max(scene.trace.taken, 1)
    pace = scene.step_seconds or 1e-3
    steps = min(TIMES * taken, int(SHARE * scene.remaining / pace))
    if steps < LEAST * taken:
        raise NotApplicableError(f"the time left allows {steps} steps, too few to tell")
    return steps


def _gone_on(scene: Scene, steps: int, rate: float) -> Curve:
    subject, looks, taken = scene.subject, list[float](), 0
    ends = time.monotonic() + 2 * SHARE * max(scene.remaining, 0.0)
    with subject.at("now"):
        scaled_rates(subject, rate)
        looks.append(_look(subject))
        for batch in islice(subject.more(), steps):
            value = subject.step(batch)
            taken += 1
            if not isfinite(value):
                return Curve([*looks, inf, inf, inf], taken)
            if taken % max(steps // LOOKS, 1) == 0:
                looks.append(_look(subject))
                if time.monotonic() > ends:
                    break
    return Curve(looks, taken)


def _look(subject: Subject) -> float:
    found = [mean(losses(subject))]
    with evaluating(subject.model):
        found.append(mean(losses(subject)))
    return min((x for x in found if isfinite(x)), default=inf)


def _lost(curve: Curve, reference: Reference) -> float:
    """Return the share of what had been gained that all of the last three looks have lost."""
    gained = reference.level - curve.best
    if gained < ENOUGH * reference.scale:
        return 0.0
    return (min(curve.looks[-3:]) - curve.best) / gained if isfinite(curve.last) else inf
