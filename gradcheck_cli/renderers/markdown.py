"""Markdown for a comment on a change, or for the summary of a CI job.

Everything that a user named is written in character references: it can neither mark up nor mention.
"""

import re
from collections.abc import Iterator

from gradcheck_cli.records.diagnosis import Fix, Status
from gradcheck_cli.records.finding import Evidence, Finding, Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.renderers.words import (
    MARKS,
    clean,
    number,
    ordered,
    partial,
    percent,
    place,
    plural,
    quantity,
    shorten,
    some_layers,
    title,
    unasked,
)

MOST_FINDINGS = 20
MOST_FIXES = 3
LONGEST_NAME = 200
LONGEST_TEXT = 1000
LONGEST_CODE = 4000
SIGN = {Verdict.SICK: "❌", Verdict.HEALTHY: "✅", Verdict.UNSURE: "❔"}
OF_SEVERITY = {Severity.ERROR: "❌ error", Severity.WARNING: "⚠️ warning", Severity.NOTE: "note"}
SAID = {
    Status.VERIFIED: "✅ verified",
    Status.HELPS_PARTLY: "helps partly",
    Status.INEFFECTIVE: "tried, no effect",
    Status.HARMFUL: "tried, made it worse",
    Status.NOT_RUN: "not tried",
}


def render(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def escape(text: str, longest: int = LONGEST_NAME) -> str:
    """Return text that Markdown and HTML leave alone."""
    said = shorten(" ".join(clean(text).split()), longest)
    return re.sub(r"[^\w\s.,;:()/+=?%'\"-]|_", lambda m: _reference(m[0]), said)


def _reference(char: str) -> str:
    return f"&#{ord(char)};" if ord(char) < 128 else char


def _lines(report: Report) -> Iterator[str]:
    yield f"### {SIGN[report.verdict]} gradcheck: {escape(report.headline, LONGEST_TEXT)}"
    yield ""
    yield f"{escape(title(report)[0])} · {escape(title(report)[1])}"
    if said := partial(report.run):
        yield ""
        yield said
    if report.findings:
        yield from _findings(report)
    if report.causes:
        best = report.causes[0]
        yield ""
        yield f"**Likeliest cause:** {escape(best.name)} ({number(best.score, 2)})"
        yield ""
        yield from (f"- {escape(reason, LONGEST_TEXT)}" for reason in best.reasons)
    for fix in report.fixes[:MOST_FIXES]:
        yield from _fix(fix)
    yield from _tried(report)
    yield from _details(report)


def _findings(report: Report) -> Iterator[str]:
    yield ""
    yield "| | rule | what was measured | limit | where |"
    yield "|---|---|---|---|---|"
    for finding in report.findings[:MOST_FINDINGS]:
        yield _row(finding)
    if len(report.findings) > MOST_FINDINGS:
        yield ""
        yield f"and {plural(len(report.findings) - MOST_FINDINGS, 'more finding')}"


def _row(finding: Finding) -> str:
    measured = "<br>".join(
        f"{escape(e.what)}: **{_said(e.measured, e)}**" for e in finding.evidence
    )
    limit = "<br>".join(_said(e.limit, e) for e in finding.evidence)
    where = escape(some_layers(finding.layers), 300) or "the whole run"
    if finding.at:
        where += f"<br>{escape(place(finding.at))}"
    said = measured or escape(finding.message, LONGEST_TEXT)
    rule = f"{escape(finding.code)} {escape(finding.name)}"
    return f"| {OF_SEVERITY[finding.severity]} | {rule} | {said} | {limit} | {where} |"


def _said(value: float | None, evidence: Evidence) -> str:
    return escape(quantity(value, evidence.read_in))


def _fix(fix: Fix) -> Iterator[str]:
    trial = fix.verification
    yield ""
    line = f"**Fix:** {escape(fix.summary, LONGEST_TEXT)} ({SAID[trial.status]}"
    if trial.effect is not None:
        line += f", {percent(abs(trial.effect))} {'better' if trial.effect >= 0 else 'worse'}"
        line += f" over {plural(len(trial.seeds), 'seed')}" if trial.seeds else ""
    yield line + ")"
    yield ""
    yield escape(fix.why, LONGEST_TEXT)
    body = fix.diff or fix.code
    if body.strip():
        text = "\n".join(clean(x.expandtabs(4)) for x in body[:LONGEST_CODE].splitlines())
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
        yield ""
        yield f"{fence}{'diff' if fix.diff else 'python'}"
        yield text
        yield fence


def _tried(report: Report) -> Iterator[str]:
    """Yield the experiments and their answers, folded away."""
    answers = ordered(report.examination)
    if not answers:
        return
    yield ""
    yield "<details><summary>What was tried</summary>"
    yield ""
    for answer in answers:
        said = escape(f"{answer.question} {answer.said}", LONGEST_TEXT)
        yield f"- {MARKS[answer.outcome]}: {said}"
    for line in unasked(report.examination):
        yield f"- not asked: {escape(line, LONGEST_TEXT)}"
    yield ""
    yield "</details>"


def _details(report: Report) -> Iterator[str]:
    """What was assumed and what was not measured, folded away."""
    lines = [f"- assumed: {escape(a, LONGEST_TEXT)}" for a in report.assumptions]
    lines += [
        f"- not measured: {escape(g.what)}: {escape(g.reason, LONGEST_TEXT)}" for g in report.gaps
    ]
    lines += [
        f"- could not look: {escape(s.code)} {escape(s.name)}: {escape(s.reason, LONGEST_TEXT)}"
        for s in report.skipped
    ]
    lines += [f"- {c.blame}: {escape(c.where)} failed" for c in report.crashed]
    if report.passed:
        lines.append(f"- found nothing: {', '.join(escape(name) for name in report.passed)}")
    if lines:
        yield ""
        yield "<details><summary>How it was measured</summary>"
        yield ""
        yield from lines
        yield ""
        yield "</details>"
