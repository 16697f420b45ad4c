"""Does the model do as well in evaluation mode as in training?"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from math import isfinite
from statistics import mean
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import evaluating, hooked, losses, paired, without_dropout
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

PASSES = 64  # that let running statistics with torch's momentum of 0.1 forget their beginning: 0.9^64 = 0.1 %
LAST_ALONE = 0.9  # momentum from which on the batches before weigh less than a tenth
TIMES = 3  # the observed steps
WORSE = 1.5  # times the loss of training
SIGNS = 2  # values of a channel: normalized, they are -1 and 1, whatever they were


@experiment(
    "modes-agree",
    "Does the model do as well in evaluation mode as in training mode?",
    values_normalized="Do batch norms see enough values of each channel?",
    dropout_rests="Does dropout rest in evaluation mode?",
)
def modes_agree(scene: Scene) -> Iterator[Said]:
    """Measure the same batches in both modes, after the running statistics had time to settle.

    Procedure  without dropout: the loss in training mode against that in evaluation mode. Where the second is
               much larger, 64 batches pass in training mode with the weights held still, which settles running
               statistics of a usual momentum, and both are measured again. With a momentum that never settles
               (0, or 0.9 and more), training goes on first, three times as long as was observed, and evaluation is compared with evaluation by the mean statistics of the batches.
    Answers    fine: evaluation costs at most 1.5 times as much, or settling cures it. Wrong: it stays worse,
               and no better than a constant (where none is known, than the untrained model), or by 12 % of what can be gained where it never settles: the
               statistics that evaluation uses are not those of the data. Wrong, too: a batch norm sees two
               values of a channel, of which nothing but the order is left in training; or `functional.dropout`
               drops in evaluation mode, called without `training`, which is true unless it is given.
    Costs      four passes over the fixed batches, those steps, and 64 forward passes where they differ.
    Sources    Ioffe & Szegedy 2015, arXiv:1502.03167, sec. 3.1 (statistics for inference); Wu & He 2018,
               arXiv:1803.08494, fig. 1 (small batches).
    """
    subject = scene.subject
    yield from _of_dropout(subject)
    if not any(_has_statistics(m) for m in subject.model.modules()):
        raise NotApplicableError("nothing in the model keeps running statistics")
    yield from _of_signs(subject)
    reference = scene.known.get("reference")
    unsettled = [m for m in subject.model.modules() if _has_statistics(m) and _never_settles(m)]
    with ExitStack() as stack:
        stack.enter_context(subject.at("now"))
        later = _gone_on(scene) if unsettled else 0
        stack.enter_context(without_dropout())
        training, evaluation = _both(scene)
        if unsettled:
            training = _with_their_mean(subject, unsettled)
        if _differ(training, evaluation):
            with torch.no_grad():
                for index in range(PASSES):
                    subject.total(subject.batches[index % len(subject.batches)])
            again, evaluation = _both(scene)
            training = training if unsettled else again
    worse, limit = _differ(training, evaluation), WORSE * mean(training)
    level = _untrained(subject) if reference is None else reference.level
    useless = mean(evaluation) >= 0.9 * level
    if reference is not None and unsettled:
        gap, error = paired(training, evaluation)
        if gap > max(error, ENOUGH * reference.scale):
            worse = useless = True
            limit = mean(training) + ENOUGH * reference.scale
    wrong = worse and useless
    yield Said(
        outcome=Outcome.WRONG if wrong else Outcome.NOTED if worse else Outcome.FINE,
        said=f"{f'{later} steps later ' if later else ''}the same batches cost {number(mean(training))} "
        f"{'with the mean of their statistics' if unsettled else 'in training mode'} and "
        f"{number(mean(evaluation))} in evaluation mode",
        measured=mean(evaluation),
        limit=limit,
        supports=("evaluation-statistics",) if wrong else (),
        layers=tuple(n for n, m in subject.model.named_modules() if wrong and _has_statistics(m)),
    )


def _of_dropout(subject: Subject) -> Iterator[Said]:
    """Say where dropout acts in evaluation mode because nobody told it not to; `training=True` is meant."""
    sites = []

    def watch(original: Any, input: Any, p: float = 0.5, *args: Any, **kwargs: Any) -> Any:  # noqa: A002 - torch's name
        if p and not args and "training" not in kwargs:
            sites.append((user_site(), p))
        return original(input, p, *args, **kwargs)

    with ExitStack() as stack:
        stack.enter_context(subject.at("now"))
        stack.enter_context(evaluating(subject.model))
        stack.enter_context(torch.no_grad())
        stack.enter_context(replaced(functional, "dropout", watch))
        subject.total(subject.batches[0])
    if sites:
        where, share = sites[0]
        at = f" at {where}" if where else ""
        yield Said(
            about="dropout-rests",
            outcome=Outcome.WRONG,
            said=f"functional.dropout{at} is called without `training` and drops {number(100 * share)} % in evaluation "
            "mode, too: give it `training=self.training`, or use nn.Dropout",
            measured=100 * share,
            limit=0.0,
            unit="%",
        )


def _untrained(subject: Subject) -> float:
    """Return the loss before the first step, where no constant's is known (losses of several views)."""
    with subject.at("start"):
        return mean(losses(subject))


