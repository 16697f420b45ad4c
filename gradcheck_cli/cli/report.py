"""`gradcheck report FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.options import GATE, REPORT, takes
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.declared import DEFAULTS
from gradcheck_cli.errors import ExitCode

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A report saved as YAML or JSON.", show_default=False)
]


@command
@takes(*REPORT, *(name for name in GATE if name != "rules"), fail_on="never")
def report(given: options.Given, file: FileArgument) -> int:
    """Show a saved report again, or write it in another format. Runs no code of yours.

    No config counts, and no finding fails unless --fail-on says so.
    """
    from gradcheck_cli import gating
    from gradcheck_cli.records.yamlfile import read
    from gradcheck_cli.settings.policies import policy_of

    chosen = DEFAULTS | {name: value for name, value in given.items() if value is not None}
    wanted, policy = outputs.parse(chosen["output"]), policy_of(chosen)
    saved = read(file)
    gating.check(policy, saved.findings)
    result = gating.gate(saved, policy)
    # Showing a report is no gate unless one is asked for, so exit code 0 needs no excuse.
    notes = result.all_notes if policy.fail_on else result.notes
    tell(result.report, wanted, quiet=chosen["quiet"], notes=notes)
    return result.code if policy.fail_on else ExitCode.OK
