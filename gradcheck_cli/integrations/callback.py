"""What the callbacks of all trainers share: watch, collect findings, keep the report."""

from collections.abc import Callable, Iterable
from typing import Any

from gradcheck_cli.live.following import Follower
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.watching import Watch, watch


class WatchingCallback:
    """Watches a training; `report` holds what was found, `findings` each error and warning so far.

    With `stop`, an error ends the training at the next opportunity. `on_finding` is called with each
    error and warning once, `on_report` with the report. `policy` says what counts, else the config
    does. `verify` records the first steps and tries fixes on them when the training has ended. `to` are
    followers, such as the trackers of `gradcheck_cli.live.trackers`.
    """

    def __init__(
        self,
        *,
        every: int = 100,
        stop: bool = False,
        on_finding: Callable[[Finding], None] | None = None,
        on_report: Callable[[Report], None] | None = None,
        policy: Policy | None = None,
        verify: bool = False,
        to: Iterable[Follower] = (),
    ) -> None:
        self.every = every
        self.stop = stop
        self.on_finding = on_finding
        self.on_report = on_report
        self.policy = policy
        self.verify = verify
        self.to = tuple(to)
        self.findings: list[Finding] = []
        self.report: Report | None = None
        self._watch: Watch | None = None

    @property
    def should_stop(self) -> bool:
        """Is the training to be ended?"""
        return self.stop and any(f.severity is Severity.ERROR for f in self.findings)

    def finish(self) -> Report | None:
        """Stop watching; return the report, or nothing when no step was measured."""
        if self._watch is not None:
            watched, self._watch = self._watch, None
            watched.__exit__(None, None, None)
            if watched.steps:
                self.report = watched.verify() if self.verify else watched.report()
                if self.on_report is not None:
                    self.on_report(self.report)
        return self.report

    def _begin(self, model: Any, optimizers: Any) -> None:
        self._watch = watch(
            model,
            optimizers,
            every=self.every,
            on_finding=self._found,
            policy=self.policy,
            verify=self.verify,
            to=self.to,
        )
        self._watch.__enter__()

    def _found(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.on_finding is not None:
            self.on_finding(finding)
