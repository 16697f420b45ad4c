"""From settings to reports: one model, or each of several that a config names."""

import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_cli.cli import gate_options, gate_settings, options
from gradcheck_cli.cli.consoles import Steps
from gradcheck_cli.cli.edge import code_of
from gradcheck_cli.cli.outputs import Outputs, parse
from gradcheck_cli.cli.streams import no_workflow_commands, stdout_to_stderr
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.gating import Policy
from gradcheck_cli.records.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.settings import Run, Settings

GRAVEST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
    ExitCode.CANNOT_DIAGNOSE,
    ExitCode.USAGE,
    ExitCode.FINDINGS,
    ExitCode.OK,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts, which thresholds the rules have, and whether files are trusted."""

    policy: Policy
    thresholds: Mapping[str, Mapping[str, Any]]
    baseline: Path | None
    trust: bool


def run_all(given: Mapping[str, Any], config: str | None, *, trust: bool) -> int:
    """Diagnose every model and return the gravest exit code; one that fails stops no other."""
    from gradcheck_cli import settings
    from gradcheck_cli.rules import RULES

    found = settings.load(given, config=config, rules=RULES)
    rules = _rules(found, trust=trust)
    gate_options.check_baseline(rules.baseline)
    for run in found.runs:
        if run.target().get("model") is None:
            raise UsageError("which model? say gradcheck diagnose MODEL, or try gradcheck init")
    if found.folder is not None and str(found.folder) not in sys.path:
        sys.path.insert(0, str(found.folder))  # modules that a config names lie beside it
    several = len(found.runs) > 1
    planned = [(run, parse(_specs(run, several=several))) for run in found.runs]
    if len(planned) == 1:
        return _one(*planned[0], rules)
    codes = [code_of(partial(_one, run, wanted, rules)) for run, wanted in planned]
    return next(code for code in GRAVEST_FIRST if code in codes)


def _rules(found: "Settings", *, trust: bool) -> Rules:
    values = {name: value.value for name, value in found.values.items()}
    baseline = values.get("baseline")
    return Rules(
        policy=gate_settings.policy_of(values),
        thresholds=gate_settings.thresholds_of(values),
        baseline=None if baseline is None else Path(baseline),
        trust=trust,
    )


def _one(run: "Run", wanted: Outputs, rules: Rules) -> int:
    quiet = bool(run["quiet"])
    report = _diagnosed(run, wanted, rules, quiet=quiet)
    result = gate_options.gated(report, rules.policy, rules.baseline)
    tell(result.report, wanted, quiet=quiet, notes=result.notes)
    return result.code(options.FailOn(run["fail_on"]).gate, exit_zero=bool(run["exit_zero"]))


def _diagnosed(run: "Run", wanted: Outputs, rules: Rules, *, quiet: bool) -> Report:
    """Train, with stdout kept for the machine and workflow commands kept from the user's code."""
    steps = options.steps_of(str(run["steps"]))
    with ExitStack() as stack:
        if wanted.annotates_github:
            stack.enter_context(no_workflow_commands())
        stack.enter_context(stdout_to_stderr(active=wanted.claims_stdout))
        progress = stack.enter_context(Steps(quiet=quiet))

        from gradcheck_cli import diagnosing
        from gradcheck_cli.targets.target import Target

        target = Target.from_strings(**run.target(), trust=rules.trust)
        limits = {"budget": run["budget"]} if "budget" in run.values else {}
        return diagnosing.diagnose(
            target,
            steps=steps,
            verify=bool(run["verify"]),
            thresholds=rules.thresholds,
            command=shlex.join(["gradcheck", *sys.argv[1:]]),
            on_step=progress.step,
            on_stage=progress.stage,
            **limits,
        )


def _specs(run: "Run", *, several: bool) -> list[str]:
    """Return the outputs of one run; with several models each gets files of its own."""
    specs = list(run["output"])
    if not several:
        return specs
    mark = re.sub(r"[^\w.-]+", "-", run.name).strip("-.")
    named = []
    for spec in specs:
        kind, colon, path = spec.partition(":")
        if not colon:
            raise UsageError(f"--output {spec}: with several models it needs a path")
        where = Path(path)
        named.append(f"{kind}:{where.with_name(f'{where.stem}-{mark}{where.suffix}')}")
    return named
