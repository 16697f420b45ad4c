"""Weigh all causes against each other; the best explanation first."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gradcheck_cli import plugins
from gradcheck_cli.causes import all_causes
from gradcheck_cli.causes.base import CauseRule, Evidence, Support
from gradcheck_cli.causes.examined import examined, supporting
from gradcheck_cli.errors import THEIRS
from gradcheck_cli.records.diagnosis import Basis, Cause
from gradcheck_cli.records.finding import Crash, Finding, Severity
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import loop_mistakes

_DIGITS = 3  # of a score
_WARNED = 0.9  # score of a mistake of the loop that is only warned of
_LESSER = 0.6  # weight of a cause that explains only the less serious findings
_SAME = 0.1  # of what was lost: experiments that differ by less bring back the same
_LEAST = 0.15  # a score below it is not worth a line

OnCrash = Callable[[Crash], None]
Weighed = tuple[CauseRule, list[Finding], Support]


def rank(
    trace: Trace,
    findings: Sequence[Finding],
    *,
    causes: Sequence[CauseRule] | None = None,
    on_crash: OnCrash | None = None,
) -> tuple[Cause, ...]:
    """Return the causes that explain at least one finding above a note, best first.

    A mistake that was seen in the loop is a fact: it comes before all that is weighed. Of causes that are as likely,
    one of a graver finding comes first, then of one with a lower code: these are told first, too.

    A cause that raises is handed to `on_crash` and the others go on; without it, it raises.
    """
    serious = {f.name: f for f in findings if f.severity is not Severity.NOTE}
    if not serious:
        return ()
    seen = Evidence(trace, tuple(findings))
    gravest = max(f.severity.rank for f in serious.values())
    supports: list[Weighed] = []
    for rule in all_causes() if causes is None else causes:
        explained = [serious[name] for name in rule.explains if name in serious]
        if supporting(trace, rule.name):
            explained = explained or [f for f in serious.values() if f.severity.rank == gravest]
        grave = any(f.severity.rank == gravest for f in explained)
        if not explained:
            continue
        try:
            support = examined(trace, rule.name, rule.function(seen))
        except THEIRS:
            if on_crash is None:
                raise
            on_crash(Crash(plugins.whose(rule, f"cause {rule.name}"), traceback.format_exc()))
            continue
        if support is None or support.score < _LEAST:
            continue
        weight = 1.0 if grave else _LESSER
        supports.append((rule, explained, replace(support, score=support.score * weight)))
    found = [_named(*weighed) for weighed in _shared_out(supports)]
    leads = {f.code: (-f.severity.rank, f.code) for f in serious.values()}
    found.sort(key=lambda c: (place(c), min(leads[code] for code in c.explains), c.name))
    return (*facts(findings), *found)


def _named(
    rule: CauseRule, explained: Sequence[Finding], support: Support, rivals: Sequence[str]
) -> Cause:
    return Cause(
        name=rule.name,
        explains=tuple(sorted(f.code for f in explained)),
        score=round(support.score, _DIGITS),
        reasons=support.reasons,
        layers=support.layers,
        first_layer=support.first_layer,
        at=support.at,
        distinguish=rule.distinguish if support.basis is Basis.SIGNS else "",
        basis=support.basis,
        rivals=tuple(rivals),
    )


def _shared_out(supports: Sequence[Weighed]) -> Iterator[tuple[*Weighed, list[str]]]:
    """Yield the supports, of experiments with what is left by those further upstream, and their rivals.

    What one intervention brings back needs no cause below it (the rival explains it away); that another
    brings back as much is said beside it.
    """
    for rule, explained, support in supports:
        if support.place is None:
            yield rule, explained, support, []
            continue
        others = [(r, o) for r, _, o in supports if o.place is not None and r is not rule]
        firm = [o for _, o in others if o.basis is Basis.EXPERIMENT]
        above = (o.score for o in firm if (o.place or 0) < support.place)
        taken = max(above, default=0.0)
        rivals = [
            r.name
            for r, o in others
            if o.basis is support.basis is Basis.EXPERIMENT
            and abs(o.score - support.score) <= _SAME
        ]
        yield rule, explained, replace(support, score=support.score * (1 - taken)), sorted(rivals)


def place(cause: Cause) -> float:
    """Return what causes are sorted by: firm ones first, then the score."""
    firm = cause.basis is not Basis.SIGNS and cause.score >= _LESSER
    return -cause.score - firm


def facts(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Return the mistakes of the loop as causes, the gravest first; they explain what else was found."""
    serious = [f for f in findings if f.severity is not Severity.NOTE]
    codes = tuple(sorted({f.code for f in serious}))
    return tuple(
        Cause(
            name=f.name,
            explains=codes,
            score=1.0 if f.severity is Severity.ERROR else _WARNED,
            reasons=(f.message,),
            layers=f.layers,
            at=f.at,
            basis=Basis.FACT,
        )
        for f in sorted(loop_mistakes(findings), key=lambda f: -f.severity.rank)
    )
