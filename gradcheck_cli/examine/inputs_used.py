"""Does the model use its inputs?"""

from collections.abc import Iterator
from math import isfinite

import torch
from torch import Tensor

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import drawn_alike, quietly
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

NONE = 1e-6  # of the spread of outputs: nothing but rounding


@experiment("inputs-used", "Do the outputs depend on every input?")
def inputs_used(scene: Scene) -> Iterator[Said]:
    """Exchange each input between the samples, by itself, and see whether outputs change.

    Procedure  in evaluation mode, now: one argument of the model at a time gets the values of other
               samples (the batch turned by one); arguments that are alike for all samples are left out.
    Answers    fine: outputs change with each. Wrong: they do not change at all with one, and do with another.
    Costs      a forward pass for each argument.
    Sources    permutation importance (Breiman 2001, sec. 10).
    """
    subject = scene.subject
    batch = subject.batches[0]
    named = {n: t for n, t in subject.inputs(batch).items() if t.ndim and len(t) > 1}
    turned = {n: t.roll(1, 0) for n, t in named.items()}
    differing = {n: t for n, t in turned.items() if not torch.equal(t, named[n])}
    if not differing:
        raise NotApplicableError("all samples of a batch have the same inputs")
    effects: dict[str, float] = {}
    with quietly(subject):
        before = drawn_alike(subject, batch)
        for name, tensor in differing.items():
            effect = _effect(scene, before, name, tensor)
            if effect is not None:
                effects[name] = effect
    if not effects:
        raise NotApplicableError("the model refuses inputs of other samples")
    unused = [name for name, effect in effects.items() if effect <= NONE]
    if len(unused) == len(effects):
        raise NotApplicableError("no input changes an output now: the model gives one answer")
    yield Said(
        outcome=Outcome.WRONG if unused else Outcome.FINE,
        said=f"outputs do not change when {', '.join(unused)} is exchanged between samples"
        if unused
        else f"exchanged between samples they change outputs by {number(100 * min(effects.values()))} % or more",
        measured=100 * min(effects.values()),
        limit=100 * NONE,
        unit="%",
        supports=("unused-input",) if unused else (),
    )


def _effect(scene: Scene, before: Tensor, name: str, tensor: Tensor) -> float | None:
    """Return the largest change of outputs, relative to their size; None where the model refuses."""
    subject = scene.subject
    try:
        after = drawn_alike(subject, subject.batches[0], {name: tensor})
    except GradcheckError:
        return None
    if after.shape != before.shape:
        return None
    effect = float((after - before).abs().max()) / max(float(before.abs().max()), 1e-12)
    return effect if isfinite(effect) else None
