"""`gradcheck run train.py its own arguments`."""

import shlex
import sys
import traceback
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.consoles import err
from gradcheck_cli.cli.deciding import code_of_report
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.leaving import end_at_once
from gradcheck_cli.cli.rebuilt_runs import with_verdicts
from gradcheck_cli.cli.streams import lent
from gradcheck_cli.errors import THEIRS, ExitCode, UsageError
from gradcheck_cli.probe.places import ranks
from gradcheck_cli.probe.terminating import TerminatedError
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.renderers.words import clean
from gradcheck_cli.running import Outcome, Plan

ProgramArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SCRIPT [ARGUMENTS]...",
        help="The script, and everything it is given.",
        show_default=False,
    ),
]
ModuleOption = Annotated[
    bool, typer.Option("-m", help="SCRIPT is a module to run, as in python -m.")
]
StopOption = Annotated[
    int | None,
    typer.Option("--stop-after", min=1, metavar="N", help="End the script after N training steps."),
]
EveryOption = Annotated[
    int,
    typer.Option("--every", min=1, metavar="N", help="Read the layers at least in one of N steps."),
]

VerifyOption = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Then try the fixes, on the training built again from what the script defines.",
    ),
]
_BUDGET = 60.0


@command
def run(
    program: ProgramArgument,
    module: ModuleOption = False,
    stop_after: StopOption = None,
    every: EveryOption = 100,
    output: options.OutputOption = None,
    fail_on: options.FailOnOption = options.FailOn.ERROR,
    quiet: options.QuietOption = False,
    verify: VerifyOption = False,
    budget: options.BudgetOption = None,
) -> int:
    """Run a training script as it is and say why its model does not learn.

    The script's own output, results and exit code stay what they are; the report goes to stderr and
    to --output. Reports at its end, on an exception, on Ctrl-C and on SIGTERM; files of --output in
    YAML and JSON hold a snapshot meanwhile, for when the process is killed. Exit codes: the
    script's own where it is not 0; else 0 nothing at or above --fail-on, 1 findings, 2 usage,
    3 nothing was measured, 4 a bug of gradcheck.
    """
    wanted = outputs.parse(output or ())
    if verify and ranks() is not None:
        raise UsageError("--verify takes one process; use diagnose --strategy ddp or fsdp instead")

    from gradcheck_cli import running
    from gradcheck_cli.probe.launching import find_module, find_script

    name, *arguments = program
    plan = Plan(
        program=find_module(name) if module else find_script(name),
        arguments=tuple(arguments),
        command=shlex.join(["gradcheck", *sys.argv[1:]]),
        stop_after=stop_after,
        every=every,
        keep=wanted.snapshot if wanted.keeps_snapshots else None,
    )
    with ExitStack() as aftermath:
        with lent(stdout_to_stderr=wanted.claims_stdout):
            outcome = running.run(plan, aftermath)
        with lent(stdout_to_stderr=wanted.claims_stdout):
            _tell_ending(outcome)
            if verify and outcome.report is not None and outcome.recipe is not None:
                spent = _BUDGET if budget is None else budget
                with suppress(KeyboardInterrupt, TerminatedError), outcome.signals.obeyed():
                    report = with_verdicts(outcome.report, outcome.recipe, spent)
                    outcome = replace(outcome, report=report)
        _tell(outcome, wanted, quiet=quiet)
        code = _code_of(outcome, fail_on.gate)
    if outcome.ending.hard:
        end_at_once(code)
    return code


def _tell_ending(outcome: Outcome) -> None:
    """Say how the script ended in the way that Python would have."""
    from gradcheck_cli.probe.launching import tidy

    ending = outcome.ending
    if ending.message:
        sys.stderr.write(ending.message + "\n")
    if ending.error is None or isinstance(ending.error, TerminatedError):
        return
    if ending.is_our_fault:
        traceback.print_exception(ending.error)
        _line("bug", "this is a bug in gradcheck, not in your script; please report it")
        return
    error = tidy(ending.error)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except THEIRS:  # a hook of the script's that fails must not take the report with it
        sys.__excepthook__(type(error), error, error.__traceback__)


def _tell(outcome: Outcome, wanted: outputs.Outputs, *, quiet: bool) -> None:
    report = outcome.report
    if outcome.follows:
        return
    if report is None:
        _line("nothing was measured", outcome.advice)
        return
    from gradcheck_cli.renderers.terminal import render

    files = []
    try:
        files = wanted.write(report)
    finally:  # a file that can not be written does not take the report with it
        if quiet:
            _line(report.verdict.value, report.headline)
        elif not wanted.silences_terminal:
            err().print(render(report))
    if not quiet:
        for path in files:
            err().print(Text(f" wrote {clean(str(path))}", style="dim"), soft_wrap=True)


def _code_of(outcome: Outcome, gate: Severity | None) -> int:
    """Return the script's own exit code, else what was found."""
    if outcome.ending.is_our_fault:
        return ExitCode.BUG
    if outcome.ending.code:
        return outcome.ending.code
    if outcome.signals.code:  # after the script, while the report was made
        return outcome.signals.code
    if outcome.follows:
        return ExitCode.OK  # rank 0 knows better
    if outcome.report is None:
        return ExitCode.CANNOT_DIAGNOSE
    return code_of_report(outcome.report, gate)


def _line(label: str, message: str) -> None:
    line = Text(f"{label}: ", style="bold")
    line.append(clean(message), style="none")
    err().print(line, soft_wrap=True)
