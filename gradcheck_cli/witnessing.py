"""From trainings that were watched to the pipeline: what `watch` and `run` have in common."""

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import nn

from gradcheck_cli.errors import CannotDiagnoseError, UsageError, wording
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.pipeline import Conclusion, Observed, Stage, conclude_all
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.ending import failure
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.ranks import unread
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.subjects import scripted
from gradcheck_cli.records.diagnosis import UNTRIED
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.recording import Advice
from gradcheck_cli.records.report import Report, RunFacts
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.replay.examined import subject_of_steps
from gradcheck_cli.replay.mended import penalties_of
from gradcheck_cli.replay.outside import put_back
from gradcheck_cli.replay.played import Played, one_model, repeated
from gradcheck_cli.replay.reproducing import Replayed
from gradcheck_cli.rules.engine import Judgment, judge
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.repeatable import Either
from gradcheck_cli.targets.training import Training

if TYPE_CHECKING:
    from gradcheck_cli.remedies.patching.written import Source

LONGER = "let it train for longer"
MENDED = "fix the error that stopped the script first"
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
    scripted: bool = False  # it is the main program, whose source can be changed
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
        self._next = monotonic() + self.seconds

    @property
    def due(self) -> bool:
        """Is it time for the next one? Never again after a crash."""
        return monotonic() >= self._next and not self.crashed

    def take(self, sessions: Sequence[Session], about: Circumstances) -> None:
        """Judge what was measured and keep the report; whatever goes wrong, the training goes on."""
        began = monotonic()
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
        ended = monotonic()
        self._next = ended + max(self.seconds, (ended - began) / SHARE)


def as_far_as_measured(about: Circumstances, watcher: Everywhere) -> Circumstances:
    """Say where an error of ours ended the measuring, if one did."""
    if (crash := failure(watcher)) is None:
        return about
    gap = Gap(
        what="the steps to come", reason=f"gradcheck failed in {crash.where}; please report it"
    )
    return replace(about, gaps=(*about.gaps, gap), crashed=(*about.crashed, crash))


def judgment_of(session: Session, policy: Policy) -> Judgment:
    """Ask the rules about one training alone while it goes on."""
    return judge(session.trace(), policy, mute=_mute(session), subject=session.subject)


def observed(
    session: Session, trace: Trace, about: Circumstances, played: Played | None = None
) -> Observed:
    """Return what the pipeline has to know of a training that was watched."""
    repeat, untried = repeated(session, played)
    longer = MENDED if about.stopped else LONGER
    return Observed(
        trace=trace,
        run=_facts(session, trace, about),
        assumptions=about.assumptions,
        gaps=about.gaps,
        crashed=about.crashed,
        advice=Advice(longer=longer, healthy=(), unsure=(longer,), untried=about.advice),
        subject=session.subject,
        mute=_mute(session),
        training=None if about.snapshot else partial(_to_be_read, session, played),
        source=_script if about.scripted else None,
        repeat=repeat,
        untried=untried,
        pace=0.0 if played is None else played.pace,
    )


def questioned(seen: Observed, played: Played) -> Observed:
    """Return it with its recorded steps for experiments, once they were reproduced, or with the reason."""
    repeat = seen.repeat.first if isinstance(seen.repeat, Either) else seen.repeat
    obstacle = seen.untried
    try:
        if isinstance(repeat, Replayed) and repeat.whole is None:
            subject = subject_of_steps(repeat.replay, repeat.around)
            subject.ended = played.ended
            with repeat.borrowed(lambda _: None) as obstacle:
                if not obstacle:
                    seen = replace(seen, questioned=subject)
    except NotApplicableError as reason:
        obstacle = str(reason)
    except KeyboardInterrupt as pressed:
        return replace(seen, stopped=pressed)
    except Exception as error:  # noqa: BLE001  # what was measured is reported all the same
        obstacle = f"they can not be played: {wording(error)}"
        seen = replace(seen, crashed=(*seen.crashed, Crash("experiments", traceback.format_exc())))
    gap = Gap(what="experiments on recorded steps", reason=obstacle)
    untried = seen.untried if played.trials else UNTRIED
    return replace(seen, gaps=(*seen.gaps, gap) if obstacle else seen.gaps, untried=untried)


