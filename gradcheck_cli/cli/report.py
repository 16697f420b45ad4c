"""`gradcheck report FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import gate_options, options, outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.policy import ALL, Policy, parse_module_ignore, parse_severity

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
    policy = Policy(
        select=tuple(gate_options.listed(select) or (ALL,)),
        ignore=tuple(gate_options.listed(ignore) or ()),
        per_module=tuple(parse_module_ignore(text) for text in ignore_in or ()),
        severities=tuple(parse_severity(text) for text in severity or ()),
        fail_on=fail_on.gate,
        baseline=baseline,
        exit_zero=exit_zero,
    )

    from gradcheck_cli import gating
    from gradcheck_cli.records.yamlfile import read

    saved = read(file)
    gating.check(policy, saved.findings)
    result = gating.gate(saved, policy)
    # Showing a report is no gate unless one is asked for, so exit code 0 needs no excuse.
    notes = result.all_notes if fail_on.gate else result.notes
    tell(result.report, wanted, quiet=quiet, notes=notes)
    return result.code if fail_on.gate else ExitCode.OK
