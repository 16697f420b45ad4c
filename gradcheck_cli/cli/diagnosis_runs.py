"""From settings to reports: one model, or each of several that a config names."""

import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_cli.cli import strategy_runs
from gradcheck_cli.cli.effective import effective, with_models
from gradcheck_cli.cli.joint_runs import HERE, own_specs, run_several
from gradcheck_cli.cli.outputs import Outputs, parse
from gradcheck_cli.cli.progress import Steps
from gradcheck_cli.cli.streams import lent, no_workflow_commands
from gradcheck_cli.cli.telling import concluded
from gradcheck_cli.declared import AUTO
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.terminating import held, interruptible

if TYPE_CHECKING:
    from gradcheck_cli.pipeline import Conclusion
    from gradcheck_cli.probe.meeting import Meeting
    from gradcheck_cli.settings import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all models: the policy, whether files are trusted, who trains with us."""

    policy: Policy
    trust: bool
    met: "Meeting | None" = None  # where the ranks of a strategy meet
    strategy: str | None = None


def run_all(
    given: Mapping[str, Any],
    config: str | None,
    *,
    trust: bool,
    strategy: str | None = None,
    save_trace: Path | None = None,
) -> int:
    """Diagnose one model or several and return the exit code."""
    met = strategy_runs.meet(strategy)
    alike = partial(
        _all, given, config, trust=trust, save_trace=save_trace, strategy=strategy, met=met
    )
    if met is not None:
        return strategy_runs.together(met, alike)
    with held(terminate=True) as signals:
        code = alike()
        return ExitCode.INTERRUPTED if signals.code else code


def _all(
    given: Mapping[str, Any],
    config: str | None,
    *,
    trust: bool,
    save_trace: Path | None,
    strategy: str | None = None,
    met: "Meeting | None" = None,
) -> int:
    found = with_models(effective(given, config), "diagnose")
    asked = Asked(found.policy, trust, met, strategy)
    if met is not None and len(found.runs) > 1:
        raise UsageError("--strategy takes one model at a time; the config names several")
    if save_trace is not None and len(found.runs) > 1:
        raise UsageError("--save-trace takes one model at a time; the config names several")
    if len(found.runs) > 1:
        return run_several(found.runs, partial(_diagnosed, asked=asked), asked.policy)
    [run] = found.runs
    specs = run["output"]
    shared = [s for s in specs if HERE not in s]
    return _one(run, parse(shared + own_specs(specs, run.name), save_trace), asked)


def _one(run: "Run", wanted: Outputs, asked: Asked) -> int:
    if asked.met is not None and not asked.met.place.leads:
        _followed(run, wanted, asked, asked.met)
        return ExitCode.OK  # rank 0 knows better
    made = _diagnosed(run, wanted, asked)
    return concluded(made, asked.policy, wanted, quiet=bool(run["quiet"]))


def _diagnosed(run: "Run", wanted: Outputs, asked: Asked) -> "Conclusion":
    """Train, with stdout kept for the machine and workflow commands kept from the user's code."""
    steps = _steps(run, asked)
    with ExitStack() as stack:
        if wanted.annotates_github:
            stack.enter_context(no_workflow_commands())
        stack.enter_context(lent(stdout_to_stderr=wanted.claims_stdout))
        progress = stack.enter_context(Steps(quiet=bool(run["quiet"])))

        from gradcheck_cli import diagnosing
        from gradcheck_cli.probe.hanging import patience
        from gradcheck_cli.remedies.patching.checks import current_project
        from gradcheck_cli.targets.target import Target

        timeout = run["timeout"] if "timeout" in run.values else None
        with interruptible(), patience(timeout):
            target = Target.from_strings(**run.target(), trust=asked.trust, strategy=asked.strategy)
        return diagnosing.diagnosed(
            target,
            steps,
            policy=asked.policy,
            command=shlex.join(["gradcheck", *sys.argv[1:]]),
            root=current_project(),
            on_step=progress.step,
            on_stage=progress.stage,
            meeting=asked.met,
            timeout=timeout,
        )


def _followed(run: "Run", wanted: Outputs, asked: Asked, met: "Meeting") -> None:
    """Train beside rank 0 and say nothing."""
    steps = _steps(run, asked)
    with lent(stdout_to_stderr=wanted.claims_stdout):
        from gradcheck_cli import diagnosing
        from gradcheck_cli.targets.target import Target

        target = Target.from_strings(**run.target(), trust=asked.trust, strategy=asked.strategy)
        diagnosing.follow(target, steps or diagnosing.STEPS, met)


def _steps(run: "Run", asked: Asked) -> int | None:
    steps: int | None = None if run["steps"] == AUTO else run["steps"]
    if steps is None and asked.met is not None:
        raise UsageError("--steps auto looks at one rank only; give a number with --strategy")
    return steps