def conclusion_of(
    sessions: Sequence[Session],
    about: Circumstances,
    policy: Policy,
    *,
    amend: Amend | None = None,
    played: Played | None = None,
    on_stage: Stage | None = None,
) -> Conclusion:
    """Conclude on every training that was watched, in one report.

    `amend` may replace a trace before it is judged. Raises CannotDiagnoseError without a session.
    """
    if not sessions:
        raise CannotDiagnoseError("nothing was measured")
    trainings = []
    with nullcontext() if played is None else put_back():
        for session in sessions:
            trace = session.trace()
            trace = amend(session, trace) if amend is not None else trace
            seen = observed(session, trace, about, played)
            if played is not None and policy.examine != "none":
                seen = questioned(seen, played)
            trainings.append(seen)
        return conclude_all(trainings, policy, on_stage)


def assumptions_of(watcher: Everywhere, sessions: Sequence[Session]) -> Iterator[str]:
    """Yield what is to be known of how a run was watched."""
    sampling = watcher.sampling
    if not sampling.dense:
        yield (
            f"layers were read in the first {sampling.first} steps, then ever more rarely, at least "
            f"in one of {sampling.every} until step 2,000; the loss in all"
        )
    if any(s.evaluations for s in sessions):
        yield "forward passes without a graph are evaluations, and are not counted as training"
    if watcher.stance.used:
        yield watcher.stance.told


def gaps_of(watcher: Everywhere) -> Iterator[Gap]:
    """Yield what of a run could not be seen."""
    models = [m for s in watcher.sessions for m in s.group.models]
    for optimizer in watcher.strangers:
        yield Gap(
            what=f"what {type(optimizer).__name__} trains",
            reason="its parameters are in no module that was called",
        )
    for optimizer in watcher.thread.others:
        yield Gap(
            what=f"what {type(optimizer).__name__} trains in another thread",
            reason="only the thread that trained first is watched",
        )
    yield from (*unread(models), *scripted(models))


def _mute(session: Session) -> str:
    return UNSEEN_LOSS if session.waiting.unseen_losses else ""


def _to_be_read(session: Session, played: Played | None) -> Training:
    """Return the training for remedies to read."""
    sums = {} if played is None else penalties_of(played.recording.units)
    return Training(
        model=one_model(session),
        optimizers=tuple(session.recorder.optimizers),
        step=_cannot,
        evaluate=_cannot,
        device=_device(session),
        precision=session.precision,
        site_of=session.site_of,
        penalties=tuple(dict.fromkeys((e.site, part) for e, part in sums.items() if e.site)),
    )


def _script(training: Training) -> "Source":
    from gradcheck_cli.remedies.patching.written import of_the_script

    return of_the_script(training)


def _cannot(*_: object) -> NoReturn:
    raise CannotDiagnoseError(UNTRIED)


def _own(model: nn.Module) -> nn.Module:
    """Return the user's own model inside the wrappers of libraries, by which it is called in a report.

    A wrapper is a class of an installed package that holds one child, and in it all its parameters.
    """
    plain = unwrapped(model)
    children = list(plain.children())
    if len(children) != 1 or not _is_installed(plain) or isinstance(plain, nn.Sequential):
        return plain
    within = _own(children[0])
    held = {id(p) for p in within.parameters()}
    whole = all(id(p) in held for p in plain.parameters())
    return within if whole and not _is_installed(within) else plain


def _is_installed(model: nn.Module) -> bool:
    module = sys.modules.get(type(model).__module__)
    return "site-packages" in (getattr(module, "__file__", None) or "")


def _device(session: Session) -> torch.device:
    return next(
        (p.device for m in session.group.models for p in m.parameters()), torch.device("cpu")
    )


def _facts(session: Session, trace: Trace, about: Circumstances) -> RunFacts:
    models = [_own(m) for m in session.group.models]
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
