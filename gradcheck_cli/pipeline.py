"""The only place that makes a report: examine, judge, explain, fix, verify, conclude.

Every verb hands over what it observed and what it knows of it; one policy goes through all stages,
so that they agree on what counts. What may be tried is something that can be repeated with a change.
"""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gradcheck_cli import __version__, concluding, plugins, settings
from gradcheck_cli.causes.examined import cured
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.terminating import interruptible, waited
from gradcheck_cli.records.diagnosis import Cause, Fix, Verification
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.joining import joined
from gradcheck_cli.records.recording import Advice, Recording
from gradcheck_cli.records.report import Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.rules import all_rules
from gradcheck_cli.rules.engine import Judgment, check_selection, judge

if TYPE_CHECKING:
    from gradcheck_cli.examine.subject import Subject
    from gradcheck_cli.remedies.base import Proposal
    from gradcheck_cli.targets.repeatable import Repeatable
    from gradcheck_cli.targets.training import Training

Stage = Callable[[str], None]
DECLINED = "declined with --no-verify"
INTERRUPTED = "the run was interrupted"
BESIDE_OTHERS = (
    "several models are trained against or beside each other; their losses need not fall"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One training as it was observed, and what is known of it beside the trace."""

    trace: Trace
    run: RunFacts = field(default_factory=RunFacts)  # the trace and the clock fill in the rest
    began: float | None = None  # time.monotonic(); None where `run.seconds` is known
    stopped: BaseException | None = None  # what ended the training early
    assumptions: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    crashed: tuple[Crash, ...] = ()
    advice: Advice = field(default_factory=Advice)
    subject: str | None = None  # which model, of several
    beside: bool = False  # it trains beside others, and its loss need not fall
    mute: str = ""  # why nothing can be said of the loss
    questioned: "Subject | None" = None  # what experiments are made on
    training: "Callable[[], Training] | None" = None  # for remedies to read; without it no fixes
    repeat: "Repeatable | None" = None  # what fixes are tried on
    untried: str = ""  # why they are not
    tried_on: tuple[str, ...] = ()  # said of the trials, if there were any
    pace: float = 0.0  # seconds per step
    declining: str = ""  # how to leave the trials out


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A report and what it was made of."""

    report: Report
    recordings: tuple[Recording, ...] = ()  # of every training, to be judged again
    proposals: "tuple[Proposal, ...]" = ()  # of the fixes in the report, in their order
    notes: tuple[str, ...] = ()  # of the policy: what fits nothing
    training: "Callable[[], Training] | None" = None  # that the proposals were made for


def configured() -> Policy:
    """Return the policy of the nearest config and of the environment; raises UsageError."""
    policy = settings.load(rules=all_rules()).policy
    check_selection(policy)
    return policy


def conclude(observed: Observed, policy: Policy, on_stage: Stage | None = None) -> Conclusion:
    """Return the report on one training. A crash of a rule, cause, remedy or plugin costs itself."""
    crashed = list(observed.crashed)
    observed = _examined(observed, policy, crashed, on_stage)
    trace = observed.trace
    mute = BESIDE_OTHERS if observed.beside else observed.mute
    judgment = judge(trace, policy, mute=mute, subject=observed.subject)
    crashed += judgment.crashed
    observed = _passed(observed, judgment, policy)
    trace = observed.trace
    causes = rank(trace, judgment.findings, on_crash=crashed.append)
    found = concluding.verdict(trace, judgment, beside=observed.beside)
    proposals: tuple[Proposal, ...] = ()
    stopped = observed.stopped
    if found is Verdict.SICK and observed.training is not None:
        proposals = _proposed(observed, judgment, causes, crashed)
        proposals, stopped = _tried(observed, policy, judgment, proposals, on_stage)
    fixes = tuple(p.fix for p in proposals)
    causes = _reconsidered(trace, causes, fixes)
    report = Report(
        verdict=found,
        headline=_headline(observed, judgment, found, causes, fixes),
        run=_facts(observed, stopped),
        assumptions=(*observed.assumptions, *_where_tried(observed, fixes)),
        findings=judgment.findings,
        causes=causes,
        fixes=fixes,
        examination=trace.examination,
        passed=judgment.passed,
        skipped=judgment.skipped,
        crashed=tuple(dict.fromkeys((*crashed, *plugins.broken()))),
        gaps=(*trace.gaps, *observed.gaps, *concluding.stopped_early(trace, stopped)),
        layers=concluding.summaries(trace),
        loss=concluding.loss(trace),
        history=concluding.history(trace, observed.subject if observed.beside else None),
        next_steps=concluding.next_steps(
            found, judgment.findings, fixes, observed.advice, taken=trace.taken
        ),
    )
    recordings = (_recorded(observed, report),)
    return Conclusion(report, recordings, proposals, judgment.notes, observed.training)


def recalled(recording: Recording) -> Observed:
    """Return what was observed of a training that was recorded; nothing can be tried on it."""
    return Observed(**{name: getattr(recording, name) for name in Recording.__dataclass_fields__})


def _recorded(observed: Observed, report: Report) -> Recording:
    trace = observed.trace
    return Recording(
        trace=trace,
        run=report.run,
        assumptions=observed.assumptions,
        gaps=report.gaps[len(trace.gaps) :],
        crashed=observed.crashed,
        advice=observed.advice,
        subject=observed.subject,
        mute=observed.mute,
    )


def conclude_all(
    trainings: Sequence[Observed], policy: Policy, on_stage: Stage | None = None
) -> Conclusion:
    """Return one report on trainings beside each other; of one alone, the report on it."""
    if len(trainings) == 1:
        return conclude(trainings[0], policy, on_stage)
    parts: list[Conclusion] = []
    left = policy.budget
    for number, one in enumerate(trainings):
        cut = parts and parts[-1].report.run.interrupted and not one.run.interrupted
        stopped = KeyboardInterrupt() if cut else one.stopped
        share = policy.but(budget=left / (len(trainings) - number))
        began = time.monotonic()
        parts.append(conclude(replace(one, beside=True, stopped=stopped), share, on_stage))
        if any(fix.verification.arms for fix in parts[-1].report.fixes):
            left = max(left - (time.monotonic() - began), 0.0)
    notes = [n for n in parts[0].notes if all(n in part.notes for part in parts)]
    return Conclusion(
        joined([part.report for part in parts]),
        tuple(recording for part in parts for recording in part.recordings),
        tuple(proposal for part in parts for proposal in part.proposals),
        tuple(notes),
    )


def _examined(
    observed: Observed, policy: Policy, crashed: list[Crash], on_stage: Stage | None
) -> Observed:
    """Put the questions of the experiments, and add the answers to the trace."""
    if observed.questioned is None or observed.stopped is not None:
        return observed
    from gradcheck_cli.examine import examine

    asked, trace = observed.questioned, observed.trace
    try:
        with interruptible():
            told = examine(asked, trace, policy.examine, on_crash=crashed.append, on_stage=on_stage)
    except KeyboardInterrupt as pressed:
        return replace(observed, stopped=pressed)
    return replace(observed, trace=replace(trace, examination=told))


def _passed(observed: Observed, judgment: Judgment, policy: Policy) -> Observed:
    """Add steps repeated with one thing changed to the trace, where gradients are sick."""
    if observed.questioned is None or observed.stopped is not None or policy.examine == "none":
        return observed
    from gradcheck_cli.examine import with_passes

    try:
        with interruptible():
            trace = with_passes(observed.questioned, observed.trace, judgment.findings)
    except KeyboardInterrupt as pressed:
        return replace(observed, stopped=pressed)
    return replace(observed, trace=trace)


def _proposed(
    observed: Observed, judgment: Judgment, causes: Sequence[Cause], crashed: list[Crash]
) -> "tuple[Proposal, ...]":
    from gradcheck_cli.remedies.proposing import propose

    assert observed.training is not None
    training = observed.training()
    return propose(training, observed.trace, causes, judgment.findings, on_crash=crashed.append)


def _tried(
    observed: Observed,
    policy: Policy,
    judgment: Judgment,
    proposals: "tuple[Proposal, ...]",
    on_stage: Stage | None,
) -> "tuple[tuple[Proposal, ...], BaseException | None]":
    """Return the proposals with their verdicts, and what stopped the run: also Ctrl-C meanwhile."""
    if observed.repeat is None or observed.untried:
        said = Verification(reason=observed.untried)
        untried = (replace(p, fix=replace(p.fix, verification=said)) for p in proposals)
        return tuple(untried), observed.stopped

    from gradcheck_cli.verifying import declined, forecast, prove

    refused = INTERRUPTED if observed.stopped else "" if policy.verify else DECLINED
    if refused:
        return declined(proposals, refused), observed.stopped
    if not any(p.change is not None for p in proposals):
        return prove(observed.repeat, proposals), observed.stopped
    say = on_stage or (lambda _: None)
    say(forecast(proposals, observed.pace, policy.budget) + observed.declining)
    try:
        with interruptible(), observed.repeat.borrowed(say) as obstacle:
            if obstacle:
                return declined(proposals, obstacle), observed.stopped
            proven = prove(
                observed.repeat,
                proposals,
                budget=policy.budget,
                baseline=judgment.findings,
                on_progress=say,
                policy=policy,
            )
    except KeyboardInterrupt as pressed:
        return declined(proposals, "interrupted while fixes were tried"), pressed
    return proven, observed.stopped


def _reconsidered(
    trace: Trace, causes: tuple[Cause, ...], fixes: Sequence[Fix]
) -> tuple[Cause, ...]:
    """Return the causes as the trials confirm or refute them."""
    if not any(fix.verification.arms for fix in fixes):
        return causes
    from gradcheck_cli.verifying import reconsidered

    return reconsidered(causes, fixes, cured(trace))


def _headline(
    observed: Observed,
    judgment: Judgment,
    found: Verdict,
    causes: Sequence[Cause],
    fixes: Sequence[Fix],
) -> str:
    if found is Verdict.HEALTHY and judgment.calmed:
        return concluding.calmed(judgment.left_out)
    return concluding.headline(
        observed.trace,
        found,
        judgment.findings,
        causes,
        fixes=fixes,
        longer=observed.advice.longer,
        beside=observed.beside,
    )


def _where_tried(observed: Observed, fixes: Sequence[Fix]) -> tuple[str, ...]:
    if not any(fix.verification.arms for fix in fixes):
        return ()
    return (*observed.tried_on, *(observed.repeat.said if observed.repeat is not None else ()))


def _facts(observed: Observed, stopped: BaseException | None) -> RunFacts:
    trace, run, began = observed.trace, observed.run, observed.began
    return replace(
        run,
        steps=trace.taken,
        observed_steps=trace.looks,
        batch_size=trace.data.batch_size,
        gradcheck=__version__,
        python=platform.python_version(),
        seconds=run.seconds if began is None else round(time.monotonic() - began, 3),
        interrupted=run.interrupted or isinstance(stopped, KeyboardInterrupt) or waited(),
        stopped=run.stopped or concluding.reason(stopped),
    )
