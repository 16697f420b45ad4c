"""Does a gradient pass what a model draws at random, or detaches, where that lets it learn?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import islice
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import losses, paired
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.calls import Exchange
from gradcheck_cli.remedies.draws import Reparameterized
from gradcheck_cli.remedies.reconnect_graph import DETACHING, RoundTrip, leaves
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything

STEPS = 60
OFF = 1e-3  # of a gradient: far above rounding
Around = Callable[[], AbstractContextManager[Any]]


def passing(subject: Subject) -> str:
    """Say which draws cut a gradient off; nothing where it would be the same with one."""
    held, passes = (
        [p for p in subject.model.parameters() if p.requires_grad],
        Reparameterized(user_site),
    )
    slopes: list[Sequence[Tensor]] = []
    for around in (passes, Reparameterized(cut=True)):
        with subject.at("start"), around:
            seed_everything(0)
            total = subject.total(subject.batches[0])
            if not passes.sites or not held:
                return ""
            known = total if total.requires_grad else total + 0 * held[0].sum()
            slopes.append(torch.autograd.grad(known, held, materialize_grads=True))
    off = any(bool((a - b).norm() > OFF * a.norm()) for a, b in zip(*slopes, strict=True))
    return passes.told() if off else ""


def mended(at: SourceSite, name: str) -> Around | None:
    """Return a context in which a call that detaches hands the graph on; None for other calls."""
    if leaves(at, name):
        return partial(RoundTrip, at)
    return partial(Exchange, at, name, lambda x, *_: x) if name in DETACHING else None


@experiment("draws", "Does a gradient pass what the model draws or detaches?", doubtful=True)
def draws(scene: Scene) -> Iterator[Said]:
    """Let gradients pass the draws of distributions, or one detach() of the model, and train for a while.

    Procedure  the gradients of a first step with `rsample()` in place of `sample()`, and with the same numbers
               cut off; where they differ, 60 steps with each. The same for each detach() or way through numpy in the model.
    Answers    wrong: with the gradient the loss of the fixed batches ends 12 % lower, and by three standard errors.
               Fine: it does not, as where a policy's gradient comes from `log_prob`.
    Costs      two backward passes, and 120 training steps where there are such draws.
    Sources    Kingma & Welling 2014, arXiv:1312.6114, sec. 2.4; Schulman et al. 2015, arXiv:1506.05254.
    """
    scene.require_sense()
    if why := scene.trace.loss.surrogate:
        raise NotApplicableError(f"the size of the loss tells nothing: {why}")
    subject = scene.subject
    found: list[tuple[str, Around]] = []
    if told := passing(subject):
        found.append((told, Reparameterized))
    found += [
        (f"{cut.operation} at {cut.at} cuts the graph", around)
        for cut in dict.fromkeys(scene.trace.cuts)
        if cut.at is not None and (around := mended(cut.at, cut.operation)) is not None
    ]
    if not found:
        raise NotApplicableError("nothing is drawn or detached on the way of a gradient")
    batches = list(islice(subject.more(), STEPS))
    scene.afford((1 + len(found)) * len(batches))
    usual = _after(subject, batches)
    for words, around in found:
        changed = _after(subject, batches, around)
        gain, error = paired(changed, usual)
        bound = max(error, ENOUGH * abs(mean(usual)))
        yield Said(
            outcome=Outcome.WRONG if gain > bound else Outcome.FINE,
            said=f"{words}: {len(batches)} steps bring the loss to {number(mean(usual))}, and to "
            f"{number(mean(changed))} where the gradient passes",
            measured=gain,
            limit=bound,
            supports=("detached-graph",) if gain > bound else (),
        )


def _after(subject: Subject, batches: Sequence[Any], around: Around = nullcontext) -> list[float]:
    """Return the losses of the fixed batches after training."""
    with subject.at("start"), around():
        for batch in batches:
            subject.step(batch)
        return losses(subject)
