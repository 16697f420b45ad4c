"""`gradcheck run train.py its own arguments`."""

import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.consoles import err
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.effective import effective
from gradcheck_cli.cli.options import GATE, REPORT, takes
from gradcheck_cli.cli.streams import lent
from gradcheck_cli.errors import THEIRS, ExitCode, UsageError
from gradcheck_cli.leaving import end_at_once
from gradcheck_cli.notebooks import passed_over
from gradcheck_cli.probe.places import ranks
from gradcheck_cli.probe.terminating import TerminatedError
from gradcheck_cli.renderers.words import clean
from gradcheck_cli.running import Outcome, Plan
from gradcheck_cli.shadowing import ours

if TYPE_CHECKING:
    from gradcheck_cli.gating import Gated
    from gradcheck_cli.policy import Policy
    from gradcheck_cli.records.report import Report

ProgramArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SCRIPT [ARGUMENTS]",
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
        help="Record the first steps, and try the fixes by playing them again after the script.",
    ),
]


@command
@takes(*REPORT, "budget", "examine", *GATE)
def run(
    given: options.Given,
    program: ProgramArgument,
    module: ModuleOption = False,
    stop_after: StopOption = None,
    every: EveryOption = 100,
    verify: VerifyOption = False,
    save_trace: options.SaveTraceOption = None,
    config: options.ConfigOption = None,
) -> int:
    """Run a training script as it is and say why its model does not learn.

    The script's own output, results and exit code stay what they are; the report goes to stderr and
    to --output. Reports at its end, on an exception, on Ctrl-C and on SIGTERM; files of --output in
    YAML and JSON hold a snapshot meanwhile, for when the process is killed. Experiments on its first
    steps follow it for seconds (quick; --examine full takes longer, none leaves them out). Exit codes: the
    script's own where it is not 0; else 0 nothing at or above --fail-on, 1 findings, 2 usage,
    3 nothing was measured, 4 a bug of gradcheck.
    """
    if verify and ranks() is not None:
        raise UsageError("--verify takes one process; use diagnose --strategy ddp or fsdp instead")
    found = effective(given, config)
    unasked = not verify and found.values["examine"].origin == "default"
    wanted = outputs.parse(found["output"], save_trace)

    from gradcheck_cli.probe.launching import find_module, find_script

    name, *arguments = program
    plan = Plan(
        program=find_module(name) if module else find_script(name),
        arguments=tuple(arguments),
        command=shlex.join(["gradcheck", *sys.argv[1:]]),
        stop_after=stop_after,
        every=every,
        policy=found.policy.but(examine="quick") if unasked else found.policy,
        keep=wanted.snapshot if wanted.keeps_snapshots else None,
        record=verify,
        on_stage=None if found["quiet"] else partial(say, "gradcheck"),
    )
    if plan.on_stage is not None and (told := _handed_on(plan)):
        plan.on_stage(told)
    with followed(plan, stdout_to_stderr=wanted.claims_stdout) as outcome:
        result = _gated(outcome, outcome.report, found.policy)
        _tell(outcome, result, wanted, quiet=bool(found["quiet"]))
        code = _code_of(outcome, result)
    if outcome.ending.hard:
        end_at_once(code)
    return code


def _handed_on(plan: Plan) -> str:
    """Say which of our options the script is given that does not speak of them, nothing where none is."""
    known = {"--" + name.replace("_", "-") for name in signature(run).parameters}
    given = {argument.partition("=")[0] for argument in plan.arguments} & known
    try:
        text = Path(plan.program.path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lost = sorted(
        name for name in given if name[2:].replace("-", "_") not in text.replace("-", "_")
    )
    where = f"to {Path(plan.program.path).name}; options for gradcheck go before the script"
    return f"passing {' and '.join(lost)} {where}" if lost else ""


@contextmanager
def followed(plan: Plan, *, stdout_to_stderr: bool) -> Iterator[Outcome]:
    """Run the script, tell how it ended, and yield what was seen; no signal interrupts inside.

    `stdout_to_stderr` keeps its output away from a stdout that a machine reads.
    """
    from gradcheck_cli import running

    if plan.on_stage is not None and (told := passed_over(plan.program.path)):
        plan.on_stage(told)
    with ExitStack() as aftermath:
        with lent(stdout_to_stderr=stdout_to_stderr):
            outcome = running.run(plan, aftermath)
            folder = _folder()  # the script's exit handlers expect to be there
        with lent(stdout_to_stderr=stdout_to_stderr):
            _tell_ending(outcome)
        yield outcome
    os.chdir(folder)


def _folder() -> int | str:
    """Return what os.chdir takes to come back here: open where it can be, so that renaming is no matter."""
    return os.open(".", os.O_RDONLY) if os.chdir in os.supports_fd else os.getcwd()  # noqa: PTH109


def _gated(outcome: Outcome, report: "Report | None", policy: "Policy") -> "Gated | None":
    if report is None or outcome.conclusion is None:
        return None
    from gradcheck_cli import gating

    return gating.beside(report, policy, outcome.conclusion.notes)


def _tell_ending(outcome: Outcome) -> None:
    """Say how the script ended in the way that Python would have, and before it where we failed."""
    from gradcheck_cli.probe.launching import tidy

    ending = outcome.ending
    if outcome.failed is not None:
        sys.stderr.write(outcome.failed.traceback)
        say("bug", f"gradcheck failed in {outcome.failed.where}, not your script; please report it")
    if ending.message:
        sys.stderr.write(ending.message + "\n")
    if ending.error is None or isinstance(ending.error, TerminatedError):
        return
    if ending.is_our_fault:
        traceback.print_exception(ending.error)
        say("bug", "this is a bug in gradcheck, not in your script; please report it")
        return
    error = tidy(ending.error)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except THEIRS:  # a hook of the script's that fails must not take the report with it
        sys.__excepthook__(type(error), error, error.__traceback__)


@ours()
def _tell(
    outcome: Outcome, result: "Gated | None", wanted: outputs.Outputs, *, quiet: bool
) -> None:
    if outcome.follows:
        return
    if result is None:
        failed = outcome.failed
        say("nothing was measured", failed.said if failed is not None else outcome.advice)
        return
    from gradcheck_cli.renderers.terminal import render

    report = result.report
    files = []
    try:
        recorded = outcome.conclusion.recordings if outcome.conclusion is not None else ()
        files = wanted.write(report, recorded)
    finally:  # a file that can not be written does not take the report with it
        if quiet:
            say(report.verdict.value, report.headline)
        elif not wanted.silences_terminal:
            err().print(render(report))
    if not quiet:
        for line in (*result.all_notes, *(f"wrote {path}" for path in files)):
            err().print(Text(f" {clean(line)}", style="dim"), soft_wrap=True)


def _code_of(outcome: Outcome, result: "Gated | None") -> int:
    """Return the script's own exit code, else what was found."""
    if outcome.ending.is_our_fault:
        return ExitCode.BUG
    if outcome.ending.code:
        return outcome.ending.code
    if outcome.signals.code:  # after the script, while the report was made
        return outcome.signals.code
    if outcome.follows:
        return ExitCode.OK  # rank 0 knows better
    if result is None:
        return ExitCode.CANNOT_DIAGNOSE if outcome.failed is None else ExitCode.BUG
    return result.code


def say(label: str, message: str) -> None:
    """Print a line on stderr."""
    told = Text(f"{label}: ", style="bold")
    told.append(clean(message), style="none")
    err().print(told, soft_wrap=True)
