# ruff: noqa: ARG002 - the signatures are theirs
"""`Trainer(callbacks=[GradcheckTrainerCallback()])`: watch a Hugging Face training, keep its report."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.watching import Watch, watch


class GradcheckTrainerCallback(TrainerCallback):  # type: ignore[misc] # not installed where we are checked
    """Watches from the first step to the end of `train`; `report` holds what was found.

    With `stop`, an error ends the training after the step. After an exception, `finish()` reports.
    `policy` says what counts, else the config does. `verify` records the first steps and tries fixes
    on them when the training has ended.
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

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin to watch: the Trainer hands over its model and optimizer."""
        optimizer = given["optimizer"]
        inner = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it
        self._watch = watch(
            given["model"],
            inner,
            every=self.every,
            on_finding=self._heard,
            policy=self.policy,
            verify=self.verify,
        )
        self._watch.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the training when that was asked for."""
        if self.stop and any(f.severity is Severity.ERROR for f in self.findings):
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop watching and report."""
        self.finish()

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

    def _heard(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.on_finding is not None:
            self.on_finding(finding)
