"""Several reports as one: of trainings beside each other, or of the models that a config names."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gradcheck_cli.records.report import History, Report, RunFacts, Verdict

_GRAVITY = (Verdict.HEALTHY, Verdict.UNSURE, Verdict.SICK)


def joined(reports: Sequence[Report]) -> Report:
    """Return one report over all; their layers have different names, the gravest verdict counts."""
    worst = gravest(reports)
    findings = sorted(
        (f for r in reports for f in r.findings), key=lambda f: (-f.severity.rank, f.code)
    )
    found = {f.code for f in findings}
    passed = dict.fromkeys(name for r in reports for name in r.passed)
    for name in [f.name for f in findings]:
        passed.pop(name, None)
    return replace(
        worst,
        run=_run_of_all(worst.run, [r.run for r in reports]),
        assumptions=_distinct(a for r in reports for a in r.assumptions),
        findings=tuple(findings),
        causes=tuple(sorted((c for r in reports for c in r.causes), key=lambda c: -c.score)),
        fixes=tuple(f for r in reports for f in r.fixes),
        passed=tuple(passed),
        skipped=_distinct(s for r in reports for s in r.skipped if s.code not in found),
        crashed=_distinct(c for r in reports for c in r.crashed),
        gaps=_distinct(g for r in reports for g in r.gaps),
        layers=tuple(x for r in reports for x in r.layers),
        history=replace(
            _history(worst.history, [r.history for r in reports]),
            beside=tuple(curve for r in reports for curve in r.history.beside),
        ),
        next_steps=_distinct(n for r in reports for n in r.next_steps),
    )


def gravest(reports: Sequence[Report]) -> Report:
    """Return the first of those with the gravest verdict."""
    return max(reports, key=lambda r: _GRAVITY.index(r.verdict))


def _history(lead: History, histories: Sequence[History]) -> History:
    """Return the curves of all layers over the steps of all; the loss is that of the gravest."""
    steps = tuple(sorted({step for history in histories for step in history.steps}))
    series: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for history in histories:
        for name, rows in history.series.items():
            for path, row in rows.items():
                known = dict(zip(history.steps, row, strict=False))
                series.setdefault(name, {})[path] = tuple(known.get(step) for step in steps)
    return replace(lead, steps=steps, series=series)


def _distinct(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))


def _run_of_all(first: RunFacts, runs: Sequence[RunFacts]) -> RunFacts:
    return replace(
        first,
        model=", ".join(dict.fromkeys(r.model for r in runs)),
        data=", ".join(dict.fromkeys(r.data for r in runs if r.data)),
        optimizer=", ".join(dict.fromkeys(r.optimizer for r in runs)),
        loss=", ".join(dict.fromkeys(r.loss for r in runs if r.loss)),
        parameters=sum(r.parameters for r in runs),
        interrupted=any(r.interrupted for r in runs),
        stopped=next((r.stopped for r in runs if r.stopped), ""),
    )
