"""From trainings that were watched to one report: what `watch` and `run` have in common."""

import platform
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import torch
from torch import nn

from gradcheck_cli import __version__, concluding, plugins
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.probe.session import Session
from gradcheck_cli.records.diagnosis import Fix, Verification
from gradcheck_cli.records.finding import Crash, Finding, Skip
from gradcheck_cli.records.joining import joined
from gradcheck_cli.records.report import Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.rules.engine import Judgement, judge
from gradcheck_cli.targets.training import Training

UNTRIED = "the data of a running script cannot be drawn again"
LONGER = "let it train for longer"
SHARE = 0.02  # of the time may go into snapshots
_FEW = 20  # steps below which "nothing found" is not an answer
OF_PROGRESS = frozenset({"GC403", "GC404"})  # rules that expect the loss to fall
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
            self.keep(report_of(sessions, told))
        except UsageError:
            self.refused += 1  # not writable now; the end of the run tries again, and says so
        except Exception:  # noqa: BLE001  # the user's training must not end because of it
            self.crashed.append(Crash("the snapshot", traceback.format_exc()))
        ended = time.monotonic()
        self._next = ended + max(self.seconds, (ended - began) / SHARE)


@dataclass(frozen=True, slots=True)
class Heard:
    """One training and what the rules say of it."""

    session: Session
    trace: Trace
    judgement: Judgement
    facts: dict[str, Any] = field(default_factory=dict)


def hear(session: Session, trace: Trace, *, adversarial: bool = False) -> Heard:
    """Ask the rules about one training; nothing is said of a loss that is not expected to fall."""
    judgement = judge(trace)
    if adversarial:
        reason = (
            "several models are trained against or beside each other; their losses need not fall"
        )
        judgement = _silenced(judgement, reason)
    elif session.unseen_losses:
        judgement = _silenced(judgement, "the loss was not seen: no backward() before the update")
    if session.subject:
        findings = tuple(replace(f, subject=session.subject) for f in judgement.findings)
        judgement = replace(judgement, findings=findings)
    return Heard(session, trace, judgement)


def report_of(
    sessions: Sequence[Session], about: Circumstances, *, amend: Amend | None = None
) -> Report:
    """Judge every training that was watched and put the answers into one report.

    `amend` may replace a trace before it is judged. Raises CannotDiagnoseError without a session.
    """
    if not sessions:
        raise CannotDiagnoseError("nothing was measured")
    several = len(sessions) > 1
    heard = []
    for session in sessions:
        trace = session.trace()
        trace = amend(session, trace) if amend is not None else trace
        heard.append(hear(session, trace, adversarial=several))
    reports = [_report(h, about) for h in heard]
    return joined([_without_loss(r) for r in reports]) if several else reports[0]


def _without_loss(report: Report) -> Report:
    """With nothing else to say against it, a training beside others is fine though its loss stays."""
    unsure = report.verdict is Verdict.UNSURE and report.run.steps >= _FEW and not report.crashed
    if not unsure:
        return report
    said = "Nothing wrong: gradients reach all layers; losses of models beside each other need not fall."
    return replace(report, verdict=Verdict.HEALTHY, headline=said, next_steps=())


def _silenced(judgement: Judgement, reason: str) -> Judgement:
    mute = [f for f in judgement.findings if f.code in OF_PROGRESS]
    skips = {f.code: Skip(f.code, f.name, reason) for f in mute}
    return replace(
        judgement,
        findings=tuple(f for f in judgement.findings if f.code not in OF_PROGRESS),
        skipped=(*judgement.skipped, *skips.values()),
    )


def _report(heard: Heard, about: Circumstances) -> Report:
    trace, judgement = heard.trace, heard.judgement
    crashed = [*about.crashed, *judgement.crashed]
    causes = rank(trace, judgement.findings, on_crash=crashed.append)
    found = concluding.verdict(trace, judgement)
    fixes = (
        _proposed(heard, causes, crashed) if found is Verdict.SICK and not about.snapshot else ()
    )
    return Report(
        verdict=found,
        headline=concluding.headline(trace, found, judgement.findings, causes, longer=LONGER),
        run=_facts(heard, about),
        assumptions=about.assumptions,
        findings=judgement.findings,
        causes=causes,
        fixes=fixes,
        passed=judgement.passed,
        skipped=judgement.skipped,
        crashed=tuple(dict.fromkeys((*crashed, *plugins.broken()))),
        gaps=(*trace.gaps, *about.gaps),
        layers=concluding.summaries(trace),
        loss=concluding.loss(trace),
        history=concluding.history(trace),
        next_steps=_next_steps(found, judgement.findings, fixes, about),
    )


def _proposed(heard: Heard, causes: Any, crashed: list[Crash]) -> tuple[Fix, ...]:
    session = heard.session
    training = Training(
        model=_one_model(session),
        optimizers=tuple(session.recorder.optimizers),
        step=_cannot,
        evaluate=_cannot,
        device=_device(session),
        precision=session.precision,
        site_of=session.site_of,
    )
    proposals = propose(
        training, heard.trace, causes, heard.judgement.findings, on_crash=crashed.append
    )
    return tuple(replace(p.fix, verification=Verification(reason=UNTRIED)) for p in proposals)


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


def _facts(heard: Heard, about: Circumstances) -> RunFacts:
    session, trace = heard.session, heard.trace
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
        steps=trace.taken,
        observed_steps=trace.looks,
        batch_size=trace.data.batch_size,
        parameters=sum(p.numel() for m in models for p in m.parameters()),
        world_size=about.world_size,
        gradcheck=__version__,
        torch=torch.__version__,
        python=platform.python_version(),
        started=about.started,
        seconds=about.seconds,
        interrupted=about.interrupted,
        stopped=about.stopped,
    )


def _next_steps(
    found: Verdict, findings: Sequence[Finding], fixes: Sequence[Fix], about: Circumstances
) -> tuple[str, ...]:
    if found is not Verdict.SICK:
        return () if found is Verdict.HEALTHY else (LONGER,)
    told = concluding.next_steps(found, findings, ())
    return (*told, *about.advice) if fixes else told
