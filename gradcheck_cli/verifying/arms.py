"""One arm of an experiment: a training built with or without a change, run for a while."""

import math
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch

from gradcheck_cli.errors import THEIRS, GradcheckError, wording
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.randomness import State, capture, unchanged
from gradcheck_cli.targets.repeatable import Repeatable
from gradcheck_cli.targets.training import Away, Training

HELD_OUT_BATCHES = 8
JUDGED_BY_DEFAULT = Policy()
POINTS = 60  # of a curve that is kept


@dataclass(slots=True)
class Run:
    """A training under way, with its own chance: runs may take turns without disturbing each other."""

    seed: int
    watch: int = 0  # so many steps at the start are observed and judged
    policy: Policy = JUDGED_BY_DEFAULT
    training: Training | None = None
    state: State | None = None
    curve: list[float] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()
    untrained: float = math.nan  # held-out loss before the first step
    held_out: float = math.nan  # and after the last one
    failed: str = ""  # why it could not be run, in one line
    over: bool = False  # the training takes no more steps

    @property
    def finite(self) -> bool:
        """Did it run, and is its loss still a number?"""
        return not self.failed and math.isfinite(self.held_out)

    def release(self) -> None:
        """Give the memory back; what was measured stays."""
        if self.training is not None and self.training.away is not None:
            self.training.away.close()
        self.training = None
        self.state = None


def start(
    target: Repeatable,
    changes: Sequence[Change],
    seed: int,
    watch: int = 0,
    policy: Policy = JUDGED_BY_DEFAULT,
) -> Run:
    """Build a run. What the change breaks is part of the result."""
    run = Run(seed, watch, policy)
    with unchanged():
        try:
            run.training = target.build(changes, seed=seed, hold_out=True)
            if run.training.away is None:
                with run.training.in_place():
                    run.untrained = run.training.evaluate(HELD_OUT_BATCHES)
        except THEIRS as error:  # a change may break the user's code in any way
            run.failed = _said(error)
        run.state = capture()
    return run


def advance(run: Run, steps: int) -> None:
    """Train until `steps` are done or the loss is NaN or Inf."""
    if run.failed or run.training is None or run.state is None or len(run.curve) >= steps:
        return
    if run.training.away is not None:
        _advance_away(run, run.training.away, steps)
        return
    with unchanged(), run.training.in_place():
        run.state.restore()
        try:
            if run.watch and not run.curve:
                trace = observe(run.training, run.watch)
                run.curve += trace.losses
                run.findings = judge(trace, run.policy).findings
            while len(run.curve) < steps and math.isfinite((run.curve or [0.0])[-1]):
                run.curve.append(float(run.training.step().loss))
            run.held_out = run.training.evaluate(HELD_OUT_BATCHES)
        except THEIRS as error:  # a change may break the user's code in any way
            run.failed = _said(error)
        run.state = capture()


def _advance_away(run: Run, away: Away, steps: int) -> None:
    """Let the other process train; what counts are the losses of its steps, before each update."""
    if run.over:
        return
    try:
        said = away.advance(steps, 0 if run.curve else run.watch)
    except GradcheckError as error:
        run.failed = str(error)
        return
    run.curve, run.over, run.failed = list(said.losses), said.is_over, said.failed
    if said.trace is not None:
        run.findings = judge(said.trace, run.policy).findings
    if run.curve:
        last = run.curve[-HELD_OUT_BATCHES:]
        run.untrained, run.held_out = run.curve[0], sum(last) / len(last)


def losses_of_few(target: Repeatable) -> list[float]:
    """Return the losses of its first steps; none of a training in another process."""
    run = start(target, (), target.seed)
    if not (run.training and run.training.away):
        advance(run, steps=3)
    return run.curve


def _said(error: BaseException) -> str:
    if isinstance(error, GradcheckError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "the memory of the device is full; --verify-on N tries fixes on smaller batches"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{wording(error).splitlines()[0]} ({last.filename}:{last.lineno})"


def thinned(curve: Sequence[float]) -> tuple[float, ...]:
    """Return at most POINTS means of neighbors."""
    if len(curve) <= POINTS:
        return tuple(curve)
    edges = [round(i * len(curve) / POINTS) for i in range(POINTS + 1)]
    return tuple(sum(curve[a:b]) / (b - a) for a, b in pairwise(edges))
