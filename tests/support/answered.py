"""A trace with the answer of an experiment in it, for the rules that read answers."""

from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Finding, Skip
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Rule


def answer(name: str, outcome: Outcome = Outcome.WRONG) -> Answer:
    """One answer with a number beside its limit."""
    return Answer(
        name=name, question="Is it so?", outcome=outcome, said="it is 2", measured=2.0, limit=1.0
    )


def found(rule: Rule, *answers: Answer) -> list[Finding] | Skip:
    """Let a rule judge a trace that holds nothing but answers."""
    return rule(Trace(examination=answers))
