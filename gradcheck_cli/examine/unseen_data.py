"""Does what it learns hold for samples it was not trained on?"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from math import isfinite
from statistics import mean
from typing import Any

import torch

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.chance import PATIENCE
from gradcheck_cli.examine.constants import Constant, best_constant, classes_of, repriced
from gradcheck_cli.examine.longer import Extended
from gradcheck_cli.examine.passes_over import evaluating, least_loss, losses
from gradcheck_cli.examine.subject import NotApplicableError, Only, OutOfTimeError, Subject
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEWEST = 32  # held-out samples
LOOKS = 8
MORE = 3  # times the steps that it took, while neither is clear: that it learns by heart, or more than that
MUCH = 2 * ENOUGH  # of the training samples' loss: at less, others need not have gained yet
LITTLE = 0.03  # of the scale of the loss
SHARE = 0.4  # of the time that is left
MOST = 0.8  # of it where the run learned only when it went on: little else is asked then
SURE = 3.0  # standard deviations of chance
PASSES = 1.0  # over the data; fewer, and each observed loss was that of new samples


@experiment("unseen-data", "Does what it learns hold for samples it was not trained on?")
def unseen_data(scene: Scene) -> Iterator[Said]:
    """Train from the start on nine tenths of the samples and measure the others on the way.

    Procedure  as many steps as it took to learn the training samples, and up to three times as many while it is
               not clear; at each eighth of them the loss of the samples that are left out, in the mode that does
               better, against the best constant for them, with what else the loss holds, such as penalties, as it
               is then.
    Answers    fine: at some look it is below. Noted: by less than 3 %, or than chance gives where the run learned only when it
               went on; or never, and more of the others are put into their
               class than chance does: it is too sure of them. Wrong: never, while a quarter of the training samples'
               loss is gone: they are learned by heart, and nothing holds for others (labels that do not belong to
               their inputs, or nothing to be known).
               Not asked where there is no time and the data were passed over fewer than ten times.
    Costs      the observed steps, or those of the extension, once more.
    Sources    Zhang et al. 2017, arXiv:1611.03530 (networks fit random labels).
    """
    subject, reference = scene.subject, scene.reference
    steps = _steps(scene)
    batches, held = subject.apart()
    if samples(subject, held) < FEWEST:
        raise NotApplicableError("there are too few samples to leave some out")
    try:
        scene.afford(steps // 2)
    except OutOfTimeError:
        if steps < PATIENCE * (subject.steps_per_pass or 0):
            raise NotApplicableError(
                "it passed over its data too rarely to know it by heart"
            ) from None
        raise
    only: Any = Only(subject, held)
    left = (1 - (MOST if scene.soon else SHARE)) * scene.remaining
    with subject.at("start"):
        constant = settled_constant(only, reference)
        looks = []
        learned = 0.0
        for taken, batch in enumerate(islice(batches, MORE * steps), 1):
            if not isfinite(subject.step(batch)):
                break
            if taken % max(steps // LOOKS, 1) == 0:
                looks.append((least_loss(only), mean(repriced(only, constant))))
                known = repriced(subject, reference.constant)
                learned, _ = reference.share(losses(subject), known)
                beyond = max(level - loss for loss, level in looks)
                told = learned >= MUCH or beyond > LITTLE * reference.scale
                if (taken >= steps and told) or scene.remaining < left:
                    break
        right = _right(only)
    if looks and learned < ENOUGH and scene.remaining < left:
        raise OutOfTimeError("the time ended before the samples it is trained on were learned")
    if not looks or learned < ENOUGH:
        raise NotApplicableError("the samples it is trained on are not learned yet")
    chance = SURE**2 / _targets(subject, held) if scene.soon else 0.0
    best = max(looks, key=lambda look: look[1] - look[0])
    yield _said(*best, learned, reference, right, chance)


def _right(only: Any) -> str:
    """Say how many samples are put into their class, where chance does not do it."""
    hits, labels = [], []
    with suppress(NotApplicableError), evaluating(only.model), torch.no_grad():
        for batch in only.batches:
            output = only.main(only.outputs(batch))
            classes = classes_of(output, only.targets(batch))
            if classes is None:
                return ""
            hits.append(output.argmax(1) == classes)
            labels.append(classes)
    if not labels:
        return ""
    share = float(torch.cat(hits).double().mean())
    most = float(torch.cat(labels).bincount().max()) / sum(map(len, labels))
    if share - most <= SURE * (most * (1 - most) / sum(map(len, labels))) ** 0.5:
        return ""
    return f"; {number(100 * share)} % of them are put into their class, the commonest of which holds {number(100 * most)} %"


def _said(
    best: float, level: float, learned: float, reference: Reference, right: str, chance: float
) -> Said:
    share = (level - best) / (reference.scale or 1.0)
    by_heart = share <= 0 and learned >= MUCH and not right
    by_chance = share < chance and not right
    little = share < LITTLE or by_chance
    outcome = Outcome.WRONG if by_heart else Outcome.NOTED if little else Outcome.FINE
    if 0 < share < chance and not right:
        right = f"; by chance alone it could be {number(100 * chance)} % of what can be gained"
    return Said(
        outcome=outcome,
        said=f"samples that were left out cost {number(best)} at best, {reference.beside(share)} "
        f"a constant prediction ({number(level)}), while "
        f"{number(100 * learned)} % of the training samples' loss is gone{right if share <= 0 or by_chance else ''}",
        measured=100 * share,
        limit=0.0,
        unit="%",
        supports=("labels-without-signal",) if by_heart or by_chance else (),
    )


def _steps(scene: Scene) -> int:
    """Return how many steps it took to learn; raises NotApplicableError where samples were seen once."""
    against = scene.answer("against-constant")
    extended: Extended | None = scene.known.get("extended")
    if (against and against.outcome is Outcome.FINE) or (extended and extended.was_better):
        steps = scene.trace.taken
    elif extended is not None and extended.learns:
        steps = scene.trace.taken + extended.steps
    else:
        raise NotApplicableError("the samples it is trained on are not learned yet")
    per_pass = scene.subject.steps_per_pass
    if per_pass is None or steps <= PASSES * per_pass:
        raise NotApplicableError("each sample was seen once at most: all of them were new")
    return steps


def samples(subject: Subject, held: Sequence[Any]) -> int:
    """Return how many samples these batches hold."""
    return sum(len(next(iter(subject.inputs(b).values()))) for b in held)


def _targets(subject: Subject, held: Sequence[Any]) -> int:
    """Return how many targets these batches hold: the words of a text by themselves, but what is left out."""
    counts = []
    for batch in held:
        target = subject.targets(batch)
        words = (
            isinstance(target, torch.Tensor) and target.ndim == 2 and not target.is_floating_point()
        )
        counts.append(int((target >= 0).sum()) if words else samples(subject, [batch]))
    return max(sum(counts), 1)


def settled_constant(only: Any, reference: Reference) -> Constant:
    """Return the best constant for the samples that are left out; of comparisons, what it costs all."""
    try:
        with evaluating(only.model), torch.no_grad():
            raw = [only.outputs(batch) for batch in only.batches]
        return best_constant(only, raw)
    except NotApplicableError:
        if reference.constant.value is not None:
            raise
        return reference.constant
