"""From an experiment's answer to a hit: what the rules on experiments share."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from gradcheck_cli.features.progress import Progress, State, progress
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import CannotTellError, Confidence, Evidence, Hit, Severity


def asked(trace: Trace, *names: str) -> list[Answer]:
    """Return the answers to these questions; raises CannotTellError where none was given."""
    found = [a for name in names if (a := trace.answer(name)) is not None]
    if not found:
        reasons = [a.reason for a in trace.examination if a.name in names and a.reason]
        raise CannotTellError(reasons[0] if reasons else "no experiment was made")
    return found


def unfinished(trace: Trace) -> str:
    """Return which experiments the time ended, as a clause: they could have spoken against the training."""
    names = [a.name for a in trace.examination if a.unfinished]
    return f"; no time was left to finish: {', '.join(names)}" if names else ""


def speaks_against(trace: Trace, name: str) -> Answer | None:
    """Return the answer where it speaks against the training."""
    answer = trace.answer(name)
    return answer if answer is not None and answer.outcome is Outcome.WRONG else None


def eased(trace: Trace) -> Severity:
    """Return the severity of what keeps a run from learning: a warning where the loss falls all the same."""
    return Severity.WARNING if progress(trace).fine else Severity.ERROR


def hits(
    trace: Trace, *names: str, severity: Severity = Severity.ERROR, milder: Collection[str] = ()
) -> Iterator[Hit]:
    """Yield a hit for each of these answers that speaks against the training; the `milder` as warnings."""
    for answer in asked(trace, *names):
        if answer.outcome is Outcome.WRONG:
            yield hit_of(answer, Severity.WARNING if answer.name in milder else severity)


def hit_of(answer: Answer, severity: Severity) -> Hit:
    """Return an answer as a hit, with its number beside its limit."""
    evidence: tuple[Evidence, ...] = ()
    if answer.measured is not None:
        evidence = (Evidence(answer.question, answer.measured, answer.limit, answer.unit),)
    return Hit(
        severity=severity,
        message=answer.said[:1].upper() + answer.said[1:] + ".",
        layers=answer.layers,
        evidence=evidence,
    )


def on_plateau(trace: Trace) -> tuple[Progress, Answer | None]:
    """Return what the loss does; of a run that left its plateau late, what it did there, and how late."""
    state, late = progress(trace), late_end(trace)
    if not (late and state.observed is State.STALLED) or state.stuck:
        return state, None
    return replace(state, state=state.observed), late


def late_end(trace: Trace) -> Answer | None:
    """Return what a run did that was not better than a constant until as many steps again were over."""
    plateau = trace.answer("plateau")
    return plateau if plateau is not None and plateau.outcome is Outcome.NOTED else None


def softened(hit: Hit, late_end: Answer) -> Hit:
    """Return the finding as a warning: the plateau ended in the end."""
    severity = Severity.WARNING if hit.severity is Severity.ERROR else hit.severity
    return replace(
        hit,
        severity=severity,
        confidence=Confidence.MEDIUM,
        message=f"{hit.message} {late_end.said[:1].upper()}{late_end.said[1:]}.",
    )


def warming_up(trace: Trace) -> bool:
    """Has the learning rate at least doubled within the run?"""
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    return len(rates) > 1 and rates[-1] >= 2 * rates[0]
