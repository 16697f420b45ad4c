"""`with watch(model, optimizer) as w:` around a training loop of one's own, or a cell of a notebook."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Self

import torch
from torch import nn

from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.live.following import Follower, Followers
from gradcheck_cli.live.notebook import Display, framed, in_notebook
from gradcheck_cli.pipeline import Conclusion, Stage, configured
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.anatomy import SiteOf
from gradcheck_cli.probe.ending import failure
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.shield import theirs
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.records.finding import Confidence, Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.tracefile import write_traces
from gradcheck_cli.renderers.html import render as render_html
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.played import UNMEASURED, Played
from gradcheck_cli.replay.recording import Recording
from gradcheck_cli.targets.optimizers import ids_held_by
from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.witnessing import Circumstances, as_far_as_measured, conclusion_of, judgment_of

OnFinding = Callable[[Finding], None]
_SOONEST = 10  # steps after which findings are looked for
_LATER = 1.4  # times as many steps until the next look: all looks together cost little
_ALARMED = 1.1  # the same, where the loss has jumped or is NaN or Inf

VERIFY = "to have the fixes tried: watch(..., verify=True), and .verify() after the loop"
NOTHING = (
    "no step was measured: a step ends when optimizer.step() is called inside `with watch(...)`, "
    "by an optimizer that was given to it"
)


def watch(
    model: nn.Module | Iterable[nn.Module],
    optimizer: torch.optim.Optimizer | Iterable[torch.optim.Optimizer],
    *,
    first: int = 8,
    every: int = 100,
    on_finding: OnFinding | None = None,
    policy: Policy | None = None,
    verify: bool = False,
    show: bool = False,
    to: Iterable[Follower] = (),
) -> "Watch":
    """Watch a training loop that stays as it is: a step ends when `optimizer.step()` returns.

    The first `first` steps are observed one by one, later ones ever more rarely, until step 2,000 at
    least one in `every`. `on_finding` is called with each new error or warning, from inside
    `optimizer.step()`; what it raises ends the loop. Findings are looked for after 10 steps and each
    time that 40 % more were taken, sooner when the loss jumps or is NaN or Inf. `policy` says what
    counts; without it the config file and the environment do. `show` draws the training in a notebook
    while it runs; `to` are followers, such as the trackers of `gradcheck_cli.live.trackers`. Raises
    UsageError when the optimizer holds no parameter of the model, for a config with mistakes, and for
    `show` outside of a notebook.
    """
    models = (model,) if isinstance(model, nn.Module) else tuple(model)
    one = isinstance(optimizer, torch.optim.Optimizer)
    optimizers: tuple[torch.optim.Optimizer, ...] = (optimizer,) if one else tuple(optimizer)  # type: ignore[assignment,arg-type]
    held = ids_held_by(*optimizers)
    if not any(id(p) in held for m in models for p in m.parameters()):
        raise UsageError("the optimizer holds no parameter of the model; was it made for another?")
    if first < 0 or every < 1:
        raise UsageError(f"first={first}, every={every}: expected first >= 0 and every >= 1")
    sampling = Sampling(first=first, every=every)
    display = Display() if show else None
    return Watch(
        Group(models, optimizers),
        sampling,
        policy or configured(),
        on_finding,
        verify_later=verify,
        display=display,
        followers=Followers((*([display] if display else []), *to)),
    )


@dataclass(slots=True)
class Watch:
    """What `watch` returns; everything it says can be asked during the loop and after it."""

    group: Group
    sampling: Sampling
    policy: Policy
    on_finding: OnFinding | None = None
    site_of: SiteOf = field(default_factory=lambda: SiteBook().site_of)
    verify_later: bool = False
    display: Display | None = None
    followers: Followers = field(default_factory=Followers)
    _recorder: Recorder | None = None
    _everywhere: Everywhere = field(init=False)
    _told: set[str] = field(default_factory=set)
    _last_look: set[str] = field(default_factory=set)
    _looked_at: int = 0  # the step of the last look
    _started: str = ""
    _begun: float = 0.0
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        self._everywhere = Everywhere(
            sampling=self.sampling,
            site_of=self.site_of,
            on_step=self._stepped,
            fixed=self.group,
            spares=True,
        )

    def __enter__(self) -> Self:
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._begun = monotonic()
        self._everywhere.__enter__()
        if self.verify_later:
            self._recorder = Recorder()
            self._recorder.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        if self._recorder is not None:
            self._recorder.__exit__(*problem)
        self._everywhere.__exit__(*problem)
        self._seconds = monotonic() - self._begun
        if self.followers.each and self.steps:
            self.followers.report(self.report())

    @property
    def steps(self) -> int:
        """How many steps have ended."""
        return sum(s.steps for s in self._everywhere.sessions)

    @property
    def recorded_bytes(self) -> int:
        """The memory of the data that was recorded for `verify`."""
        return 0 if self._recorder is None else self._recorder.recording.nbytes

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong as far as can be told now, the gravest first."""
        if not self.steps:
            return ()
        [session] = self._everywhere.sessions
        return judgment_of(session, self.policy).findings

    def report(self) -> Report:
        """Return the report of what was measured so far. Raises CannotDiagnoseError without a step."""
        return self.conclusion().report

    def verify(self, budget: float | None = None, *, on_stage: Stage | None = None) -> Report:
        """Try fixes on the recorded steps for `budget` seconds and return the report.

        `on_stage` is called with what is being done; without it a notebook shows that.
        The model, the optimizer and chance are afterwards what they were, bit for bit. Raises UsageError
        inside `with` or without `watch(..., verify=True)`, CannotDiagnoseError without a step.
        """
        if self._recorder is None:
            raise UsageError("no steps were recorded: say watch(..., verify=True)")
        if not self._seconds:
            raise UsageError(
                "verify() comes after the `with` block: fixes are tried on the model itself"
            )
        policy = self.policy.but(verify=True, budget=budget)
        pace = self._seconds / max(self.steps, 1)
        failed = Recording(obstacle=UNMEASURED) if failure(self._everywhere) else None
        played = Played(recording=failed or self._recorder.recording, pace=pace)
        display = self.display or (Display() if on_stage is None and in_notebook() else None)
        stage = on_stage or (display.stage if display else None)
        report = self._concluded(policy, played, stage).report
        if display and display is not self.display:
            display.report(report)
        return self.followers.report(report)

    def conclusion(self) -> Conclusion:
        """Return the report with what it was made of. Raises CannotDiagnoseError without a step."""
        return self._concluded(self.policy)

    def _concluded(
        self, policy: Policy, played: Played | None = None, on_stage: Stage | None = None
    ) -> Conclusion:
        if not self.steps:
            failed = failure(self._everywhere)
            raise CannotDiagnoseError(failed.said if failed else NOTHING)
        seconds = self._seconds or monotonic() - self._begun
        about = Circumstances(
            command="watch()",
            started=self._started,
            seconds=round(seconds, 3),
            advice=() if played is not None else (VERIFY,),
        )
        sessions, about = self._everywhere.sessions, as_far_as_measured(about, self._everywhere)
        return conclusion_of(sessions, about, policy, played=played, on_stage=on_stage)

    def save_trace(self, path: str | Path) -> None:
        """Write what was measured so far, for `gradcheck judge`. Raises what `report` does, and UsageError."""
        write_traces(self.conclusion().recordings, Path(path))

    def _repr_html_(self) -> str:
        """Show the report in a notebook, in a frame of its own."""
        if not self.steps:
            return "<p>gradcheck: no step was measured yet.</p>"
        return framed(render_html(self.report()))

    def _stepped(self, session: Session) -> None:
        """Tell of what is new, ever more rarely; what is less than certain is looked at twice."""
        if not session.was_read or not (self.on_finding is not None or self.followers.each):
            return
        last = session.recorder.steps[-1]
        self.followers.step(last, lambda: session.recorder.trace().layers)
        if session.steps < max(
            _SOONEST, (_ALARMED if session.alarmed else _LATER) * self._looked_at
        ):
            return
        self._looked_at = session.steps
        serious = [f for f in self.findings if f.severity is not Severity.NOTE]
        before, self._last_look = self._last_look, {f.code for f in serious}
        for finding in serious:
            certain = finding.severity is Severity.ERROR and finding.confidence is Confidence.HIGH
            if finding.code not in self._told and (certain or finding.code in before):
                self._told.add(finding.code)
                self.followers.finding(finding, session.steps)
                if self.on_finding is not None:
                    theirs(self.on_finding, finding)
