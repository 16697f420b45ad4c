"""`gradcheck report FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import gate_options, options, outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.errors import ExitCode

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A report saved as YAML or JSON.", show_default=False)
]


@command
def report(
    file: FileArgument,
    output: options.OutputOption = None,
    fail_on: options.FailOnOption = options.FailOn.NEVER,
    select: gate_options.SelectOption = None,
    ignore: gate_options.IgnoreOption = None,
    ignore_in: gate_options.ModuleIgnoreOption = None,
    severity: gate_options.SeverityOption = None,
    baseline: gate_options.BaselineOption = None,
    exit_zero: gate_options.ExitZeroOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Show a saved report again, or write it in another format. Runs no code of yours."""
    wanted = outputs.parse(output or ())
    policy = gate_options.policy_of(select, ignore, ignore_in, severity)
    gate_options.check_baseline(baseline)

    from gradcheck_cli.records.yamlfile import read

    saved = read(file)
    gate_options.check_selection(policy, saved.findings)
    result = gate_options.gated(saved, policy, baseline)
    tell(result.report, wanted, quiet=quiet, notes=result.notes)
    return result.code(fail_on.gate, exit_zero=exit_zero) if fail_on.gate else ExitCode.OK
