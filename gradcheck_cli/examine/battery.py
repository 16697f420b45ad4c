"""The experiments in their order, run within a budget; each one costs only itself when it fails."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from gradcheck_cli.blame import Fault, blame
from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, UsageError, UserCodeError, wording
from gradcheck_cli.examine.base import Budget, Clocked, Experiment, Said, Scene
from gradcheck_cli.examine.catalogue import EXPERIMENTS
from gradcheck_cli.examine.subject import NotApplicableError, OutOfTimeError, Subject
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.devices import fewest_threads, losses_of_few


class Depth(StrEnum):
    """How much is tried."""

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


DEPTHS = tuple(depth.value for depth in Depth)
# Seconds of work, and training steps where those take longer: what is affordable scales with the training.
SECONDS = {Depth.QUICK: 3.0, Depth.FULL: 10.0}
STEPS = {Depth.QUICK: 60, Depth.FULL: 1000}
# Where a step takes so long that this is less: 5,000 layers are to end within a minute.
MOST = {Depth.QUICK: 8.0, Depth.FULL: 15.0}
PACED = 3  # steps whose median is the pace


def examine(
    subject: Subject | None,
    trace: Trace,
    depth: str = "full",
    *,
    experiments: Sequence[Experiment] | None = None,
    on_crash: Callable[[Crash], None] | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> tuple[Answer, ...]:
    """Put every question to the training, if any, and return the answers in their order.

    An experiment that raises is handed to `on_crash` and the others go on; without it, it raises.
    Raises ValueError for a depth that does not exist.
    """
    chosen = Depth(depth)
    if subject is None or chosen is Depth.NONE:
        return ()
    with fewest_threads(lambda: losses_of_few(subject)):
        try:
            pace = _pace(subject)
        except Exception:
            if on_crash is None:
                raise
            on_crash(Crash("the first step of the experiments", traceback.format_exc()))
            return ()
        seconds = max(SECONDS[chosen], min(STEPS[chosen] * pace, MOST[chosen]))
        budget = Budget(seconds, subject.device)
        if on_stage is not None:
            on_stage(f"examining the training, {budget} (--examine none leaves it out)")
        clocked: Any = Clocked(subject, budget)
        scene = Scene(clocked, trace, budget, step_seconds=pace)
        for entry in EXPERIMENTS if experiments is None else experiments:
            if entry.doubtful and not doubtful(scene):
                continue
            began = time.monotonic()
            try:
                told = list(_asked(entry, scene))
            except Exception:
                if on_crash is None:
                    raise
                on_crash(Crash(f"experiment {entry.name}", traceback.format_exc()))
                continue
            spent = round(time.monotonic() - began, 3)
            scene.answers += [
                replace(a, seconds=spent if i == 0 else 0.0) for i, a in enumerate(told)
            ]
    return tuple(scene.answers)


def doubtful(scene: Scene) -> bool:
    """Was it open whether the training learns, after the observed steps?"""
    against = scene.answer("against-constant")
    if against is not None and against.outcome is not Outcome.SKIPPED:
        return against.outcome is not Outcome.FINE or scene.hidden_by_dropout
    return not scene.progress.fine


def _asked(entry: Experiment, scene: Scene) -> Iterator[Answer]:
    if scene.remaining <= 0:
        yield _skipped(entry, OutOfTimeError("no time is left"))
        return
    try:
        for said in entry.procedure(scene):
            yield _answer(entry, said)
    except NotApplicableError as reason:
        yield _skipped(entry, reason)
    except (UserCodeError, UsageError, CannotDiagnoseError, torch.OutOfMemoryError) as error:
        yield _skipped(entry, _refused(str(error).splitlines()[0]))
    except THEIRS as error:
        if blame(error).fault is Fault.OURS:
            raise
        yield _skipped(entry, _refused(wording(error)))


def _answer(entry: Experiment, said: Said) -> Answer:
    return Answer(
        name=said.about or entry.name,
        question=entry.questions.get(said.about, entry.question),
        outcome=said.outcome,
        said=said.said,
        measured=said.measured,
        limit=said.limit,
        unit=said.unit,
        supports=said.supports,
        layers=said.layers,
        unfinished=said.unfinished,
    )


def _refused(why: str) -> NotApplicableError:
    return NotApplicableError(f"the user's code refused it: {why}")


def _skipped(entry: Experiment, reason: NotApplicableError) -> Answer:
    return Answer(
        name=entry.name,
        question=entry.question,
        outcome=Outcome.SKIPPED,
        reason=str(reason),
        unfinished=isinstance(reason, OutOfTimeError),
    )


def _pace(subject: Subject) -> float:
    """Return the seconds of work that a training step takes."""
    budget = Budget(0.0, subject.device)
    marks = [budget.spent]
    with subject.at("now"):
        try:
            for _ in range(PACED):
                subject.step(subject.batches[0])
                marks.append(budget.spent)
        except (NotApplicableError, UserCodeError, UsageError, CannotDiagnoseError):
            return 0.0
    return median(b - a for a, b in pairwise(marks))
