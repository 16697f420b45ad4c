"""Train a target for some instrumented steps and say what is wrong: the main verb."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch

from gradcheck_cli import __version__, concluding, fixing, plugins
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.errors import CannotDiagnoseError, UserCodeError
from gradcheck_cli.examine import examine as put_questions
from gradcheck_cli.examine import subject_of
from gradcheck_cli.probe.hanging import HangingError, patience, patiently
from gradcheck_cli.probe.meeting import Meeting
from gradcheck_cli.probe.stepping import Interrupted, Progress, observe
from gradcheck_cli.records.diagnosis import Fix
from gradcheck_cli.records.finding import Crash, Finding
from gradcheck_cli.records.report import Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.rules.progress import State, progress
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from gradcheck_cli.verifying import declined, forecast, reconsidered
from gradcheck_cli.verifying import verify as verify_fixes

STEPS = 50
MOST_STEPS = 400  # bound of an automatic length
DECLINED = "declined with --no-verify"
Stage = Callable[[str], None]
Thresholds = Mapping[str, Mapping[str, Any]]  # by the code of the rule


def diagnose(
    target: Target,
    steps: int | None = STEPS,
    *,
    verify: bool = True,
    budget: float = 60.0,
    verify_on: int | None = None,
    examine: str = "full",
    command: str = "",
    thresholds: Thresholds | None = None,
    on_step: Progress | None = None,
    on_stage: Stage | None = None,
    meeting: Meeting | None = None,
    timeout: float | None = None,
) -> Report:
    """Observe `steps` training steps of `target` and report; None goes on until it is sure.

    `budget` seconds are spent on trying fixes, on `verify_on` samples of each batch where that is
    given; `examine` says how many experiments are made beforehand (none, quick, full); `thresholds` replace those of rules. After Ctrl-C, or
    when a step takes longer than `timeout` seconds, the report holds what was measured until then and `run.interrupted` is true. Raises UserCodeError when
    the user's code raises before a step was observed, CannotDiagnoseError when nothing can be trained.
    """
    say = on_stage or (lambda _: None)
    started, begun = datetime.now(UTC), time.monotonic()
    say("building the model")
    with target.together():
        with patience(timeout):
            training = target.build()
        subject = subject_of(target, training) if meeting is None else None
        say("training under observation")
        watched = replace(training, step=patiently(timeout, training.step))
        watching = time.monotonic()
        trace, stopped = _observe(watched, steps, on_step, thresholds)
        watching = time.monotonic() - watching
    missing: tuple[Gap, ...] = ()
    if meeting is not None:
        trace, stopped, missing = _joined(meeting, training, trace, stopped)
    crashed: list[Crash] = []
    if stopped is None:
        answers = put_questions(subject, trace, examine, on_crash=crashed.append, on_stage=say)
        trace = replace(trace, examination=answers)
    judgement = judge(trace, thresholds=thresholds)
    crashed += judgement.crashed
    causes = rank(trace, judgement.findings, on_crash=crashed.append)
    found = concluding.verdict(trace, judgement)
    fixes: tuple[Fix, ...] = ()
    if found is Verdict.SICK:
        alone = target if meeting is None else target.alone
        proposals = fixing.propose(
            training if meeting is None else alone.build(),
            trace,
            causes,
            judgement.findings,
            on_crash=crashed.append,
        )
        refused = "the run was interrupted" if stopped else "" if verify else DECLINED
        if refused:
            fixes = declined(proposals, refused)
        else:
            pace = watching / max(trace.taken, 1)
            fixes, stopped = _tried(
                alone.on(verify_on), proposals, budget, judgement.findings, say, pace
            )
        causes = reconsidered(causes, fixes)
    return Report(
        verdict=found,
        headline=concluding.headline(trace, found, judgement.findings, causes, fixes=fixes),
        run=replace(
            _facts(target, training, trace, command),
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - begun, 3),
            interrupted=isinstance(stopped, KeyboardInterrupt),
            stopped=_reason(stopped),
            world_size=1 if meeting is None else meeting.place.world,
        ),
        assumptions=(*training.assumptions, *_where_tried(meeting, verify_on, fixes)),
        findings=judgement.findings,
        causes=causes,
        fixes=fixes,
        examination=trace.examination,
        passed=judgement.passed,
        skipped=judgement.skipped,
        crashed=tuple(dict.fromkeys((*crashed, *plugins.broken()))),
        gaps=(*trace.gaps, *missing, *_stopped_early(trace, stopped)),
        layers=concluding.summaries(trace),
        loss=concluding.loss(trace),
        history=concluding.history(trace),
        next_steps=concluding.next_steps(found, judgement.findings, fixes, taken=trace.taken),
    )


def _joined(
    meeting: Meeting, training: Training, trace: Trace, stopped: BaseException | None
) -> tuple[Trace, BaseException | None, tuple[Gap, ...]]:
    """Return what all ranks saw together, what ended it, and which ranks are missing."""
    trace, missing = meeting.put_together(training.model, trace, failed=stopped is not None)
    meeting.stops = True
    if meeting.terminated and stopped is None:
        stopped = KeyboardInterrupt()
    return trace, stopped, missing


def _tried(
    target: Target,
    proposals: tuple[Proposal, ...],
    budget: float,
    baseline: tuple[Finding, ...],
    say: Stage,
    pace: float,
) -> tuple[tuple[Fix, ...], BaseException | None]:
    """Try the fixes for `budget` seconds; also return the Ctrl-C that ended it, if one did.

    `pace` is how long a step takes, in seconds: it tells beforehand how long the trying will.
    """
    say(f"{forecast(proposals, pace, budget)} (--no-verify leaves it out)")
    try:
        fixes = verify_fixes(target, proposals, budget=budget, baseline=baseline, on_progress=say)
    except KeyboardInterrupt as pressed:
        return declined(proposals, "interrupted while fixes were tried"), pressed
    return fixes, None


def follow(target: Target, steps: int, meeting: Meeting) -> None:
    """Train as another rank than the one that reports, and leave it what was measured here.

    Raises what `diagnose` raises, and what stopped the training early.
    """
    with target.together():
        training = target.build()
        trace, stopped = _observe(training, steps, None)
    meeting.leave(
        training.model, trace, "" if stopped is None else str(stopped) or "it was interrupted"
    )
    if stopped is not None:
        raise stopped


def _where_tried(
    meeting: Meeting | None, verify_on: int | None, fixes: Sequence[Fix]
) -> Iterator[str]:
    if not any(fix.verification.arms for fix in fixes):
        return
    batches = "whole batches" if verify_on is None else f"{verify_on} samples of each batch"
    if meeting is not None:
        yield f"fixes were tried on rank 0 alone, on the model as it is and {batches}"
    elif verify_on is not None:
        yield f"fixes were tried on {batches}"


def _observe(
    training: Training,
    steps: int | None,
    on_step: Progress | None,
    thresholds: Thresholds | None = None,
) -> tuple[Trace, BaseException | None]:
    try:
        if steps is not None:
            return observe(training, steps, on_step), None
        enough = partial(_is_sure, thresholds=thresholds)
        return observe(training, STEPS, on_step, enough=enough, most=MOST_STEPS), None
    except Interrupted as stop:
        if isinstance(stop.cause, (KeyboardInterrupt, UserCodeError, HangingError)):
            return stop.trace, stop.cause
        raise stop.cause from None
    except HangingError as hanging:
        raise CannotDiagnoseError(str(hanging)) from None


def _is_sure(trace: Trace, thresholds: Thresholds | None = None) -> bool:
    """The loss says clearly that it falls or does not, and more steps would not change the verdict."""
    state = progress(trace)
    if state.fine or state.state in {State.BROKEN, State.DIVERGING}:
        return True
    found = judge(trace, thresholds=thresholds).findings
    serious: list[Finding] = [f for f in found if f.severity.rank > 1]
    certain = [f for f in serious if f.confidence.value == "high" and f.name != "stalled-loss"]
    return bool(certain)


def _facts(target: Target, training: Training, trace: Trace, command: str) -> RunFacts:
    return RunFacts(
        command=command,
        model=target.labels.get("model", type(training.model).__name__),
        data=target.labels.get("data", ""),
        loss=training.loss_name,
        optimizer=training.optimizer_name,
        seed=target.seed,
        device=str(training.device),
        precision=training.precision,
        steps=trace.taken,
        observed_steps=trace.looks,
        batch_size=trace.data.batch_size,
        parameters=sum(p.numel() for p in training.model.parameters()),
        gradcheck=__version__,
        torch=torch.__version__,
        python=platform.python_version(),
    )


def _reason(stopped: BaseException | None) -> str:
    """Return what ended it early, other than Ctrl-C."""
    return "" if stopped is None or isinstance(stopped, KeyboardInterrupt) else str(stopped)


def _stopped_early(trace: Trace, stopped: BaseException | None) -> tuple[Gap, ...]:
    if stopped is None:
        return ()
    return (
        Gap(what=f"whatever came after step {trace.taken}", reason=_reason(stopped) or "Ctrl-C"),
    )
