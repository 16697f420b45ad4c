"""From trainings that were watched to the pipeline: what `watch` and `run` have in common."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn

from gradcheck_cli.concluding import Advice
from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.pipeline import Conclusion, Observed, conclude_all
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.launching import Program
from gradcheck_cli.probe.session import Session
from gradcheck_cli.rebuilding import Recipe, Seen, recipe, reference_to
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.report import Report, RunFacts
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.rules.engine import Judgement, judge
from gradcheck_cli.targets.training import Training

UNTRIED = "the data of a running script cannot be drawn again"
LONGER = "let it train for longer"
SHARE = 0.02  # of the time may go into snapshots
UNSEEN_LOSS = "the loss was not seen: no backward() before the update"
Amend = Callable[[Session, Trace], Trace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a report says beside what was measured."""

    command: str = ""
    data: str = ""
    started: str = ""
    seconds: float = 0.0
    interrupted: bool = False
    stopped: str = ""  # why it ended early, other than by Ctrl-C
    snapshot: bool = False  # of a run that goes on: no fixes are looked for
    world_size: int = 1
    assumptions: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    crashed: tuple[Crash, ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(slots=True)
class Snapshots:
    """The report so far, kept every few seconds: what is left when the process is killed.

    By time and not by steps, and never more than `SHARE` of it.
    """

    keep: Callable[[Report], None]
    policy: Policy
    seconds: float = 5.0
    refused: int = 0  # how often the system did not let it be written
    crashed: list[Crash] = field(default_factory=list)
    _next: float = 0.0

    def __post_init__(self) -> None:
        self._next = time.monotonic() + self.seconds

    @property
    def due(self) -> bool:
        """Is it time for the next one? Never again after a crash."""
        return time.monotonic() >= self._next and not self.crashed

    def take(self, sessions: Sequence[Session], about: Circumstances) -> None:
        """Judge what was measured and keep the report; whatever goes wrong, the training goes on."""
        began = time.monotonic()
        gap = Gap(
            what="the steps to come", reason="a snapshot: the run had not ended when it was taken"
        )
        told = replace(about, interrupted=True, snapshot=True, gaps=(*about.gaps, gap))
        try:
            self.keep(conclusion_of(sessions, told, self.policy).report)
        except UsageError:
            self.refused += 1  # not writable now; the end of the run tries again, and says so
        except Exception:  # noqa: BLE001  # the user's training must not end because of it
            self.crashed.append(Crash("the snapshot", traceback.format_exc()))
        ended = time.monotonic()
        self._next = ended + max(self.seconds, (ended - began) / SHARE)


def judgement_of(session: Session, policy: Policy) -> Judgement:
    """Ask the rules about one training alone while it goes on."""
    return judge(session.trace(), policy, mute=_mute(session), subject=session.subject)


def observed(session: Session, trace: Trace, about: Circumstances) -> Observed:
    """Return what the pipeline has to know of a training that was watched and cannot be repeated."""
    return Observed(
        trace=trace,
        run=_facts(session, trace, about),
        assumptions=about.assumptions,
        gaps=about.gaps,
        crashed=about.crashed,
        advice=Advice(longer=LONGER, healthy=(), unsure=(LONGER,), untried=about.advice),
        subject=session.subject,
        mute=_mute(session),
        training=None if about.snapshot else partial(_to_be_read, session),
        untried=UNTRIED,
    )


def conclusion_of(
    sessions: Sequence[Session],
    about: Circumstances,
    policy: Policy,
    *,
    amend: Amend | None = None,
) -> Conclusion:
    """Conclude on every training that was watched, in one report.

    `amend` may replace a trace before it is judged. Raises CannotDiagnoseError without a session.
    """
    if not sessions:
        raise CannotDiagnoseError("nothing was measured")
    trainings = []
    for session in sessions:
        trace = session.trace()
        trace = amend(session, trace) if amend is not None else trace
        trainings.append(observed(session, trace, about))
    return conclude_all(trainings, policy)


def recipe_of(program: Program, session: Session) -> Recipe:
    """Return how the training of a script could be described to `diagnose`."""
    kind = type(session.group.models[0])
    optimizer = session.group.optimizers[0]
    known = type(optimizer).__module__.startswith("torch.optim")
    rates = [g["lr"] for g in optimizer.param_groups if "lr" in g]
    seen = Seen(
        model=kind.__name__,
        elsewhere=reference_to(kind),
        optimizer=type(optimizer).__name__ if known else "",
        rate=float(rates[0]) if rates else None,
        batch_size=session.trace().data.batch_size,
    )
    home = program.shown or program.path if program.spec is None else program.spec.name
    return recipe(Path(program.path), home, seen)


def _mute(session: Session) -> str:
    return UNSEEN_LOSS if session.unseen_losses else ""


def _to_be_read(session: Session) -> Training:
    """Return the training for remedies to read."""
    return Training(
        model=_one_model(session),
        optimizers=tuple(session.recorder.optimizers),
        step=_cannot,
        evaluate=_cannot,
        device=_device(session),
        precision=session.precision,
        site_of=session.site_of,
    )


def _cannot(*_: object) -> NoReturn:
    raise CannotDiagnoseError(UNTRIED)


def _one_model(session: Session) -> nn.Module:
    """Return a module in which the paths of the layers are found, without the wrappers' names."""
    plain = [_unwrapped(model) for model in session.group.models]
    if session.names == ("",):
        return plain[0]
    return nn.ModuleDict(dict(zip(session.names, plain, strict=True)))


def _unwrapped(model: nn.Module) -> nn.Module:
    names = [name for name, _ in model.named_children()]
    if names in (["module"], ["_orig_mod"]):
        return _unwrapped(next(model.children()))
    return model


def _device(session: Session) -> torch.device:
    return next(
        (p.device for m in session.group.models for p in m.parameters()), torch.device("cpu")
    )


def _facts(session: Session, trace: Trace, about: Circumstances) -> RunFacts:
    models = [_unwrapped(m) for m in session.group.models]
    return RunFacts(
        command=about.command,
        model=", ".join(dict.fromkeys(type(m).__name__ for m in models)),
        data=about.data,
        loss=trace.loss.kind or "",
        optimizer=trace.optimizer or "",
        seed=torch.initial_seed(),
        device=str(_device(session)),
        precision=trace.precision,
        parameters=sum(p.numel() for m in models for p in m.parameters()),
        world_size=about.world_size,
        torch=torch.__version__,
        started=about.started,
        seconds=about.seconds,
        interrupted=about.interrupted,
        stopped=about.stopped,
    )
