"""What an experiment is: a question put to a training; its docstring is its card.

An experiment is a function of a `Scene` that yields what it measured. It works inside `subject.at`, so
it leaves no trace, and it raises `NotApplicableError` where the question makes no sense.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.common import ENTANGLED, entangled
from gradcheck_cli.examine.subject import NotApplicableError, OutOfTimeError, Subject
from gradcheck_cli.features.progress import Progress, progress
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.trace import CHOICES, MOVING_TARGETS, OWN_CHOICES, Trace

PATIENCE = 4.0  # times the budget, by the wall clock, where other programs take the processors
_TAKE_TIME = frozenset({"outputs", "loss", "total", "step"})


class Budget:
    """So many seconds of work of this thread, and at most `PATIENCE` times as long by the wall clock.

    A thread that hands its work to another device waits for it: there the wall clock alone counts.
    """

    def __init__(self, seconds: float, device: torch.device) -> None:
        self.seconds, here = seconds, device.type == "cpu"
        self.most = PATIENCE * seconds if here else seconds
        self._clock = time.thread_time if here else time.monotonic
        self._work, self._wall = self._clock(), time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of work since the beginning."""
        return self._clock() - self._work

    @property
    def left(self) -> float:
        """Seconds of work that are left; below 0 afterwards."""
        return min(self.seconds - self.spent, self.most - (time.monotonic() - self._wall))

    def __str__(self) -> str:
        """Return it in words."""
        if self.most > self.seconds:
            return f"about {self.seconds:.0f} s, at most {self.most:.0f} s on a busy machine"
        return f"at most {self.seconds:.0f} s"


class Clocked:
    """Hand everything on to a subject; once the budget is spent its passes are refused."""

    def __init__(self, subject: Subject, budget: Budget) -> None:
        self._subject, self._budget = subject, budget

    def __getattr__(self, name: str) -> Any:
        if name in _TAKE_TIME and self._budget.left < 0:
            raise OutOfTimeError("no time is left")
        return getattr(self._subject, name)


SOON = 4  # times the observed steps: what learns before is not slow
FINISHING = 0.1  # of the budget, in which an experiment that has begun may still be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an experiment measured, before the runner adds its name, question and cost."""

    outcome: Outcome
    said: str
    measured: float | None = None
    limit: float | None = None
    unit: str = ""
    supports: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    about: str = ""  # where one experiment answers several questions: which
    unfinished: bool = False  # the time ended first


@dataclass(slots=True)
class Scene:
    """A subject, the trace of its observed steps, what was answered before, and the budget."""

    subject: Subject
    trace: Trace
    budget: Budget
    answers: list[Answer] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)  # what experiments leave to later ones
    step_seconds: float = 0.0  # of one training step

    @property
    def progress(self) -> Progress:
        """What the running loss says."""
        return progress(self.trace)

    @property
    def remaining(self) -> float:
        """Seconds of work that are left for what begins now."""
        return self.budget.left - FINISHING * self.budget.seconds

    def answer(self, name: str) -> Answer | None:
        """Return an earlier answer."""
        return next((a for a in self.answers if a.name == name), None)

    @property
    def reference(self) -> Any:
        """What the best constant prediction loses. Raises NotApplicableError where nobody knows."""
        if "reference" not in self.known:
            raise NotApplicableError("there is no loss of a constant prediction to compare with")
        return self.known["reference"]

    @property
    def hidden_by_dropout(self) -> bool:
        """Is the model no better than a constant while it drops more than half of a layer?"""
        return bool(self.known.get("hidden_by_dropout"))

    @property
    def soon(self) -> bool:
        """Did the run learn before long, when it went on?"""
        extended = self.known.get("extended")
        return bool(extended and extended.learns and extended.steps < SOON * self.trace.taken)

    @property
    def learns(self) -> bool:
        """Was the model better than the best constant after the observed steps, or soon after them?"""
        against = self.answer("against-constant")
        return self.soon or (against is not None and against.outcome is Outcome.FINE)

    def require_sense(self) -> None:
        """Raise NotApplicableError where a smaller loss is known to be no better model."""
        order = self.answer("loss-prefers-right")
        if order is not None and order.outcome is Outcome.WRONG:
            raise NotApplicableError("the loss rewards mistakes: that it falls says nothing")
        if self.answer(HAS_END) is not None:
            raise NotApplicableError("the loss falls without end: that it falls says nothing")

    def require_right_outputs(self) -> None:
        """Raise NotApplicableError where no outputs are right: of a policy, or with targets that move.

        Nor where one output is computed from another and the loss reads both. Choices that a policy was not seen to make may as well be labels; with nothing else in the loss they are.
        """
        why = self.trace.loss.surrogate
        if why in {OWN_CHOICES, MOVING_TARGETS} or (why == CHOICES and self._is_weighed):
            raise NotApplicableError(f"the size of the loss tells nothing: {why}")
        if entangled(self.subject):
            raise NotApplicableError(ENTANGLED)

    @property
    def _is_weighed(self) -> bool:
        """Does the loss read more than outputs and one target?"""
        batch = self.subject.batches[0]
        target = self.subject.targets(batch)
        known = {id(t) for t in (*self.subject.inputs(batch).values(), target)}
        given = batch.values() if isinstance(batch, Mapping) else ()
        more = any(isinstance(t, Tensor) and id(t) not in known for t in given)
        return more or not isinstance(target, Tensor)

    def require_doubt(self) -> None:
        """Raise NotApplicableError where the run was seen to learn when it went on."""
        later = self.answer("longer")
        if later is not None and later.outcome is Outcome.FINE:
            raise NotApplicableError("the run learns when it goes on")

    def fewer(self, meant: int, share: float, least: int) -> int:
        """Return as many of the steps as fit into a share of the time; OutOfTimeError if they tell nothing."""
        steps = min(meant, int(share * self.remaining / (self.step_seconds or 1e-3)))
        if steps < least * self.trace.taken:
            raise OutOfTimeError(f"the time left allows {steps} steps, too few to tell")
        return steps

    def afford(self, steps: int) -> None:
        """Raise NotApplicableError where so many training steps would take more time than is left."""
        cost = steps * self.step_seconds
        if cost > self.remaining:
            left = f"{self.remaining:.1f} s are left" if self.remaining > 0 else "no time is left"
            raise OutOfTimeError(f"{steps} steps would take about {cost:.1f} s, and {left}")


HAS_END = "has-end"  # the answer that the loss has none

Procedure = Callable[[Scene], Iterator[Said]]


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment in the battery; `doubtful`: only where the run does not clearly learn."""

    name: str
    question: str
    procedure: Procedure
    doubtful: bool = False
    questions: Mapping[str, str] = field(default_factory=dict)  # by what `Said.about` says

    @property
    def card(self) -> str:
        """The manual: Procedure, Answers, Costs, Sources."""
        return inspect.cleandoc(self.procedure.__doc__ or "")


def experiment(
    name: str, question: str, *, doubtful: bool = False, **questions: str
) -> Callable[[Procedure], Experiment]:
    """Make an experiment of a function of a Scene; further questions are named `about` another thing."""
    spelled = {about.replace("_", "-"): text for about, text in questions.items()}
    return lambda procedure: Experiment(name, question, procedure, doubtful, spelled)
