"""The report in at most 2,000 tokens, for a coding agent: what is wrong, why, the change, what to run next.

A token is taken as three bytes, which is a low count for English and code, so `LONGEST` bytes hold.
What does not fit is cut from the least important part, and the cut is said; a diff is whole or left out.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isfinite

from gradcheck_cli.records.diagnosis import Basis, Cause, Fix, Status, leading
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.words import (
    clean,
    percent,
    place,
    plural,
    quantity,
    shorten,
    some_layers,
)

SCHEMA = 1
LONGEST = 6000  # bytes: 2,000 tokens of three bytes
MOST_FINDINGS = 3
MOST_REASONS = 3
LINE = 300  # bytes of a sentence
CHANGE = 3600  # bytes of a diff or of code
TOO_LONG = "the diff is too long for a brief; gradcheck fix prints it"
CUT = "… cut; the YAML report has the whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One number of a finding beside its limit; null where it is not finite or was not measured."""

    what: str
    measured: float | None
    limit: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding."""

    code: str
    name: str
    severity: str
    message: str
    layers: str
    at: str
    evidence: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """The likeliest cause and what speaks for it."""

    name: str
    layer: str
    at: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The best fix: `status` says whether it was proven, `change` is a diff of the source, or code.

    Where it is code, `by_hand` says why there is no diff; `at` is where it belongs.
    """

    name: str
    status: str
    proof: str
    summary: str
    at: str
    kind: str  # diff | code | ""
    change: str
    by_hand: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """The whole brief. `more` counts findings and fixes that are only in the full report."""

    schema: int
    verdict: str
    headline: str
    findings: tuple[Found, ...]
    cause: Suspect | None
    fix: Mend | None
    next: str
    more: str


