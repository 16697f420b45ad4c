"""`diagnose` and `fix` given a script: its first steps are watched and recorded, then it is stopped."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.cli import options, outputs
from gradcheck_cli.cli.run import followed, say
from gradcheck_cli.cli.telling import concluded
from gradcheck_cli.declared import AUTO, SETTINGS
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.leaving import end_at_once
from gradcheck_cli.policy import Policy
from gradcheck_cli.running import Outcome, Plan
from gradcheck_cli.scripts import looks_like_a_script, trains_when_run

if TYPE_CHECKING:
    from gradcheck_cli.probe.launching import Program
    from gradcheck_cli.settings import Settings

# What a script decides by itself, or what needs a training that gradcheck runs.
THE_SCRIPTS_OWN = (
    *(name for name in options.TRAINING if name != "steps"),
    *("strategy", "trust", "timeout", "verify_on"),
)


class Script(NamedTuple):
    """A script or module that trains when it is run, with its own arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    module: bool = False


def script_of(
    name: str | None, arguments: Sequence[str], given: Mapping[str, Any], *, module: bool = False
) -> Script | None:
    """Return the script that was named, None for a model; it is read, nothing of it runs.

    A module (`-m`) and a file with arguments of its own are scripts, a file that trains when it is
    imported, and one that trains when it is run, unless options say of what and how gradcheck is to train
    itself. Raises UsageError for options that have no meaning for a script.
    """
    if name is None:
        if module or arguments:
            raise UsageError("which script? its name comes before its arguments")
        return None
    unfit = [n for n in THE_SCRIPTS_OWN if given.get(n)]
    path = Path(name)
    trains = looks_like_a_script(path) or (not unfit and trains_when_run(path))
    if not (module or arguments or trains):
        return None
    if unfit:
        shown = ", ".join(SETTINGS[n].flag if n in SETTINGS else f"--{n}" for n in unfit)
        raise UsageError(f"{name} is run as the script that it is, which {shown} cannot change")
    return Script(name, tuple(arguments), module)


def diagnose(script: Script, found: "Settings", save_trace: Path | None) -> int:
    """Watch the script, report as on a model, and return the exit code."""
    wanted = outputs.parse(found["output"], save_trace)
    with watched(script, found, found.policy, stdout_to_stderr=wanted.claims_stdout) as outcome:
        code = _told(outcome, found, wanted)
    if outcome.ending.hard:
        end_at_once(code)
    return code


@contextmanager
def watched(
    script: Script, found: "Settings", policy: Policy, *, stdout_to_stderr: bool
) -> Iterator[Outcome]:
    """Run the first steps of the script and yield what was seen; fixes are tried if wanted."""
    steps = found["steps"]
    if steps == AUTO:
        raise UsageError("--steps auto is for models; a script is stopped after a number of steps")
    quiet = bool(found["quiet"])
    if not quiet:
        say(
            "gradcheck", f"{script.name} trains when it is run: its first {steps} steps are watched"
        )
    plan = Plan(
        program=_program(script),
        arguments=script.arguments,
        command=shlex.join(["gradcheck", *sys.argv[1:]]),
        stop_after=steps,
        policy=policy,
        record=policy.verify,
        on_stage=None if quiet else partial(say, "gradcheck"),
    )
    with followed(plan, stdout_to_stderr=stdout_to_stderr) as outcome:
        yield outcome


def _told(outcome: Outcome, found: "Settings", wanted: outputs.Outputs) -> int:
    if outcome.conclusion is None:
        return unmeasured(outcome)
    code = concluded(outcome.conclusion, found.policy, wanted, quiet=bool(found["quiet"]))
    return code_of(outcome, code)


def unmeasured(outcome: Outcome) -> int:
    """Say why nothing can be said, and return the exit code."""
    if outcome.follows:
        return ExitCode.OK  # rank 0 knows better
    say("error", f"nothing was measured: {outcome.advice}")
    cut = outcome.ending.code if outcome.ending.is_cut else ExitCode.CANNOT_DIAGNOSE
    return code_of(outcome, cut)


def code_of(outcome: Outcome, code: int) -> int:
    """Return the exit code: that of the verdict, unless a signal or a bug of ours ended the script."""
    if outcome.ending.is_our_fault:
        return ExitCode.BUG
    return outcome.signals.code or code


def _program(script: Script) -> "Program":
    from gradcheck_cli.probe.launching import find_module, find_script

    return find_module(script.name) if script.module else find_script(script.name)
