# ruff: noqa: ARG002 - the signatures are theirs
"""`Trainer(callbacks=[GradcheckCallback()])`: watch a Lightning training and keep its report."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.watching import Watch, watch


class GradcheckCallback(Callback):  # type: ignore[misc] # Lightning is not installed where we are checked
    """Watches from the first batch to the end of `fit`; `report` holds what was found.

    With `stop`, an error ends the training at the next opportunity. `on_finding` hears of each error
    and warning once, `on_report` of the report. `policy` says what counts, else the config does.
    `verify` records the first steps and tries fixes on them when the training has ended.
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
    ) -> None:
        self.every = every
        self.stop = stop
        self.on_finding = on_finding
        self.on_report = on_report
        self.policy = policy
        self.verify = verify
        self.findings: list[Finding] = []
        self.report: Report | None = None
        self._watch: Watch | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch: model and optimizers are in place."""

        def heard(finding: Finding) -> None:
            self.findings.append(finding)
            if self.on_finding is not None:
                self.on_finding(finding)
            if self.stop and finding.severity is Severity.ERROR:
                trainer.should_stop = True

        self._watch = watch(
            pl_module,
            trainer.optimizers,
            every=self.every,
            on_finding=heard,
            policy=self.policy,
            verify=self.verify,
        )
        self._watch.__enter__()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop watching and report."""
        self._finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Report what was seen until the training failed."""
        self._finish()

    def _finish(self) -> None:
        if self._watch is None:
            return
        watched, self._watch = self._watch, None
        watched.__exit__(None, None, None)
        if watched.steps:
            self.report = watched.verify() if self.verify else watched.report()
            if self.on_report is not None:
                self.on_report(self.report)
