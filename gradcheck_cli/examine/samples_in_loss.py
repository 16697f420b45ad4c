"""Does the loss of a sample depend on the other samples' outputs?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import class_dimension, classes_of
from gradcheck_cli.examine.ideal import cost
from gradcheck_cli.examine.own_targets import own_targets
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEWEST = 5  # samples of a class
FAR = 3.0  # added to all scores of a sample
BESIDE = 0.5  # an output that is the number of no class, of which a squared error has a slope
CHANGE = 1e-3  # relative, of a sample's gradient: far above rounding, far below any real coupling


@experiment(
    "samples-in-loss",
    "Is the loss of a sample independent of the other samples?",
    labels_count="Does every class count in the loss?",
    own_targets="Are the outputs of a sample compared with its own targets?",
)
def samples_in_loss(scene: Scene) -> Iterator[Said]:
    """Change the output of half of the samples and see whether the others' gradients change.

    Procedure  the gradient of the user's loss at the outputs of one half, before and after the outputs of
               the other half are exchanged among themselves; then a constant is added to all samples'
               score of one class, and another one to all classes of each sample. With one label for each sample: the
               gradient of outputs that are all alike, by class. Where targets are the next entries of an input: do the
               outputs whose slopes follow the first sample's targets follow its inputs?
    Answers    fine: nothing changes. Wrong: samples compete, and only a score that all samples share does
               not count: a softmax over the batch instead of the classes. Noted: samples are coupled in
               another way, as in contrastive losses, or the loss is a sum, so that its size grows with
               the batch. Wrong, too: no sample of a class has a gradient (ignore_index, a weight of 0); or
               fewer than half of the outputs that a sample's targets meet are its own: flattened in another order.
    Costs      eight evaluations of the loss, three forward passes.
    Sources    Bishop 2006, eq. 1.55: the likelihood of independent samples is a product over them.
    """
    subject = scene.subject
    batch = subject.batches[0]
    yield from own_targets(subject)
    with subject.at("now"):
        with torch.no_grad():
            raw = subject.outputs(batch)
        output = subject.main(raw).detach().float()
        target = subject.targets(batch)
        half = len(output) // 2
        if half < 2 or (isinstance(target, Tensor) and target.ndim and len(target) != len(output)):
            raise NotApplicableError("a batch holds too few samples, or they have no outputs each")
        yield from _uncounted(subject)
        coupled = _coupling(subject, raw, output, batch, half)
        dim = class_dimension(output, target)
        dim = 1 if dim is None and classes_of(output, target) is not None else dim
        asked = dim if coupled > CHANGE else None
        if asked is not None and _over_the_batch(subject, raw, output, batch, asked):
            yield Said(
                outcome=Outcome.WRONG,
                said="a constant added to one class's score of every sample changes nothing, those added to all "
                "scores of each sample do: samples compete with each other, not classes",
                measured=coupled,
                limit=CHANGE,
                supports=("softmax-over-batch",),
            )
        elif coupled > CHANGE:
            yield Said(
                outcome=Outcome.NOTED,
                said=f"other samples' outputs change a sample's gradient by {number(100 * coupled)} %, as in a "
                "contrastive loss",
                measured=100 * coupled,
                limit=100 * CHANGE,
                unit="%",
            )
        else:
            yield Said(
                outcome=Outcome.FINE, said="no sample's gradient depends on the others' outputs"
            )


def _uncounted(subject: Subject) -> Iterator[Said]:
    """Say which class has no gradient on any of its samples, whatever the outputs are."""
    counted, of = set[int](), dict[int, int]()
    for batch in subject.batches:
        with torch.no_grad():
            raw = subject.outputs(batch)
        output, target = subject.main(raw).detach().float(), subject.targets(batch)
        samples = {len(t) for t in subject.inputs(batch).values() if t.ndim}
        if class_dimension(output, target) != 1 or output.ndim != 2 or samples != {len(output)}:
            return  # positions of a sequence may be padding
        heard = _gradient(subject, raw, torch.full_like(output, BESIDE), batch).any(1)
        for label, hears in zip(target.flatten().tolist(), heard.tolist(), strict=True):
            of[label] = of.get(label, 0) + 1
            counted |= {label} if hears else set()
    deaf = [k for k in of if k >= 0 and k not in counted and of[k] >= FEWEST]
    if deaf and counted:
        yield Said(
            about="labels-count",
            outcome=Outcome.WRONG,
            said=f"none of the {of[deaf[0]]} samples of class {deaf[0]} counts in the loss: is it the ignore_index, or "
            "is its weight 0? To ignore padding is usual; this is a class of samples",
            measured=float(len(deaf)),
            limit=0.0,
            unit="classes",
        )


def _coupling(subject: Subject, raw: Any, output: Tensor, batch: Any, half: int) -> float:
    """Return the largest relative change of the first half's gradient when the other half changes."""
    before = _gradient(subject, raw, output, batch)[:half]
    other = output.clone()
    other[half:] = output[half:].roll(1, 0) + 0.5 * (output.std() + 1e-6)
    after = _gradient(subject, raw, other, batch)[:half]
    size = float(before.abs().max())
    if size == 0 or not bool(torch.isfinite(before).all() & torch.isfinite(after).all()):
        raise NotApplicableError("the loss has no usable gradient at the model's outputs")
    return float((after - before).abs().max()) / size


def _gradient(subject: Subject, raw: Any, output: Tensor, batch: Any) -> Tensor:
    point = output.clone().requires_grad_()
    loss, slope = subject.loss(subject.with_main(raw, point), batch), None
    if loss.requires_grad:
        [slope] = torch.autograd.grad(loss, [point], allow_unused=True)
    if slope is None:
        raise NotApplicableError("the loss does not depend on the main output")
    return slope


def _over_the_batch(subject: Subject, raw: Any, output: Tensor, batch: Any, dim: int) -> bool:
    """Do only differences between samples count, and not those between classes?"""
    now = cost(subject, raw, output, batch)
    per_class = output.clone()
    per_class.select(dim, 0).add_(1.0)
    # of all samples, and far: a trained model stands where the loss does not change at first order
    shifts = torch.linspace(-FAR, FAR, len(output)).to(output)
    per_sample = output + shifts.reshape(-1, *[1] * (output.ndim - 1))
    scale = abs(now) or 1.0
    classes, samples = (abs(cost(subject, raw, x, batch) - now) for x in (per_class, per_sample))
    return classes < 1e-4 * scale < samples
