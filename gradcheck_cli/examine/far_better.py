"""Does a run come far further with one setting changed, on samples that are left out?"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from math import isfinite
from statistics import mean
from typing import Any

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import Constant, repriced
from gradcheck_cli.examine.freed import unclipped, undecayed, unfrozen
from gradcheck_cli.examine.input_scales import FAR
from gradcheck_cli.examine.instead import bent_units
from gradcheck_cli.examine.passes_over import least_loss
from gradcheck_cli.examine.subject import NotApplicableError, Only
from gradcheck_cli.examine.unseen_data import FEWEST, samples, settled_constant
from gradcheck_cli.examine.variant import Variant, mean_loss
from gradcheck_cli.examine.variants import redrawn, standardized, unfitting
from gradcheck_cli.features.circumstances import lost_at_start
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

TIMES = 8  # the observed steps
LEAST = 2  # times the observed steps; fewer would not tell
SHARE = 0.6  # of the time that is left, for all runs together
LEFT = 0.5  # of what the unchanged run leaves: a setting that costs half of what could be learned is no taste
STARVED = 3.0  # decades of gradient that are lost before the first update: GC101 reports as much
# What was measured to be unusual without training, so that two measurements agree.
MEASURED = frozenset({"standardized-inputs"})
MUCH = 2 * ENOUGH  # of the scale of the loss


@experiment(
    "far-better",
    "Does a single setting hold the run back?",
    without_decay="Does it learn far more without weight decay?",
    unclipped="Does it learn far more with steps that clipping does not shrink?",
    standardized_inputs="Does it learn far more when inputs are standardized?",
    cross_entropy="Does it learn far more with cross entropy for the gradient?",
    without_softmax="Does it learn far more with a ReLU in place of softmaxes between its layers?",
    unfrozen="Does it learn far more when frozen layers of random weights are trained?",
    redrawn_weights="Does it learn far more from other initial weights?",
    without_saturation="Does it learn far more with ReLUs in place of sigmoids and tanhs between its layers?",
)
def far_better(scene: Scene) -> Iterator[Said]:
    """Train on nine tenths of the samples, unchanged and with one thing changed, and measure the others.

    Procedure  up to eight times the observed steps, from the start; asked where weight decay could move weights by a
               tenth meanwhile, or is a part of the gradient that an adaptive optimizer scales; where clipping leaves
               less than a thirtieth of the gradient to an optimizer that goes by its size (the rate is
               multiplied by what is lost); where inputs as a whole are of an unusual size; where errors of
               probabilities are squared, the slope of which ends at mistakes that are certain; where a softmax stands between layers; where the gradient is lost before the first update (weights drawn anew,
               ReLUs in place of hidden sigmoids and tanhs); and, of a run that does not learn, too, where frozen weights still look as they were drawn: entries as of a uniform or normal distribution, no
               direction that stands out, no copy of trained weights.
    Answers    fine: the change is no better. Wrong: samples that were left out cost so much less with it that
               24 % more of what can be gained is gone, and, of a run that learns, less than half of what the unchanged
               run leaves is left; of inputs, whose size was measured, the first is enough.
               Regularization that is meant makes them cost less, not more.
    Costs      the unchanged run and one for each change, without observing.
    Sources    Loshchilov & Hutter 2019, arXiv:1711.05101 (decay in Adam's gradient); Marchenko & Pastur 1967
               (the largest singular value of random matrices); Golik et al. 2013 (cross entropy against squared errors).
    """
    subject, reference = scene.subject, scene.known.get("reference")
    against = scene.answer("against-constant")
    if reference is None or against is None:
        raise NotApplicableError("there is no loss of a constant prediction to compare with")
    meant, learns = TIMES * max(scene.trace.taken, 1), scene.learns
    changes = _changes(scene, meant)
    batches, held = subject.apart()
    if samples(subject, held) < FEWEST:
        raise NotApplicableError("there are too few samples to leave some out")
    steps = scene.fewer(meant, SHARE / (1 + len(changes)), LEAST)
    only: Any = Only(subject, held)
    with subject.at("start"):
        constant = settled_constant(only, reference)
    taken = list(islice(batches, steps))
    unchanged, level = _end(only, Variant(), taken, constant)
    before = max((level - unchanged) / (reference.scale or 1.0), 0.0)
    for variant in changes:
        loss, level = _end(only, variant, taken, constant)
        after = (level - loss) / (reference.scale or 1.0) if isfinite(loss) else float("-inf")
        asked_for = not learns or variant.name in MEASURED  # else it has to be more than a taste
        wrong = after - before >= MUCH and (asked_for or 1 - after <= LEFT * (1 - before))
        yield Said(
            about=variant.name,
            outcome=Outcome.WRONG if wrong else Outcome.FINE,
            said=f"{'yes' if wrong else 'no'}: {variant.words}, {steps} steps bring the loss of samples that are left "
            f"out to {number(loss)}; unchanged, to {number(unchanged)}",
            measured=100 * after,
            limit=100 * (before + MUCH),
            unit="%",
            supports=variant.supports if wrong else (),
        )


def _changes(scene: Scene, meant: int) -> list[Variant]:
    """Return what is changed; raises NotApplicableError where nothing is unusual."""
    asked, extended = [unfrozen(scene)], scene.known.get("extended")
    if scene.learns:
        asked += undecayed(scene, meant), unclipped(scene)
        size = scales.measured if (scales := scene.answer("input-scales")) else None
        if size and not 1 / FAR < size < FAR:  # as a whole: rare pixels are columns apart, too
            asked.append(standardized(scene))
        if not scene.trace.skips and lost_at_start(scene.trace) >= STARVED:
            asked += *(v for v in redrawn(scene) if v.supports), bent_units(scene)
    if scene.learns or (extended is not None and extended.learns):
        asked += unfitting(scene)
    if changes := [v for v in asked if v is not None]:
        return changes
    raise NotApplicableError(
        "nothing decays fast, is clipped hard or has an unusual size, and no frozen weights are random"
    )


def _end(
    only: Any, variant: Variant, batches: Sequence[Any], constant: Constant
) -> tuple[float, float]:
    """Return what the samples that were left out cost after the changed run, and what a constant does."""
    with only.at("start"), variant.around():
        variant.edit(only)
        loss, step = variant.loss_of(only), variant.step_of(only)
        if not all(isfinite(step(batch, loss)) for batch in batches):
            return float("inf"), mean(constant.losses)
        measured = loss if variant.loss is None else None
        end = least_loss(only, partial(mean_loss, only, measured))
        return end, mean(repriced(only, constant))
