"""From settings to reports: one model, or each of several that a config names."""

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_cli.cli import gate_options, gate_settings, options, strategy_runs
from gradcheck_cli.cli.gate_options import Counts
from gradcheck_cli.cli.joint_runs import HERE, own_specs, run_several
from gradcheck_cli.cli.outputs import Outputs, confine, parse
from gradcheck_cli.cli.progress import Steps
from gradcheck_cli.cli.streams import lent, no_workflow_commands
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.records.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.probe.meeting import Meeting
    from gradcheck_cli.settings import Run, Settings


def run_all(
    given: Mapping[str, Any], config: str | None, *, trust: bool, strategy: str | None = None
) -> int:
    """Diagnose one model or several and return the exit code."""
    met = strategy_runs.meet(strategy)
    if met is not None:
        alike = partial(_all, given, config, trust=trust, strategy=strategy, met=met)
        return strategy_runs.together(met, alike)
    return _all(given, config, trust=trust)


def _all(
    given: Mapping[str, Any],
    config: str | None,
    *,
    trust: bool,
    strategy: str | None = None,
    met: "Meeting | None" = None,
) -> int:
    found = loaded(given, config, "diagnose")
    rules = replace(_rules(found, trust=trust), met=met, strategy=strategy)
    gate_options.check_selection(rules.policy)
    gate_options.check_baseline(rules.baseline)
    _confine_outputs(found)
    if met is not None and len(found.runs) > 1:
        raise UsageError("--strategy takes one model at a time; the config names several")
    if len(found.runs) > 1:
        return run_several(found.runs, partial(_diagnosed, rules=rules), rules)
    [run] = found.runs
    specs = run["output"]
    return _one(run, parse([s for s in specs if HERE not in s] + own_specs(specs, run.name)), rules)


def loaded(given: Mapping[str, Any], config: str | None, verb: str) -> "Settings":
    """Return what the command line, the environment and the config say; every run has a model.

    Raises UsageError where one has none, and what is wrong with the settings.
    """
    from gradcheck_cli import settings
    from gradcheck_cli.rules import all_rules

    found = settings.load(given, config=config, rules=all_rules())
    for run in found.runs:
        if run.target().get("model") is None:
            raise UsageError(f"which model? say gradcheck {verb} MODEL, or try gradcheck init")
    if found.folder is not None and str(found.folder) not in sys.path:
        sys.path.insert(0, str(found.folder))  # modules that a config names lie beside it
    return found


def _confine_outputs(found: "Settings") -> None:
    """In CI a config may come from a stranger: what it names is written inside the checkout only."""
    output = found.values["output"]
    if "CI" not in os.environ or found.folder is None or not _is_from_file(found, output.origin):
        return
    above = (found.folder, *found.folder.parents)
    checkout = next((folder for folder in above if (folder / ".git").exists()), found.folder)
    confine(output.value, checkout, output.origin)


def _is_from_file(found: "Settings", origin: str) -> bool:
    return found.file is not None and origin.startswith(f"{found.file}:")


def _rules(found: "Settings", *, trust: bool) -> Counts:
    values = {name: value.value for name, value in found.values.items()}
    baseline = values.get("baseline")
    return Counts(
        policy=gate_settings.policy_of(values),
        thresholds=gate_settings.thresholds_of(values),
        baseline=None if baseline is None else Path(baseline),
        trust=trust,
    )


def _one(run: "Run", wanted: Outputs, rules: Counts) -> int:
    if rules.met is not None and not rules.met.place.leads:
        _followed(run, wanted, rules, rules.met)
        return ExitCode.OK  # rank 0 knows better
    report = _diagnosed(run, wanted, rules)
    result = gate_options.gated(report, rules.policy, rules.baseline)
    tell(result.report, wanted, quiet=bool(run["quiet"]), notes=result.notes)
    return result.code(options.FailOn(run["fail_on"]).gate, exit_zero=bool(run["exit_zero"]))


def _diagnosed(run: "Run", wanted: Outputs, rules: Counts) -> Report:
    """Train, with stdout kept for the machine and workflow commands kept from the user's code."""
    steps = _steps(run, rules)
    with ExitStack() as stack:
        if wanted.annotates_github:
            stack.enter_context(no_workflow_commands())
        stack.enter_context(lent(stdout_to_stderr=wanted.claims_stdout))
        progress = stack.enter_context(Steps(quiet=bool(run["quiet"])))

        from gradcheck_cli import diagnosing
        from gradcheck_cli.probe.hanging import patience
        from gradcheck_cli.targets.target import Target

        limits = {
            name: run[name]
            for name in ("budget", "examine", "verify_on", "timeout")
            if name in run.values
        }
        with patience(limits.get("timeout")):
            target = Target.from_strings(**run.target(), trust=rules.trust, strategy=rules.strategy)
        return diagnosing.diagnose(
            target,
            steps=steps,
            verify=bool(run["verify"]),
            thresholds=rules.thresholds,
            command=shlex.join(["gradcheck", *sys.argv[1:]]),
            on_step=progress.step,
            on_stage=progress.stage,
            meeting=rules.met,
            **limits,
        )


def _followed(run: "Run", wanted: Outputs, rules: Counts, met: "Meeting") -> None:
    """Train beside rank 0 and say nothing."""
    steps = _steps(run, rules)
    with lent(stdout_to_stderr=wanted.claims_stdout):
        from gradcheck_cli import diagnosing
        from gradcheck_cli.targets.target import Target

        target = Target.from_strings(**run.target(), trust=rules.trust, strategy=rules.strategy)
        diagnosing.follow(target, steps or diagnosing.STEPS, met)


def _steps(run: "Run", rules: Counts) -> int | None:
    steps = options.steps_of(str(run["steps"]))
    if steps is None and rules.met is not None:
        raise UsageError("--steps auto looks at one rank only; give a number with --strategy")
    return steps
