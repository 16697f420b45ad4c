"""`gradcheck judge FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.effective import effective
from gradcheck_cli.cli.options import GATE, REPORT, takes
from gradcheck_cli.cli.telling import concluded

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What --save-trace wrote.", show_default=False)
]


@command
@takes(*REPORT, *GATE)
def judge(given: options.Given, file: FileArgument, config: options.ConfigOption = None) -> int:
    """Judge a saved trace again, with the rules of this version. Runs no code of yours.

    No fixes are looked for: they need the model. Exit codes: 0 nothing at or above --fail-on,
    1 findings, 2 usage, 3 nothing was measured, 4 a bug of gradcheck, 130 it was interrupted.
    """
    from gradcheck_cli import pipeline
    from gradcheck_cli.records.tracefile import read_traces

    found = effective(given, config)
    wanted = outputs.parse(found["output"])
    recorded = [pipeline.recalled(recording) for recording in read_traces(file)]
    made = pipeline.conclude_all(recorded, found.policy)
    return concluded(made, found.policy, wanted, quiet=bool(found["quiet"]))
