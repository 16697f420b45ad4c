"""Several reports as one: of trainings beside each other, or of the models that a config names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcheck_cli.records.report import History, Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap

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


def over_models(reports: Mapping[str, Report], missing: Mapping[str, str]) -> Report:
    """Return one report; `missing` says of the other models why they are not in it.

    Layers have the name of their model before their own, findings have it as their subject.
    """
    parts = []
    order = 0
    for name, report in reports.items():
        parts.append(_named(report, name, order, [*reports.values()]))
        order += len(report.layers)
    whole = joined(parts)
    worst = gravest(parts)
    alike = sum(part.verdict is worst.verdict for part in parts)
    headline = f"{alike} of {_models(len(parts) + len(missing))}: {worst.verdict}. {worst.headline}"
    if not missing:
        return replace(whole, headline=headline)
    calm = whole.verdict is Verdict.HEALTHY
    gone = f"Not diagnosed: {', '.join(missing)}."
    return replace(
        whole,
        run=replace(whole.run, stopped=whole.run.stopped or gone),
        verdict=Verdict.UNSURE if calm else whole.verdict,
        headline=f"{gone} {headline}" if calm else f"{headline} {gone}",
        gaps=(
            *whole.gaps,
            *(Gap(what=f"the model {name}", reason=why) for name, why in missing.items()),
        ),
    )


def _named(report: Report, name: str, order: int, others: Sequence[Report]) -> Report:
    def path(own: str) -> str:
        return f"{name}.{own}" if own else name

    def paths(own: Sequence[str]) -> tuple[str, ...]:
        return tuple(path(one) for one in own)

    def said(texts: Sequence[str], of: Callable[[Report], Sequence[str]]) -> tuple[str, ...]:
        return tuple(t if all(t in of(r) for r in others) else f"{name}: {t}" for t in texts)

    return replace(
        report,
        headline=f"{name}: {report.headline}",
        assumptions=said(report.assumptions, lambda r: r.assumptions),
        findings=tuple(replace(f, layers=paths(f.layers), subject=name) for f in report.findings),
        causes=tuple(
            replace(c, layers=paths(c.layers), first_layer=c.first_layer and path(c.first_layer))
            for c in report.causes
        ),
        fixes=tuple(replace(f, layers=paths(f.layers)) for f in report.fixes),
        gaps=tuple(replace(gap, what=f"{name}: {gap.what}") for gap in report.gaps),
        layers=tuple(replace(x, path=path(x.path), order=order + x.order) for x in report.layers),
        history=_renamed(report.history, path),
        next_steps=said(report.next_steps, lambda r: r.next_steps),
    )


def _renamed(history: History, path: Callable[[str], str]) -> History:
    series = {
        quantity: {path(own): row for own, row in rows.items()}
        for quantity, rows in history.series.items()
    }
    return replace(history, series=series)


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"
