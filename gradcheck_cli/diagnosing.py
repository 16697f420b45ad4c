"""Train a target for some instrumented steps and say what is wrong: the main verb."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from gradcheck_cli.blame import Fault, blame
from gradcheck_cli.declared import DEFAULTS
from gradcheck_cli.errors import CannotDiagnoseError, UserCodeError
from gradcheck_cli.examine import subject_of
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.leaving import exits_heard
from gradcheck_cli.live import notebook as _notebook  # noqa: F401 - it says how a report is shown
from gradcheck_cli.pipeline import Conclusion, Observed, Stage, conclude, configured
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.hanging import HangingError, patience, patiently
from gradcheck_cli.probe.meeting import Meeting
from gradcheck_cli.probe.stepping import Interrupted, Progress, observe
from gradcheck_cli.probe.terminating import held, interruptible
from gradcheck_cli.records.report import Report, RunFacts
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training

if TYPE_CHECKING:
    from gradcheck_cli.remedies.patching.written import Source

STEPS: int = DEFAULTS["steps"]
MOST_STEPS = 400  # bound of an automatic length


def diagnose(
    target: Target,
    steps: int | None = STEPS,
    *,
    policy: Policy | None = None,
    command: str = "",
    on_step: Progress | None = None,
    on_stage: Stage | None = None,
    timeout: float | None = None,
    **settings: Any,
) -> Report:
    """Observe `steps` training steps of `target` and report; None goes on until it is sure.

    `policy` says what counts and which thresholds the rules have; without it the config file and
    the environment do. `settings` are fields of `Policy` that replace what it says: `verify=False`,
    `budget=20`, `examine="quick"`, `select=("GC1",)`. After Ctrl-C, or when a step takes longer than
    `timeout` seconds, the report holds what was measured until then and `run.interrupted` is true.
    Raises UsageError on a setting outside its limits, UserCodeError when the user's code raises
    before a step was observed, CannotDiagnoseError when nothing can be trained.
    """
    return diagnosed(
        target,
        steps,
        policy=(policy or configured()).but(**settings),
        command=command,
        on_step=on_step,
        on_stage=on_stage,
        timeout=timeout,
    ).report


@exits_heard(replaceable=False)
@held()
def diagnosed(
    target: Target,
    steps: int | None = STEPS,
    *,
    policy: Policy,
    command: str = "",
    root: Path | None = None,
    on_step: Progress | None = None,
    on_stage: Stage | None = None,
    meeting: Meeting | None = None,
    timeout: float | None = None,
    declining: str = " (--no-verify leaves it out)",
) -> Conclusion:
    """Do as `diagnose`, and return the report with what it was made of.

    Below `root`, fixes get a diff of the user's source; nothing is written.
    """
    say = on_stage or (lambda _: None)
    started, began = datetime.now(UTC), monotonic()
    say("building the model")
    with target.together():
        with interruptible():
            with patience(timeout):
                training = target.build()
            subject = _subject(target, training, policy, timeout) if meeting is None else None
        say("training under observation")
        watched = replace(training, step=patiently(timeout, training.step))
        watching = monotonic()
        trace, stopped = _observe(watched, steps, on_step, policy)
        watching = monotonic() - watching
    missing: tuple[Gap, ...] = ()
    if meeting is not None:
        trace, stopped, missing = _joined(meeting, training, trace, stopped)
    alone = target if meeting is None else target.alone
    facts = replace(
        _facts(target, training, command),
        started=started.isoformat(timespec="seconds"),
        world_size=1 if meeting is None else meeting.place.world,
    )
    seen = Observed(
        trace=trace,
        run=facts,
        began=began,
        stopped=stopped,
        assumptions=training.assumptions,
        gaps=missing,
        questioned=subject,
        training=(lambda: training) if meeting is None else alone.build,
        source=None if root is None or meeting is not None else partial(_source, target, root),
        repeat=alone.on(policy.verify_on),
        tried_on=tuple(_where_tried(meeting, policy.verify_on)),
        pace=watching / max(trace.taken, 1),
        declining=declining,
    )
    return conclude(seen, policy, say)


def _source(target: Target, root: Path, _: Training) -> "Source":
    from gradcheck_cli.remedies.patching.written import Source

    return Source(target.labels, root)


def _subject(
    target: Target, training: Training, policy: Policy, timeout: float | None
) -> Subject | None:
    """Return what experiments are made on; None without experiments, and where drawing its batches hangs."""
    if policy.examine == "none":
        return None
    try:
        return patiently(timeout, subject_of)(target, training)
    except HangingError:
        return None  # the observed steps draw the same batches, and say where they hang


def _joined(
    meeting: Meeting, training: Training, trace: Trace, stopped: BaseException | None
) -> tuple[Trace, BaseException | None, tuple[Gap, ...]]:
    """Return what all ranks saw together, what ended it, and which ranks are missing."""
    trace, missing = meeting.put_together(training.model, trace, failed=stopped is not None)
    meeting.stops = True
    if meeting.terminated and stopped is None:
        stopped = KeyboardInterrupt()
    return trace, stopped, missing


def follow(target: Target, steps: int, meeting: Meeting) -> None:
    """Train as another rank than the one that reports, and leave it what was measured here.

    Raises what `diagnose` raises, and what stopped the training early.
    """
    with target.together():
        training = target.build()
        trace, stopped = _observe(training, steps, None, Policy())
    meeting.leave(
        training.model, trace, "" if stopped is None else str(stopped) or "it was interrupted"
    )
    if stopped is not None:
        raise stopped


def _where_tried(meeting: Meeting | None, verify_on: int | None) -> Iterator[str]:
    batches = "whole batches" if verify_on is None else f"{verify_on} samples of each batch"
    if meeting is not None:
        yield f"fixes were tried on rank 0 alone, on the model as it is and {batches}"
    elif verify_on is not None:
        yield f"fixes were tried on {batches}"


def _observe(
    training: Training, steps: int | None, on_step: Progress | None, policy: Policy
) -> tuple[Trace, BaseException | None]:
    try:
        if steps is not None:
            return observe(training, steps, on_step), None
        enough = partial(_is_sure, policy=policy)
        return observe(training, STEPS, on_step, enough=enough, most=MOST_STEPS), None
    except Interrupted as stop:
        if isinstance(stop.cause, (KeyboardInterrupt, UserCodeError, HangingError)):
            return stop.trace, stop.cause
        foreseen = isinstance(stop.cause, Exception)  # asyncio's and its kin are not
        if not foreseen and blame(stop.cause).fault is Fault.THEIRS:
            return stop.trace, UserCodeError("a training step", stop.cause)
        raise stop.cause from None
    except HangingError as hanging:
        raise CannotDiagnoseError(str(hanging)) from None


def _is_sure(trace: Trace, policy: Policy) -> bool:
    """The loss says clearly that it falls or does not, and more steps would not change the verdict."""
    state = progress(trace)
    if state.fine or state.state in {State.BROKEN, State.DIVERGING}:
        return True
    serious = [f for f in judge(trace, policy).findings if f.severity.rank > 1]
    return any(f.confidence.value == "high" and f.name != "stalled-loss" for f in serious)


def _facts(target: Target, training: Training, command: str) -> RunFacts:
    return RunFacts(
        command=command,
        model=target.labels.get("model", type(training.model).__name__),
        data=target.labels.get("data", ""),
        loss=training.loss_name,
        optimizer=training.optimizer_name,
        seed=target.seed,
        device=str(training.device),
        precision=training.precision,
        parameters=sum(p.numel() for p in training.model.parameters()),
        torch=torch.__version__,
    )
