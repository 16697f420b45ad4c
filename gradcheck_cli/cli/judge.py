"""`gradcheck judge FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import gate_options, options, outputs
from gradcheck_cli.cli.diagnosis_runs import confine_outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.telling import tell

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What --save-trace wrote.", show_default=False)
]


@command
def judge(
    file: FileArgument,
    output: options.OutputOption = None,
    fail_on: options.MaybeFailOnOption = None,
    select: gate_options.SelectOption = None,
    extend_select: gate_options.ExtendSelectOption = None,
    ignore: gate_options.IgnoreOption = None,
    extend_ignore: gate_options.ExtendIgnoreOption = None,
    per_module_ignores: gate_options.ModuleIgnoreOption = None,
    severity: gate_options.SeverityOption = None,
    rules: gate_options.RuleOption = None,
    baseline: gate_options.BaselineOption = None,
    exit_zero: gate_options.MaybeExitZeroOption = None,
    quiet: options.MaybeQuietOption = None,
    config: options.ConfigOption = None,
) -> int:
    """Judge a saved trace again, with the rules of this version. Runs no code of yours.

    No fixes are looked for: they need the model. Exit codes: 0 nothing at or above --fail-on,
    1 findings, 2 usage, 3 nothing was measured, 4 a bug of gradcheck, 130 it was interrupted.
    """
    given = dict(locals())  # first, so that it holds the options and nothing else

    from gradcheck_cli import gating, pipeline, settings
    from gradcheck_cli.records.tracefile import read_traces
    from gradcheck_cli.rules import all_rules

    chosen = {name: given[name] for name in ("output", "fail_on", "quiet")}
    chosen |= gate_options.as_settings(given)
    found = settings.load(chosen, config=config, rules=all_rules())
    gating.check(found.policy)
    confine_outputs(found)
    wanted = outputs.parse(found["output"])
    recorded = [pipeline.recalled(recording) for recording in read_traces(file)]
    made = pipeline.conclude_all(recorded, found.policy)
    result = gating.beside(made.report, found.policy, made.notes)
    tell(result.report, wanted, quiet=bool(found["quiet"]), notes=result.all_notes)
    return result.code