def brief(report: Report) -> Brief:
    """Return the brief of a report, short enough in either form."""
    whole = _brief(report, MOST_FINDINGS, CHANGE)
    for findings, change in ((1, CHANGE), (1, CHANGE // 2), (1, CHANGE // 8)):
        if max(_size(_json(whole)), _size(_markdown(whole))) <= LONGEST:
            return whole
        whole = _brief(report, findings, change)
    return whole


def render(report: Report) -> str:
    """Return the brief as Markdown."""
    return _markdown(brief(report))


def render_json(report: Report) -> str:
    """Return the brief as JSON; `gradcheck schema brief` describes it."""
    return _json(brief(report))


def _size(text: str) -> int:
    return len(text.encode())


def _json(said: Brief) -> str:
    return json.dumps(asdict(said), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


# ---- from a report to a brief ---------------------------------------------------------------------


def _brief(report: Report, most: int, change: int) -> Brief:
    serious = [f for f in report.findings if f.severity is not Severity.NOTE]
    fix = leading(report.fixes)
    mend = _mend(fix, _belongs(fix, report), change) if fix else None
    left = len(report.findings) - len(serious[:most])
    others = max(len(report.fixes) - 1, 0)
    more = [plural(left, "finding")] if left else []
    more += [f"{others} {'fix' if others == 1 else 'fixes'}"] if others else []
    return Brief(
        schema=SCHEMA,
        verdict=report.verdict.value,
        headline=_line(report.headline, 2 * LINE),
        findings=tuple(_found(f) for f in serious[:most]),
        cause=_suspect(report.causes[0]) if report.causes else None,
        fix=mend,
        next=_line(_next(report, fix, mend), 2 * LINE),
        more=" and ".join(more),
    )


def _line(text: str, longest: int = LINE) -> str:
    """Return one line of at most `longest` bytes."""
    line = " ".join(clean(text.encode("utf-8", "replace").decode()).split())
    widest = max((len(char.encode()) for char in set(line)), default=1)
    return line if len(line.encode()) <= longest else shorten(line, longest // widest)


def _finite(value: float | None) -> float | None:
    return float(f"{value:.6g}") if value is not None and isfinite(value) else None


def _found(finding: Finding) -> Found:
    evidence = tuple(
        Measured(
            what=_line(e.what, 100),
            measured=_finite(e.measured),
            limit=_finite(e.limit),
            unit=_line(e.read_in, 30),
        )
        for e in finding.evidence[:MOST_REASONS]
    )
    return Found(
        code=_line(finding.code, 30),
        name=_line(finding.name, 60),
        severity=finding.severity.value,
        message=_line(finding.message),
        layers=_line(some_layers(finding.layers), 150),
        at=_line(place(finding.at), 150),
        evidence=evidence,
    )


def _suspect(cause: Cause) -> Suspect:
    return Suspect(
        name=_line(cause.name, 60),
        layer=_line(cause.first_layer or "", 100),
        at=_line(place(cause.at), 150),
        evidence=tuple(_line(reason) for reason in cause.reasons[:MOST_REASONS]),
    )


def _next(report: Report, fix: Fix | None, mend: Mend | None) -> str:
    """Return the one thing to do next: what mends it, and the command that shows whether it did."""
    first = next(iter(report.next_steps), "")
    if fix is None or mend is None:
        return first
    known = any(c.name == fix.treats and c.basis is not Basis.SIGNS for c in report.causes)
    then = f", then run again: {report.run.command}" if report.run.command else ""
    if fix.failed or (fix.unasked and not known) or (fix.diff and mend.kind != "diff"):
        return first  # a command tries it, or prints what is too long for here
    if mend.kind == "diff":
        return f"apply the diff above (git apply, or by editing){then}"
    how = f"change {mend.at} by hand as shown above" if mend.at else first.rstrip(".")
    return f"{how}{then}"


def _belongs(fix: Fix, report: Report) -> str:
    """Return the place of the source where a fix belongs: its own, else that of its cause."""
    sites = (fix.at, *(c.at for c in report.causes if c.name == fix.treats))
    return _line(place(next(filter(None, sites), None)), 150)


def _mend(fix: Fix, at: str, longest: int) -> Mend:
    fits = len(fix.diff.encode("utf-8", "replace")) <= longest
    kind = "diff" if fix.diff.strip() and fits else "code" if fix.code.strip() else ""
    return Mend(
        name=_line(fix.name, 60),
        status=fix.verification.status.value,
        proof=_proof(fix),
        summary=_line(fix.summary),
        at=at,
        kind=kind,
        change=_lines_of(fix.diff if kind == "diff" else fix.code, longest),
        by_hand="" if kind == "diff" else _line(fix.unwritten if fits else TOO_LONG),
    )


def _proof(fix: Fix) -> str:
    """Return in words what trying the fix showed, or why it was not tried."""
    trial = fix.verification
    if trial.status is Status.NOT_RUN:
        return _line(trial.reason or "not tried")
    if trial.effect is None or not isfinite(trial.effect):
        return _line(trial.reason or "tried")
    seeds = f" over {plural(len(trial.seeds), 'seed')}" if trial.seeds else ""
    side = "lower" if trial.effect >= 0 else "higher"
    return f"{trial.compared} {percent(abs(trial.effect))} {side} than the control's{seeds}"


def _lines_of(text: str, longest: int) -> str:
    """Return whole lines of a change, at most `longest` bytes of them."""
    safe = text.encode("utf-8", "replace").decode()
    kept: list[str] = []
    size = 0
    for line in safe.splitlines():
        shown = clean(line.expandtabs(4))
        size += len(shown.encode()) + 1
        if size > longest:
            return "\n".join([*kept, CUT])
        kept.append(shown)
    return "\n".join(kept)


# ---- as Markdown ----------------------------------------------------------------------------------


def _markdown(said: Brief) -> str:
    return "\n".join(_lines(said)) + "\n"


def _lines(said: Brief) -> Iterator[str]:
    yield f"# gradcheck: {said.verdict}"
    yield said.headline
    for finding in said.findings:
        yield from _of_finding(finding)
    if said.cause is not None:
        yield f"\n## Cause: {said.cause.name}{_where(said.cause.layer, said.cause.at)}"
        yield from (f"- {reason}" for reason in said.cause.evidence)
    if said.fix is not None:
        yield from _of_fix(said.fix)
    if said.next:
        yield f"\nNext: {said.next}"
    if said.more:
        yield f"\nOnly in the full report: {said.more}."


def _where(layer: str, at: str) -> str:
    return (f" at layer {layer}" if layer else "") + (f" ({at})" if at else "")


def _of_finding(finding: Found) -> Iterator[str]:
    yield f"\n## {finding.severity}: {finding.code} {finding.name}{_where(finding.layers, finding.at)}"
    yield finding.message
    for entry in finding.evidence:
        limit = f" (limit {quantity(entry.limit, entry.unit)})" if entry.limit is not None else ""
        colon = "" if entry.what.endswith("?") else ":"
        yield f"- {entry.what}{colon} {quantity(entry.measured, entry.unit)}{limit}"


def _of_fix(fix: Mend) -> Iterator[str]:
    yield f"\n## Fix ({fix.status}): {fix.name}{_where('', fix.at)}"
    yield fix.summary
    if fix.proof:
        yield f"{'Not tried' if fix.status == Status.NOT_RUN else 'Tried'}: {fix.proof}."
    if fix.by_hand:
        yield f"To be made by hand: {fix.by_hand}."
    if fix.change:
        fence = "~~~" if "~~~" not in fix.change else "````"
        yield f"{fence}{'diff' if fix.kind == 'diff' else 'python'}"
        yield fix.change
        yield fence
