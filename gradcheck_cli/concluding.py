"""From a trace and what the rules say of it to the parts of a report; no torch."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck_cli import again
from gradcheck_cli.causes.examined import guessed
from gradcheck_cli.features.progress import FEW, PATIENCE, State, progress
from gradcheck_cli.policy import is_serious
from gradcheck_cli.records.diagnosis import Basis, Cause, Fix, Status, leading
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Finding, Severity, Skip
from gradcheck_cli.records.recording import Advice
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.rules import telling
from gradcheck_cli.rules.answers import unfinished
from gradcheck_cli.rules.base import loop_mistakes
from gradcheck_cli.rules.engine import Judgment

_FEW = 20  # steps below which "nothing found" is not an answer
OF_A_TARGET = Advice()
BESIDE = (
    "Nothing wrong: gradients reach all layers; losses of models beside each other need not fall."
)


def verdict(trace: Trace, judgment: Judgment, *, beside: bool = False) -> Verdict:
    """Return sick when something above a note counts.

    Healthy needs a loss better than its reference, or falling towards it, beyond the noise; or one whose
    size tells nothing, so that gradients and updates are all there is to judge: so it is of a model that
    trains `beside` others. Where only the policy keeps something from counting, it is healthy beyond that.
    """
    if is_serious(judgment.findings):
        return Verdict.SICK
    if judgment.calmed and not judgment.crashed:
        return Verdict.HEALTHY
    if beside and trace.taken >= _FEW and not judgment.crashed:
        return Verdict.HEALTHY
    state = progress(trace)
    if state.state is State.UNKNOWN or len(trace.steps) < _FEW or judgment.crashed:
        return Verdict.UNSURE
    well = state.better or state.state is State.UNRATED
    well = well and not _open(trace) and _turned(judgment.findings) is None
    return Verdict.HEALTHY if well else Verdict.UNSURE


def _turned(findings: Sequence[Finding]) -> Finding | None:
    """Return the note that a loss may go the wrong way, which nothing but its author can decide."""
    return next((f for f in findings if f.name == "wrong-direction"), None)


def _open(trace: Trace) -> bool:
    """Does an experiment speak against it, or does the model not beat a constant, even after more steps?"""
    asked = (a for a in trace.examination if a.name != "against-constant")
    if any(a.outcome is Outcome.WRONG for a in asked):
        return True
    against, later = trace.answer("against-constant"), trace.answer("longer")
    if against is None or against.outcome is Outcome.FINE:
        return False
    if later is not None and later.outcome is not Outcome.FINE:
        unseen = trace.answer("unseen-data")
        return unseen is None or unseen.outcome is not Outcome.FINE
    if later is not None:
        return _may_be_by_heart(trace)
    return against.outcome is Outcome.WRONG


def _may_be_by_heart(trace: Trace) -> bool:
    """Did it beat a constant only when it went on, and do samples that are left out not tell why?"""
    later = trace.answer("longer")
    told = (a for a in trace.examination if a.name == "unseen-data")
    late = later is not None and later.outcome is Outcome.FINE
    return late and any(a.unfinished or "labels-without-signal" in a.supports for a in told)


def headline(
    trace: Trace,
    found: Verdict,
    findings: Sequence[Finding],
    causes: Sequence[Cause],
    *,
    fixes: Sequence[Fix] = (),
    longer: str = "",
    beside: bool = False,
) -> str:
    """Return one sentence a person can act on; `longer` says how more steps are observed."""
    state, later = progress(trace), trace.answer("longer")
    cut = later is not None and later.unfinished
    after = f"; {later.said}" if later and (cut or later.outcome is not Outcome.WRONG) else ""
    if found is Verdict.HEALTHY:
        if beside and verdict(trace, Judgment()) is Verdict.UNSURE:
            return BESIDE
        return f"Nothing wrong: gradients reach all layers and {telling.clause(state)}{after}{unfinished(trace)}."
    if found is Verdict.UNSURE and (turned := _turned(findings)):
        return f"Nothing is wrong with the gradients, but one thing is open. {turned.message}"
    if found is Verdict.UNSURE:
        whole = (PATIENCE if state.stuck else 4) * min(trace.taken, FEW) if cut else 0
        longer = longer or f"try --steps {max(4 * trace.taken, 50, whole)}"
        if _may_be_by_heart(trace):
            unseen = trace.answer("unseen-data")
            told = f"; {unseen.said}" if unseen else f"{unfinished(trace)}: try --examine full"
            return f"Nothing is wrong with the gradients, but whether more is learned than the samples themselves is open{after}{told}."
        if state.better and len(trace.steps) < _FEW:
            return f"Nothing wrong so far: {telling.clause(state)}; {len(trace.steps)} steps are too few to be sure: {longer}."
        seen = telling.clause(replace(state, state=state.observed) if cut else state)
        unseen = trace.answer("unseen-data")
        decided = longer if trace.taken < whole else telling.decider(state, longer, trace.taken)
        if later is not None and (later.measured or 0.0) > 0 and later.outcome is Outcome.NOTED:
            decided = f"more steps tell whether it goes on: {longer}"  # it is below already
        if unseen and unseen.outcome is not Outcome.FINE:
            decided = unseen.said
        return f"Nothing is wrong with the gradients, but {seen}{after}; {decided}."
    return accusation(findings, causes, fixes)


def calmed(left_out: Sequence[Skip]) -> str:
    """Return the headline of what is healthy beyond what the policy leaves out."""
    codes = ", ".join(dict.fromkeys(skip.code for skip in left_out))
    return f"Nothing wrong beyond what is left out ({codes or 'by severity'})."


def accusation(
    findings: Sequence[Finding], causes: Sequence[Cause], fixes: Sequence[Fix] = ()
) -> str:
    """Return the headline of findings of which at least one is more than a note."""
    serious = [f for f in findings if f.severity is not Severity.NOTE]
    leads = bool(causes) and causes[0].name in {f.name for f in loop_mistakes(serious)}
    if leads:
        serious.sort(key=lambda f: f.name != causes[0].name)
    names = list(dict.fromkeys(f.name for f in serious))
    what = names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"
    if leads or not causes or guessed(causes[0]):
        return f"{what}: {serious[0].message}"
    best = causes[0]
    where = f" at layer {best.first_layer}" if best.first_layer else ""
    proven = next((f for f in fixes if f.verification.status is Status.VERIFIED), None)
    cure = f" Proven fix: {proven.summary}" if proven else ""
    beside = f" or {', '.join(best.rivals)}" if best.rivals else ""
    why = "; possible cause" if best.basis is Basis.SIGNS else ", most likely because of"
    return f"{what}{why} {best.name}{where}{beside}: {best.reasons[0]}.{cure}"


def next_steps(
    found: Verdict,
    findings: Sequence[Finding],
    fixes: Sequence[Fix],
    advice: Advice = OF_A_TARGET,
    taken: int = 0,
    command: str = "",
) -> tuple[str, ...]:
    """Return what to do next, after so many steps of a command: what mends it first."""
    if found is Verdict.HEALTHY:
        return advice.healthy
    if found is Verdict.UNSURE:
        return advice.unsure if taken < telling.ENOUGH_STEPS else ()
    told = [f"gradcheck explain {f.code}" for f in findings if f.severity is not Severity.NOTE][:2]
    fix = leading(fixes)
    if fix is not None and not fix.failed:
        told[:0] = _mending(fix, advice, command)
    return tuple(dict.fromkeys(told))


def _mending(fix: Fix, advice: Advice, command: str) -> tuple[str, ...]:
    """Return how the fix gets into the source: by a command, or by hand."""
    write = again.writing(command) if fix.diff and (fix.proven or fix.unasked) else ""
    if write or fix.unasked:
        return (write or again.trying(command),) if command else advice.untried
    return (f"change {fix.at} by hand: {fix.summary}" if fix.at else f"by hand: {fix.summary}",)


def reason(stopped: BaseException | None) -> str:
    """Return what ended it early, other than Ctrl-C."""
    return "" if stopped is None or isinstance(stopped, KeyboardInterrupt) else str(stopped)


def stopped_early(trace: Trace, stopped: BaseException | None) -> tuple[Gap, ...]:
    """Return what is missing from a training that `stopped` ended."""
    if stopped is None:
        return ()
    return (
        Gap(what=f"whatever came after step {trace.taken}", reason=reason(stopped) or "Ctrl-C"),
    )
