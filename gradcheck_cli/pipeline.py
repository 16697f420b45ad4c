"""The only place that makes a report: examine, judge, explain, fix, verify, conclude.

Every verb hands over what it observed and what it knows of it; one policy goes through all stages,
so that they agree on what counts. What may be tried is something that can be repeated with a change.
"""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from gradcheck_cli import __version__, concluding, condensing, plugins, settings
from gradcheck_cli.causes.examined import cured
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.terminating import interruptible, waited
from gradcheck_cli.records.diagnosis import DECLINED, Cause, Fix
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
    from gradcheck_cli.remedies.patching.written import Source
    from gradcheck_cli.targets.repeatable import Repeatable
    from gradcheck_cli.targets.training import Training

Stage = Callable[[str], None]
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
    source: "Callable[[Training], Source] | None" = None  # of it; without it no diffs
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


def configured() -> Policy:
    """Return the policy of the nearest config and of the environment; raises UsageError."""
    policy = settings.load(rules=all_rules()).policy
    check_selection(policy)
    return policy


def conclude(observed: Observed, policy: Policy, on_stage: Stage | None = None) -> Conclusion:
    """Return the report on one training. A crash of a rule, cause, remedy or plugin costs itself."""
    crashed = list(observed.crashed)
    observed = _examined(observed, policy, crashed, on_stage)
    mute = BESIDE_OTHERS if observed.beside else observed.mute
    judgment = judge(observed.trace, policy, mute=mute, subject=observed.subject)
    crashed += judgment.crashed
    ended = tuple(c for c in observed.crashed if c.ended_measuring)
    judgment = replace(judgment, crashed=(*ended, *judgment.crashed))
    observed = _passed(observed, judgment, policy)
    trace = observed.trace
    causes = rank(trace, judgment.findings, on_crash=crashed.append)
    found = concluding.verdict(trace, judgment, beside=observed.beside)
    proposals: tuple[Proposal, ...] = ()
    stopped = observed.stopped
    if found is Verdict.SICK and observed.training is not None:
        proposals = _proposed(observed, judgment, causes, crashed)
        proposals, stopped = _tried(observed, policy, judgment, proposals, on_stage)
        proposals = _written(observed, proposals, crashed)
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
        layers=condensing.summaries(trace),
        loss=condensing.loss(trace),
        history=condensing.history(trace, observed.subject if observed.beside else None),
        next_steps=concluding.next_steps(
            found, judgment.findings, fixes, observed.advice, trace.taken, observed.run.command
        ),
    )
    return Conclusion(report, (_recorded(observed, report),), proposals, judgment.notes)


def recalled(recording: Recording) -> Observed:
    """Return what was observed of a training that was recorded; nothing can be tried on it."""
    return Observed(**{name: getattr(recording, name) for name in Recording.__dataclass_fields__})


def _recorded(observed: Observed, report: Report) -> Recording:
    own = {name: getattr(observed, name) for name in Recording.__dataclass_fields__}
    gaps = report.gaps[len(observed.trace.gaps) :]
    return Recording(**own | {"run": report.run, "gaps": gaps})


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

    trace, asked = observed.trace, (observed.questioned, observed.trace, policy.examine)
    told = partial(examine, *asked, on_crash=crashed.append, on_stage=on_stage)
    return _amended(observed, lambda: replace(trace, examination=told()))


def _passed(observed: Observed, judgment: Judgment, policy: Policy) -> Observed:
    """Add steps repeated with one thing changed to the trace, where gradients are sick."""
    if observed.questioned is None or observed.stopped is not None or policy.examine == "none":
        return observed
    from gradcheck_cli.examine import with_passes

    return _amended(
        observed, partial(with_passes, observed.questioned, observed.trace, judgment.findings)
    )


def _amended(observed: Observed, experiment: Callable[[], Trace]) -> Observed:
    """Return it with what an experiment adds to its trace, or with the Ctrl-C that ended that."""
    try:
        with interruptible():
            return replace(observed, trace=experiment())
    except KeyboardInterrupt as pressed:
        return replace(observed, stopped=pressed)


def _proposed(
    observed: Observed, judgment: Judgment, causes: Sequence[Cause], crashed: list[Crash]
) -> "tuple[Proposal, ...]":
    from gradcheck_cli.remedies.proposing import propose

    assert observed.training is not None
    asked = (observed.training(), observed.trace, causes, judgment.findings)
    return propose(*asked, on_crash=crashed.append)


def _tried(
    observed: Observed,
    policy: Policy,
    judgment: Judgment,
    proposals: "tuple[Proposal, ...]",
    on_stage: Stage | None,
) -> "tuple[tuple[Proposal, ...], BaseException | None]":
    """Return the proposals with their verdicts, and what stopped the run: also Ctrl-C meanwhile."""
    from gradcheck_cli.verifying import declined, forecast, prove

    if observed.repeat is None or observed.untried:
        return declined(proposals, observed.untried), observed.stopped
    refused = INTERRUPTED if observed.stopped else "" if policy.verify else DECLINED
    if refused:
        return declined(proposals, refused), observed.stopped
    if not any(p.is_tried for p in proposals):
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


def _written(
    observed: Observed, proposals: "tuple[Proposal, ...]", crashed: list[Crash]
) -> "tuple[Proposal, ...]":
    """Return the proposals with the diffs of those that lead, where the user's source is known."""
    if observed.source is None or observed.training is None or not proposals:
        return proposals
    from gradcheck_cli.remedies.patching.written import written

    training = observed.training()
    return written(proposals, training, observed.source(training), crashed.append)


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
    if found is Verdict.UNSURE and (ended := [c for c in observed.crashed if c.ended_measuring]):
        return f"gradcheck failed in {ended[0].where}, and saw nothing after it; please report it."
    if found is Verdict.HEALTHY and judgment.calmed:
        return concluding.calmed(judgment.left_out)
    said = (observed.trace, found, judgment.findings, causes)
    longer, beside = observed.advice.longer, observed.beside
    return concluding.headline(*said, fixes=fixes, longer=longer, beside=beside)


def _where_tried(observed: Observed, fixes: Sequence[Fix]) -> tuple[str, ...]:
    if observed.repeat is None or not any(fix.verification.arms for fix in fixes):
        return ()
    return (*observed.tried_on, *observed.repeat.said)


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