def _of_signs(subject: Subject) -> Iterator[Said]:
    """Say where a batch norm sees so few values of a channel that their signs are all it gives."""
    seen: dict[str, int] = {}
    names = {m: n for n, m in subject.model.named_modules() if _has_statistics(m) and m.training}

    def note(module: nn.Module, inputs: Any, _output: Any) -> None:
        for x in islice(tensors_in(inputs), 1):
            seen[names[module]] = x.numel() // x.shape[1]

    with subject.at("now"), torch.no_grad(), hooked(names, note):
        subject.total(subject.batches[0])
    few = tuple(name for name, values in seen.items() if values <= SIGNS)
    if few:
        yield Said(
            about="values-normalized",
            outcome=Outcome.WRONG,
            said=f"{few[0]} normalizes over {SIGNS} values of a channel: in training they become -1 and 1, however "
            "far apart they were, in evaluation they do not; larger batches, or GroupNorm or LayerNorm, keep them",
            measured=float(SIGNS),
            limit=float(SIGNS + 1),
            unit="values",
            supports=("evaluation-statistics",),
            layers=few,
        )


def _has_statistics(module: nn.Module) -> bool:
    return getattr(module, "running_mean", None) is not None


def _never_settles(module: nn.Module) -> bool:
    """Are its statistics never updated, or those of the last batch alone?"""
    momentum = getattr(module, "momentum", None)
    return momentum is not None and not 0 < momentum < LAST_ALONE


def _with_their_mean(subject: Subject, unsettled: Sequence[Any]) -> list[float]:
    """Return the losses in evaluation mode by the mean statistics of the fixed batches; buffers move back."""
    modes = [(m, m.momentum) for m in unsettled]
    with subject.at("now"):
        try:
            for module in unsettled:
                module.momentum = None  # torch's way to ask for the mean of all batches
                module.reset_running_stats()
            losses(subject)
        finally:
            for module, momentum in modes:
                module.momentum = momentum
        with evaluating(subject.model):
            return losses(subject)


def _gone_on(scene: Scene) -> int:
    """Train on, as what is learned moves away from statistics that do not follow; return the steps taken."""
    steps = TIMES * scene.trace.taken
    if scene.remaining < steps * scene.step_seconds:
        return 0
    return sum(isfinite(scene.subject.step(b)) for b in islice(scene.subject.more(), steps))


def _both(scene: Scene) -> tuple[list[float], list[float]]:
    """Return the losses in training and in evaluation mode; statistics move by the first."""
    training = losses(scene.subject)
    with evaluating(scene.subject.model):
        return training, losses(scene.subject)


def _differ(training: list[float], evaluation: list[float]) -> bool:
    gap, error = paired(training, evaluation)
    return gap > max(error, (WORSE - 1) * abs(mean(training)))
