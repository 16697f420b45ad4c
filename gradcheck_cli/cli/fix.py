"""`gradcheck fix MODEL`, or a script: the diff of the best fix that was proven; `--write` applies it."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gradcheck_cli import gating
from gradcheck_cli.cli import options, script_runs
from gradcheck_cli.cli.consoles import err, write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.effective import effective, with_models
from gradcheck_cli.cli.options import GATE, REPORT, TRAINING, TRIALS, takes
from gradcheck_cli.cli.outputs import Outputs, parse
from gradcheck_cli.cli.progress import Steps
from gradcheck_cli.cli.streams import lent
from gradcheck_cli.declared import AUTO
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.leaving import end_at_once
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.terminating import held, interruptible
from gradcheck_cli.records.diagnosis import Fix, Status
from gradcheck_cli.renderers.words import clean

if TYPE_CHECKING:
    from gradcheck_cli.fixing import Cure
    from gradcheck_cli.gating import Gated
    from gradcheck_cli.settings import Run, Settings

WriteOption = Annotated[
    bool, typer.Option("--write", help="Change the files; without it the diff is only shown.")
]
SHOWN = 6  # fixes that are listed


@command
@takes(*TRAINING, *REPORT, *(name for name in TRIALS if name != "verify"), *GATE)
def fix(
    given: options.Given,
    model: options.MaybeModelArgument = None,
    arguments: options.ArgumentsArgument = None,
    module: options.ModuleOption = False,
    write: WriteOption = False,
    config: options.ConfigOption = None,
    trust: options.TrustOption = False,
) -> int:
    """Test fixes against an unchanged and a re-initialized control; show the best proven one as a diff.

    The diff goes to stdout, everything else to stderr and to --output. A script that trains when it
    is run is run, stopped after --steps, and changed itself; its own arguments come after `--`. Runs your code. Exit codes:
    0 there is a proven diff or nothing is wrong, 1 findings at or above --fail-on and no proven fix
    can be written, 2 usage, 3 could not diagnose (your code raised), 4 a bug of gradcheck, 130
    interrupted.
    """
    script = script_runs.script_of(model, arguments or (), {**given, "trust": trust}, module=module)
    if script is not None:
        return _fix_script(script, effective(given, config), write=write)
    found = with_models(effective({**given, "model": model}, config), "fix")
    if len(found.runs) > 1:
        names = ", ".join(run.name for run in found.runs)
        raise UsageError(f"the config names several models ({names}); say gradcheck fix MODEL")
    [run] = found.runs
    wanted = _outputs(found)
    with held(terminate=True) as signals:
        cure = _cured(run, found.policy, trust=trust)
        code = _concluded(cure, wanted, found, write=write)
        return ExitCode.INTERRUPTED if signals.code else code


def _fix_script(script: script_runs.Script, found: "Settings", *, write: bool) -> int:
    """Do the same on a script, whose first steps are recorded and played again."""
    wanted = _outputs(found)
    policy = found.policy.but(verify=True)
    with script_runs.watched(script, found, policy, stdout_to_stderr=True) as outcome:
        if outcome.conclusion is None:
            code = script_runs.unmeasured(outcome)
        else:
            from gradcheck_cli.fixing import cure_of

            cure = cure_of(outcome.conclusion)
            code = script_runs.code_of(outcome, _concluded(cure, wanted, found, write=write))
    if outcome.ending.hard:
        end_at_once(code)
    return code


def _outputs(found: "Settings") -> Outputs:
    wanted = parse(found["output"])
    if wanted.claims_stdout or wanted.silences_terminal:
        raise UsageError("the diff goes to stdout: give --output a path, as in yaml:report.yaml")
    return wanted


def _concluded(cure: "Cure", wanted: Outputs, found: "Settings", *, write: bool) -> int:
    wanted.write(cure.report)
    result = gating.beside(cure.report, found.policy, cure.notes)
    if not found["quiet"]:
        _tell(cure)
        _say(*filter(None, result.all_notes))
    return _finish(cure, result, write=write)


def _cured(run: "Run", policy: Policy, *, trust: bool) -> "Cure":
    with Steps(quiet=bool(run["quiet"])) as progress, lent(stdout_to_stderr=True):
        from gradcheck_cli import fixing
        from gradcheck_cli.targets.target import Target

        with interruptible():
            target = Target.from_strings(**run.target(), trust=trust)
        return fixing.fix(
            target,
            None if run["steps"] == AUTO else run["steps"],
            policy=policy,
            command=shlex.join(["gradcheck", *sys.argv[1:]]),
            on_step=progress.step,
            on_stage=progress.stage,
            timeout=run["timeout"] if "timeout" in run.values else None,
        )


def _tell(cure: "Cure") -> None:
    for cause in cure.report.causes[:1]:
        _say(f"cause: {cause.name}", *cause.reasons[:2])
    for entry in cure.report.fixes[:SHOWN]:
        said = entry.verification
        _say(f"{said.status.value}: {entry.name}: {entry.summary}", _measured(entry), said.reason)
    for refusal in cure.refusals:
        _say(f"proven, but not written: {refusal}")
    for note in cure.patch.notes if cure.patch else ():
        _say(f"note: {note}")


def _measured(entry: Fix) -> str:
    said = entry.verification
    if said.effect is None:
        return ""
    spread = f" ± {100 * said.spread:.0f}" if said.spread is not None else ""
    word = "seed" if len(said.seeds) == 1 else "seeds"
    return (
        f"{said.compared} {-100 * said.effect:+.0f}{spread} % against the better of both controls, "
        f"{said.steps} steps, {len(said.seeds)} {word}"
    )


def _finish(cure: "Cure", result: "Gated", *, write: bool) -> int:
    if cure.patch is not None:
        write_out(cure.patch.diff)
        if write:
            from gradcheck_cli.remedies.patching.checks import CannotPatchError

            try:
                cure.patch.write()
            except CannotPatchError as refusal:
                raise UsageError(str(refusal)) from refusal
            _say(*(f"wrote {file.shown}" for file in cure.patch.files))
        return ExitCode.OK
    fixes = cure.report.fixes
    proven = [f for f in fixes if f.verification.status is Status.VERIFIED]
    if not fixes:
        _say("nothing to fix" if not cure.report.causes else cure.report.headline)
        return result.code
    if proven:
        _say("the proven change, to be made by hand:")
    else:
        _say("no fix could be proven; the best guess first:")
    write_out((proven or fixes)[0].code + "\n")
    return result.code


def _say(*lines: str) -> None:
    for number, line in enumerate(filter(None, lines)):
        shown = Text(f"  {clean(line)}" if number else clean(line))
        err().print(shown, soft_wrap=True)
