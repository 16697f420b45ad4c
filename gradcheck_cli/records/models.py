"""One report over the several models that a config names: which model is said everywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gradcheck_cli.records.joining import gravest, joined
from gradcheck_cli.records.report import History, Report, Verdict
from gradcheck_cli.records.trace import Gap


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
