"""One arm in the child process: the script goes on under observation, as far as it is asked to."""

import math
import os
import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import nn

from gradcheck_cli.errors import THEIRS, wording
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.subjects import Group, group_of
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rerun.asked import Begin, Curve, Go, Script
from gradcheck_cli.rerun.changed import apply, drawn_anew
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.training import Progress


@dataclass(slots=True)
class Arm:
    """Answers with the losses of the steps that were taken, and waits before it takes more."""

    line: Connection
    group: Group
    names: tuple[str, ...]
    stay: ExitStack
    curve: Curve = field(default_factory=Curve)
    trace: Trace | None = None
    asked: Go = field(default_factory=lambda: Go(0))
    session: Session | None = None
    watcher: Everywhere | None = None

    def begin(self, begin: Begin) -> None:
        """Change what is to be changed; the script goes on when it returns."""
        self.asked = self._next()
        try:
            if begin.seed is not None:
                drawn_anew(self.group, begin.seed, self.stay.enter_context)
            if changes := pickle.loads(begin.changes):  # noqa: S301 - from the process that began this one
                apply(changes, self.group, self.names, self.stay.enter_context)
        except THEIRS as error:  # a change may break the user's code in any way
            self.ended(wording(error).splitlines()[0])
        sampling = Sampling(first=self.asked.watch, every=2**30, last=None)
        fixed = None if self.group.by_hand else self.group
        self.watcher = Everywhere(sampling=sampling, on_step=self._stepped, fixed=fixed)
        self.stay.enter_context(self.watcher)

    def _stepped(self, session: Session) -> None:
        self.session = session
        session.waiting.write()
        loss = float(session.recorder.steps[-1].loss)
        self.curve.losses.append(loss)
        taken = len(self.curve.losses)
        if self.asked.watch and taken == self.asked.watch and self.trace is None:
            self.trace = session.trace()
        if taken >= self.asked.steps or not math.isfinite(loss):
            self._tell()
            self.asked = self._next()

    def ended(self, failed: str = "") -> None:
        """The script has ended: there are no more steps to come."""
        if self.asked.watch and self.trace is None and self.session is not None:
            self.trace = self.session.trace()
        self._tell(failed, over=True)
        while True:
            self._next()
            self._tell(failed, over=True)

    def _tell(self, failed: str = "", *, over: bool = False) -> None:
        trace, self.trace = self.trace, None
        self.line.send(Progress(self.curve.fresh(), trace, over, failed))

    def _next(self) -> Go:
        try:
            asked: Any = self.line.recv()
        except (EOFError, OSError):
            os._exit(0)
        assert isinstance(asked, Go)
        return asked


def training_of(
    module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], script: Script
) -> Group | None:
    """Return the models and optimizers that a call is a part of, if it is the training that was seen."""
    if not torch.is_grad_enabled():
        return None
    group = group_of(module, optimizers)
    if group is None and not optimizers and _alike(module, script):
        return Group((module,), (), by_hand=True)
    if group is None or len(group.models) != len(script.names):
        return None
    return group if _alike(group.models[0], script) else None


def shapes_of(module: nn.Module) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return name and shape of every parameter, by which a model is known again."""
    return tuple((name, tuple(p.shape)) for name, p in module.named_parameters())


def _alike(module: nn.Module, script: Script) -> bool:
    return shapes_of(unwrapped(module)) == script.shapes
