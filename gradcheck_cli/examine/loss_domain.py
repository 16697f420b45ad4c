"""Is the loss defined, and does it have a slope, at the outputs that this model gives?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import class_dimension, link_of
from gradcheck_cli.examine.ideal import cost
from gradcheck_cli.examine.subject import Moment, NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import map_tensors

MOST = 32  # samples that are looked at one by one
SHARE = 0.05  # of them that may lie where the loss has no slope
TOLERANCE = 1e-2  # of a sum of 1: soft labels are rounded


@dataclass(frozen=True, slots=True)
class Flat:
    """Shares of samples: where the loss is NaN or Inf, and where it is high and has no slope."""

    undefined: float
    clamped: float

    @property
    def worst(self) -> float:
        """The sum of both."""
        return self.undefined + self.clamped


@experiment(
    "loss-domain",
    "Is the loss defined and sloped at outputs this model gives?",
    sums_agree="Can outputs add up to what the targets do?",
)
def loss_domain(scene: Scene) -> Iterator[Said]:
    """Look at the loss of single samples, at the model's outputs at the start and now.

    Procedure  of up to 32 samples with outputs and targets that are numbers, one by one: is the loss finite, and
               where it is above that of the best constant, does it have any slope at the output? Where not, the same
               is asked of the outputs after a softmax and after a sigmoid; and for hand-written losses, whether a
               constant added to all classes changes nothing (a softmax is inside) while the outputs are
               probabilities. Of outputs that add up to 1 in every sample: what do the targets add up to?
    Answers    fine: at most 5 % of the samples lie where the loss is undefined or flat. Wrong: more do;
               the loss expects other outputs than the model gives, and the function after which it is
               well-behaved is named. Or several classes are right at once in more than 5 % of the samples, of
               which a softmax lets one be.
    Costs      a few hundred evaluations of the loss for single samples.
    Sources    a probability lies in 0..1 and its logarithm exists above 0 (Bridle 1990).
    """
    subject = scene.subject
    yield from _of_sums(subject)
    level = scene.known["reference"].level if "reference" in scene.known else None
    found: dict[Moment, Flat] = {}
    for moment in ("start", "now"):
        with subject.at(moment):
            if moment == "now" and not _is_finite(subject):
                break  # the weights are no numbers any more: that says nothing of the loss
            found[moment] = _flat(subject, subject.batches[0], lambda x: x, level)
    when, worst = max(found.items(), key=lambda pair: pair[1].worst)
    if worst.worst > SHARE:
        yield _outside(scene, worst, when, level)
    else:
        yield Said(
            outcome=Outcome.FINE,
            said="it is finite and has a slope for all samples looked at"
            if not worst.worst
            else f"it has no slope for {number(100 * worst.worst)} % of the samples",
            measured=100 * worst.worst,
            limit=100 * SHARE,
            unit="%",
        )


def _of_sums(subject: Subject) -> Iterator[Said]:
    """Say where a softmax shares 1 out among classes of which several are right at once."""
    batch = subject.batches[0]
    target = subject.targets(batch)
    with subject.at("start"):
        output = subject.main(_raw(subject, batch)).float()
    alike = isinstance(target, Tensor) and target.shape == output.shape and output.ndim > 1
    if not alike or link_of(output, 1)[0] != "probabilities":
        return
    sums = target.float().sum(1)
    several = float((sums > 1 + TOLERANCE).float().mean())
    if several > SHARE and bool((target >= 0).all()):
        yield Said(
            about="sums-agree",
            outcome=Outcome.WRONG,
            said=f"outputs add up to 1 in every sample, as after a softmax, and targets to {number(float(sums.mean()))} "
            f"on average: in {number(100 * several)} % of the samples several classes are right at once; a sigmoid "
            "lets each be",
            measured=100 * several,
            limit=100 * SHARE,
            unit="%",
            supports=("wrong-output-activation",),
        )


def _outside(scene: Scene, found: Flat, when: Moment, level: float | None) -> Said:
    """Say what is wrong, and which function of the outputs puts it right."""
    subject, batch = scene.subject, scene.subject.batches[0]
    better = []
    with subject.at(when):
        dim = class_dimension(subject.main(_raw(subject, batch)), subject.targets(batch))
        choices: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid}
        if dim is not None:
            choices = {"softmax": lambda x: x.softmax(dim), **choices}
        for name, fit in choices.items():
            try:
                if _flat(subject, batch, fit, level).worst <= SHARE:
                    better.append(name)
            except NotApplicableError:
                continue
    what = (
        f"not a number for {number(100 * found.undefined)} %"
        if found.undefined >= found.clamped
        else f"high and flat, without any gradient, for {number(100 * found.clamped)} %"
    )
    after = f"; after {better[0]} of the output it is well-behaved" if better else ""
    return Said(
        outcome=Outcome.WRONG,
        said=f"the loss is {what} of the samples at the model's outputs{after}",
        measured=100 * found.worst,
        limit=100 * SHARE,
        unit="%",
        supports=("output-outside-loss-domain", *(f"after-{name}" for name in better[:1])),
    )


def _is_finite(subject: Subject) -> bool:
    return bool(torch.isfinite(subject.main(_raw(subject, subject.batches[0]))).all())


def _raw(subject: Subject, batch: Any) -> Any:
    with torch.no_grad():
        return subject.outputs(batch)


def _lie_inside(subject: Subject, batch: Any, output: Tensor) -> bool:
    """Are outputs probabilities already? Where those are flat they are saturated, and in the domain."""
    dim = class_dimension(output, subject.targets(batch))
    return link_of(output, dim if dim is not None else -1)[0] != "real"


def _only(value: Any, index: int, samples: int) -> Any:
    """Return one sample of everything that holds all of them."""

    def cut(tensor: Tensor) -> Tensor:
        return tensor[index : index + 1] if tensor.ndim and len(tensor) == samples else tensor

    return map_tensors(value, cut)


def _known(values: Tensor) -> bool:
    """Could a loss take them? What is no number came from before; a loss has to expect -Inf, the logarithm of 0."""
    return not bool((values.isnan() | (values == inf)).any())


def _flat(
    subject: Subject, batch: Any, fit: Callable[[Tensor], Tensor], level: float | None
) -> Flat:
    raw = _raw(subject, batch)
    output = subject.main(raw).detach().float()
    samples = len(output) if output.ndim else 0
    target = subject.targets(batch)
    if not samples or not isinstance(target, Tensor) or len(target) != samples:
        raise NotApplicableError("outputs are not counted by samples")
    # a mean is a number only where all samples are; ignored ones have none alone
    whole = cost(subject, raw, fit(output), batch)
    undefined, clamped, inside = 0, 0, _lie_inside(subject, batch, fit(output))
    every = range(0, samples, max(1, samples // MOST))
    looked = [i for i in every if _known(output[i]) and _known(target[i])]
    if not looked:
        raise NotApplicableError("no sample has outputs that are numbers")
    for i in looked:
        one, part = _only(batch, i, samples), _only(raw, i, samples)
        point = fit(output[i : i + 1].clone()).requires_grad_()
        loss = subject.loss(subject.with_main(part, point), one)
        if not isfinite(float(loss.detach())):
            undefined += not isfinite(whole)
        elif (
            not inside
            and level is not None
            and float(loss.detach()) > max(level, 0.0)
            and loss.requires_grad
        ):
            [slope] = torch.autograd.grad(loss, [point], materialize_grads=True)
            clamped += not bool(slope.any())
    return Flat(undefined / len(looked), clamped / len(looked))
