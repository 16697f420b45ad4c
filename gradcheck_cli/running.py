"""`gradcheck run train.py`: a script that nobody changed, under observation from its first line."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.arriving import when_imported
from gradcheck_cli.probe.ending import failure
from gradcheck_cli.probe.launching import Ending, Program, execute
from gradcheck_cli.probe.shield import shielded
from gradcheck_cli.probe.terminating import (
    SIGTERM_CODE,
    Signals,
    TerminatedError,
    terminable,
    undisturbed,
)
from gradcheck_cli.probe.unmeasured import crashes, untaken, why_nothing
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.rerun.asked import Scene
from gradcheck_cli.shadowing import ours

if TYPE_CHECKING:
    from gradcheck_cli.pipeline import Conclusion, Stage
    from gradcheck_cli.probe.everywhere import Everywhere
    from gradcheck_cli.probe.places import Ranks
    from gradcheck_cli.probe.ranks import Shard
    from gradcheck_cli.probe.session import Session
    from gradcheck_cli.records.finding import Crash
    from gradcheck_cli.records.report import Report
    from gradcheck_cli.replay import Recorder
    from gradcheck_cli.replay.played import Played
    from gradcheck_cli.witnessing import Circumstances, Snapshots

VERIFY = "to have the fixes tried: add --verify (gradcheck run --verify SCRIPT)"
RANKS = "gradients are averaged over processes; gradcheck diagnose --strategy ddp tries fixes"
_LEAD = 4  # a training may take so many more steps than another before a run is stopped


class EnoughError(BaseException):
    """Ends the script after the steps that were asked for; no `except Exception` stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run and how closely to look."""

    program: Program
    arguments: tuple[str, ...] = ()
    command: str = ""
    stop_after: int | None = None
    first: int = 8
    every: int = 100
    policy: Policy = field(default_factory=Policy)
    keep: "Callable[[Report], None] | None" = None  # takes snapshots of the report
    snapshot_seconds: float = 5.0
    record: bool = False  # the first steps without a limit, to try fixes on them
    on_stage: "Stage | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the script ended, and what was measured on the way; without a report, why there is none."""

    ending: Ending
    conclusion: "Conclusion | None" = None
    advice: str = ""
    follows: bool = False  # another rank reports
    failed: "Crash | None" = None  # an error of ours, which ended the measuring
    signals: Signals = field(default_factory=Signals)

    @property
    def report(self) -> "Report | None":
        """What is said of what was measured, if anything was."""
        return None if self.conclusion is None else self.conclusion.report


@dataclass(slots=True)
class _Run:
    """One run: torch is touched only once the script has imported it."""

    plan: Plan
    watcher: "Everywhere | None" = None
    recorder: "Recorder | None" = None
    stack: ExitStack = field(default_factory=ExitStack)
    book: Any = None
    scene: Scene | None = None
    ranks: "Ranks | None" = None
    snapshots: "Snapshots | None" = None
    signals: Signals = field(default_factory=Signals)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=monotonic)
    had_torch: bool = field(default_factory=lambda: "torch" in sys.modules)

    def watch(self) -> None:
        """Torch is here: look everywhere."""
        if not hasattr(sys.modules["torch"], "Tensor"):  # theirs, of that name
            return
        with ours():
            from gradcheck_cli.probe.everywhere import Everywhere
            from gradcheck_cli.probe.sampling import Sampling
            from gradcheck_cli.targets.sources import SiteBook
            from gradcheck_cli.witnessing import Snapshots

        plan = self.plan
        self.book = SiteBook()
        self.stack.enter_context(self.book.recording(shielded))
        sampling = Sampling(first=plan.first, every=plan.every, last=plan.stop_after)
        spares = plan.stop_after is None  # else it is ended early anyway
        self.watcher = Everywhere(sampling, self.book.site_of, self.stepped, spares=spares)
        self.watcher.loop.alive.none_yet = not self.had_torch
        self.stack.enter_context(self.watcher)
        if self.ranks is None and (plan.record or plan.policy.examine != "none"):
            from gradcheck_cli.replay.played import recorder

            self.recorder = self.stack.enter_context(recorder(trials=plan.record))
        if plan.keep is not None and (self.ranks is None or self.ranks.leads):
            self.snapshots = Snapshots(plan.keep, plan.policy, plan.snapshot_seconds)

    def stepped(self, _: "Session") -> None:
        """Stop the script when every training has taken its steps, or one is far ahead.

        Also when a SIGTERM was lost: what is raised inside a `__del__` ends nothing.
        """
        assert self.watcher is not None
        if self.signals.code == SIGTERM_CODE:
            raise TerminatedError
        if self.snapshots is not None and self.snapshots.due:
            with ours():
                self.snapshots.take([s for s in self.watcher.sessions if s.steps], _about(self))
        limit = self.plan.stop_after
        if limit is None:
            return
        steps = [s.steps for s in self.watcher.sessions]
        if min(steps) >= limit or max(steps) >= _LEAD * limit:
            raise EnoughError


def run(plan: Plan, aftermath: ExitStack) -> Outcome:
    """Run the script to its end, or for `stop_after` steps, and report what was seen.

    From the end of the script until `aftermath` is closed no signal interrupts. Raises nothing of the
    script's: how it ended is in the outcome.
    """
    this = _Run(plan, ranks=_place())
    with this.stack, when_imported("torch", this.watch):
        if plan.record:
            this.scene = Scene(plan.program, plan.arguments)
            this.stack.enter_context(when_imported("numpy", this.scene.numpy_is_here))
        signals = this.signals = aftermath.enter_context(terminable())
        ending = _ended(execute(plan.program, plan.arguments), signals, aftermath)
        if this.watcher is not None and ending.is_cut:
            this.watcher.is_cut = True
    with ours():
        return _outcome(this, ending)


