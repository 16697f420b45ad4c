"""From causes to fixes that are worth trying, the best guess first."""

import traceback
from collections.abc import Callable, Iterator, Sequence

from gradcheck_cli import plugins
from gradcheck_cli.errors import THEIRS
from gradcheck_cli.records.diagnosis import Cause
from gradcheck_cli.records.finding import Crash, Finding, Severity
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.remedies.base import Case, Proposal, Remedy
from gradcheck_cli.remedies.catalogue import all_remedies
from gradcheck_cli.remedies.with_rate import paced
from gradcheck_cli.rules.base import loop_mistakes
from gradcheck_cli.targets.training import Training

CAUSES = 4  # that are treated; the others are too unlikely beside them
UNLIKELY = 0.2  # share of the best score below which a cause is not treated
OnCrash = Callable[[Crash], None]


def propose(
    training: Training,
    trace: Trace,
    causes: Sequence[Cause],
    findings: Sequence[Finding],
    *,
    on_crash: OnCrash | None = None,
) -> tuple[Proposal, ...]:
    """Return the fixes for the likely causes, the best for each cause before the second best.

    A healthy model is offered none. A remedy that crashes is handed to `on_crash` and the others go
    on; without it, it raises.
    """
    if not any(f.severity.rank >= Severity.WARNING.rank for f in findings):
        return ()
    ranked: list[tuple[int, int, Proposal]] = []
    for place, cause in enumerate(likely(causes, findings)):
        case = Case(training, trace, cause, tuple(findings))
        for order, remedy in enumerate(treating(cause.name)):
            for variant, proposal in enumerate(_drafted(remedy, case, on_crash)):
                ranked.append((order + variant, place, proposal))
    ranked.sort(key=lambda entry: entry[:2])
    made: dict[tuple[str, str], Proposal] = {}
    for _, _, proposal in ranked:
        made.setdefault((proposal.fix.name, proposal.fix.summary), proposal)
    proposals = tuple(made.values())
    return (*proposals, *paced(training, proposals, adaptive=trace.adaptive))


def likely(causes: Sequence[Cause], findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Return the causes worth treating, in the order given; where the loop is wrong, only that."""
    loop = {f.name for f in loop_mistakes(findings)}
    causes = [c for c in causes if c.name in loop] or causes
    best = max((c.score for c in causes), default=0.0)
    return tuple(c for c in causes if c.score >= UNLIKELY * best)[:CAUSES]


def treating(cause: str) -> tuple[Remedy, ...]:
    """Return the remedies of a cause; each names first what it is best for."""
    able = [remedy for remedy in all_remedies() if cause in remedy.treats]
    return tuple(sorted(able, key=lambda remedy: remedy.treats.index(cause)))


def _drafted(remedy: Remedy, case: Case, on_crash: OnCrash | None) -> Iterator[Proposal]:
    try:
        yield from remedy.propose(case)
    except THEIRS:
        if on_crash is None:
            raise
        on_crash(Crash(plugins.whose(remedy, f"remedy {remedy.name}"), traceback.format_exc()))
