"""Weigh all causes against each other; the best explanation first."""

import traceback
from collections.abc import Callable, Sequence

from gradcheck_cli import plugins
from gradcheck_cli.causes import all_causes
from gradcheck_cli.causes.base import CauseRule, Evidence
from gradcheck_cli.records.diagnosis import Cause
from gradcheck_cli.records.finding import Crash, Finding, Severity
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import OF_THE_LOOP

_LESSER = 0.6  # weight of a cause that explains only the less serious findings
_LEAST = 0.15  # a score below it is not worth a line

OnCrash = Callable[[Crash], None]


def rank(
    trace: Trace,
    findings: Sequence[Finding],
    *,
    causes: Sequence[CauseRule] | None = None,
    on_crash: OnCrash | None = None,
) -> tuple[Cause, ...]:
    """Return the causes that explain at least one finding above a note, best first.

    A mistake that was seen in the loop is a fact: it comes before all that is weighed.

    A cause that raises is handed to `on_crash` and the others go on; without it, it raises.
    """
    serious = {f.name: f for f in findings if f.severity is not Severity.NOTE}
    if not serious:
        return ()
    seen = Evidence(trace, tuple(findings))
    gravest = max(f.severity.rank for f in serious.values())
    found: list[Cause] = []
    for rule in all_causes() if causes is None else causes:
        explained = [serious[name] for name in rule.explains if name in serious]
        grave = any(f.severity.rank == gravest for f in explained)
        if not explained:
            continue
        try:
            support = rule.function(seen)
        except Exception:
            if on_crash is None:
                raise
            on_crash(Crash(plugins.whose(rule, f"cause {rule.name}"), traceback.format_exc()))
            continue
        if support is None or support.score < _LEAST:
            continue
        found.append(
            Cause(
                name=rule.name,
                explains=tuple(sorted(f.code for f in explained)),
                score=round(support.score * (1.0 if grave else _LESSER), 3),
                reasons=support.reasons,
                layers=support.layers,
                first_layer=support.first_layer,
                at=support.at,
                distinguish=rule.distinguish,
            )
        )
    return (*facts(findings), *sorted(found, key=lambda c: (-c.score, c.name)))


def facts(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Return the mistakes of the loop as causes, the gravest first; they explain what else was found."""
    serious = [f for f in findings if f.severity is not Severity.NOTE]
    found = [f for f in serious if f.code.startswith(OF_THE_LOOP)]
    codes = tuple(sorted({f.code for f in serious}))
    return tuple(
        Cause(
            name=f.name,
            explains=codes,
            score=1.0 if f.severity is Severity.ERROR else 0.9,
            reasons=(f.message,),
            layers=f.layers,
            at=f.at,
            kind="fact",
        )
        for f in sorted(found, key=lambda f: -f.severity.rank)
    )