def _outcome(this: _Run, ending: Ending) -> Outcome:
    """Return what there is to say of a run that has ended."""
    watcher, signals = this.watcher, this.signals
    said = partial(Outcome, ending, signals=signals, failed=failure(watcher))
    if this.ranks is not None and not this.ranks.leads:
        this.ranks.leave(_shards(watcher, this.ranks.world))
        return said(follows=True)
    if watcher is None or not any(s.steps for s in watcher.sessions):
        return said(advice=why_nothing(watcher, ending))
    return said(conclusion=_concluded(this, ending))


def _ended(ending: Ending, signals: Signals, aftermath: ExitStack) -> Ending:
    """The script has ended: see to it that nothing disturbs what follows, and say why it did."""
    aftermath.enter_context(undisturbed(signals))
    if isinstance(ending.error, EnoughError):
        return Ending()
    if signals.left is not None:
        signals.code = 0  # no signal from outside
        return Ending(signals.left & 0xFF, TerminatedError(), hard=True)
    if signals.code == SIGTERM_CODE and ending.error is not None:  # also what died of the signal
        return Ending(SIGTERM_CODE, TerminatedError())
    return ending


def _about(this: _Run) -> "Circumstances":
    """Return what is known of the run while it goes on."""
    from gradcheck_cli.witnessing import Circumstances, as_far_as_measured, assumptions_of, gaps_of

    watcher = this.watcher
    assert watcher is not None
    sessions = [s for s in watcher.sessions if s.steps]
    about = Circumstances(
        command=this.plan.command,
        data="drawn by the script",
        scripted=True,
        started=this.started.isoformat(timespec="seconds"),
        seconds=round(monotonic() - this.begun, 3),
        assumptions=tuple(assumptions_of(watcher, sessions)),
        gaps=tuple(gaps_of(watcher)),
        world_size=this.ranks.world if this.ranks is not None else 1,
        crashed=tuple(this.snapshots.crashed) if this.snapshots is not None else (),
    )
    return as_far_as_measured(about, watcher)


def _concluded(this: _Run, ending: Ending) -> "Conclusion":
    from gradcheck_cli.probe.ranks import merged, shard_of
    from gradcheck_cli.witnessing import conclusion_of

    watcher = this.watcher
    assert watcher is not None
    sessions = [s for s in watcher.sessions if s.steps]
    others, missing = _gathered(this, ending)
    about = replace(
        known := _about(this),
        interrupted=ending.is_cut,
        stopped=ending.reason,
        gaps=(*missing, *known.gaps, *untaken(ending)),
        crashed=(*known.crashed, *crashes(ending)),
        advice=() if this.plan.record or this.ranks is not None else (VERIFY,),
    )

    def amend(session: "Session", trace: "Trace") -> "Trace":
        number = watcher.sessions.index(session)
        shards = {rank: seen[number] for rank, seen in others.items() if number < len(seen)}
        return merged(trace, shard_of(session.group.models, trace), shards)

    return conclusion_of(
        sessions,
        about,
        this.plan.policy,
        amend=amend if this.ranks is not None else None,
        played=_played(this, len(sessions), ended=ending.error is None),
        on_stage=this.plan.on_stage,
    )


def _played(this: _Run, trainings: int, *, ended: bool) -> "Played | None":
    """Return the recorded steps for what follows a script; what sent a SIGTERM does not wait long."""
    from gradcheck_cli.replay.played import UNMEASURED, Played
    from gradcheck_cli.replay.recording import Recording

    if this.ranks is not None:
        return Played(recording=Recording(obstacle=RANKS))
    if this.recorder is not None and failure(this.watcher):
        return Played(recording=Recording(obstacle=UNMEASURED), trials=this.plan.record)
    hurries = not this.plan.record and this.signals.code == SIGTERM_CODE
    if this.recorder is None or this.watcher is None or hurries:
        return None
    played = Played(
        recording=this.recorder.recording,
        trials=this.plan.record,
        ended=ended and this.plan.stop_after is None,
        beside=trainings > 1,
        pace=(monotonic() - this.begun) / sum(s.steps for s in this.watcher.sessions),
        around=this.signals.obeyed,
    )
    if this.scene is None:
        return played
    with ours():
        from gradcheck_cli.rerun.repeating import run_again
    return replace(played, again=partial(run_again, this.scene, played.pace, played.around))


# ---- other ranks --------------------------------------------------------------------------------


def _place() -> "Ranks | None":
    """Return this process's place among the ranks; without others nothing is imported."""
    if os.environ.get("WORLD_SIZE", "1") in {"", "1"}:
        return None
    from gradcheck_cli.probe.places import ranks

    if (place := ranks()) is not None:
        place.announce()
    return place


def _shards(watcher: "Everywhere | None", world: int) -> list[dict[str, Any]]:
    if watcher is None:
        return []
    from gradcheck_cli.probe.ranks import shard_of

    return [shard_of(s.group.models, s.trace(), world).plain() for s in watcher.sessions]


def _gathered(this: _Run, ending: Ending) -> "tuple[dict[int, list[Shard]], list[Gap]]":
    if this.ranks is None:
        return {}, []
    from gradcheck_cli.probe.places import PATIENCE
    from gradcheck_cli.probe.ranks import Shard

    found, gaps = this.ranks.gather(PATIENCE / 6 if ending.error is not None else PATIENCE)
    this.ranks.clear()
    return {rank: [Shard.of(x) for x in seen] for rank, seen in found.items()}, gaps
