"""Findings, causes and fixes, each with its numbers."""

from collections import Counter
from collections.abc import Iterator
from math import isfinite

from rich.text import Text

from gradcheck_cli.records.diagnosis import Arm, Basis, Cause, Fix, Status, Verification
from gradcheck_cli.records.finding import Evidence, Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.terminal.glyphs import span_of, spark
from gradcheck_cli.renderers.terminal.pen import (
    BAD,
    FAINT,
    GOOD,
    INK,
    OF_SEVERITY,
    STRONG,
    WARN,
    Pen,
    ink,
)
from gradcheck_cli.renderers.words import (
    ARMS,
    clean_lines,
    mean,
    number,
    percent,
    place,
    plural,
    quantity,
    some_layers,
)

SPARK = 24
METER = 10
MOST_CODE = 12
FEW = 3  # causes and fixes shown in full
OF_STATUS = {
    Status.VERIFIED: GOOD,
    Status.HELPS_PARTLY: WARN,
    Status.INEFFECTIVE: FAINT,
    Status.HARMFUL: BAD,
    Status.NOT_RUN: FAINT,
}
SAID = {
    Status.VERIFIED: "verified",
    Status.HELPS_PARTLY: "helps partly",
    Status.INEFFECTIVE: "tried, no effect",
    Status.HARMFUL: "tried, made it worse",
    Status.NOT_RUN: "not tried",
}


def findings(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield what is wrong: the number beside its limit, and where."""
    if report.findings:
        yield from pen.heading("Findings")
    for i, finding in enumerate(report.findings):
        if i:
            yield Text("")
        yield from _finding(finding, pen)


def _finding(finding: Finding, pen: Pen) -> Iterator[Text]:
    style = OF_SEVERITY[finding.severity]
    head = pen.say(f"{finding.code} {finding.name}", style)
    head += pen.say(f"  {finding.severity}, {finding.confidence} confidence", FAINT)
    yield from pen.hang(ink(f"  {_sign(finding, pen)} ", style), head)
    yield from pen.paragraph(finding.message, 4)
    if finding.layers:
        yield from pen.labeled("where", some_layers(finding.layers))
    if finding.at:
        yield from pen.labeled("built", place(finding.at))
    limited = [e for e in finding.evidence if e.limit is not None]
    for evidence in limited or finding.evidence:
        yield from _evidence(evidence, pen)


def _evidence(evidence: Evidence, pen: Pen) -> Iterator[Text]:
    line = pen.say(f"{evidence.what}  ")
    line += pen.say(quantity(evidence.measured, evidence.read_in), STRONG)
    if evidence.limit is not None:
        line += pen.say(f"  limit {quantity(evidence.limit, evidence.read_in)}", FAINT)
    yield from pen.hang(Text("    ") + ink(f"{pen.glyphs.bullet} ", FAINT), line)


def remarks(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield the findings of a healthy model, a sentence each."""
    if report.findings:
        yield from pen.heading("Worth knowing")
    for finding in report.findings:
        sign = ink(f"  {_sign(finding, pen)} ", OF_SEVERITY[finding.severity])
        yield from pen.hang(sign, pen.say(f"{finding.code} {finding.name}: {finding.message}"))


def _sign(finding: Finding, pen: Pen) -> str:
    signs = {
        Severity.ERROR: pen.glyphs.sick,
        Severity.WARNING: "!",
        Severity.NOTE: pen.glyphs.bullet,
    }
    return signs[finding.severity]


def causes(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield why: the likeliest with all its reasons, its rivals with one each."""
    if report.causes:
        yield from pen.heading("Why", "likeliest first")
    for rank, cause in enumerate(report.causes[:FEW], 1):
        yield from _cause(rank, cause, pen)
    rest = report.causes[FEW:]
    if rest:
        names = ", ".join(f"{cause.name} {number(cause.score, 2)}" for cause in rest)
        yield from pen.paragraph(f"less likely: {names}", 5, FAINT)


def _cause(rank: int, cause: Cause, pen: Pen) -> Iterator[Text]:
    score = cause.score if isfinite(cause.score) else 0.0
    filled = round(min(max(score, 0.0), 1.0) * METER)
    head = pen.say(cause.name, STRONG if rank == 1 else "") + Text("  ")
    head += ink(pen.glyphs.full * filled, INK)
    head += ink(pen.glyphs.bullet * (METER - filled), FAINT)
    head += Text(f" {number(cause.score, 2)}")
    if cause.basis is not Basis.SIGNS:
        head += ink(f"  {cause.basis.value}", FAINT)
    yield from pen.hang(Text(f"  {rank}. "), head)
    for reason in cause.reasons if rank == 1 else cause.reasons[:1]:
        yield from pen.bullet(reason, 5)
    if rank > 1:
        return
    if cause.first_layer:
        built = f", built at {place(cause.at)}" if cause.at else ""
        yield from pen.bullet(f"begins at {cause.first_layer}{built}", 5)
    elif cause.at:
        yield from pen.bullet(f"at {place(cause.at)}", 5)
    if cause.explains:
        yield from pen.bullet(f"explains {', '.join(cause.explains)}", 5, FAINT)
    if cause.rivals:
        yield from pen.bullet(f"{', '.join(cause.rivals)}: brings back as much", 5)
    if cause.distinguish:
        yield from pen.bullet(f"to tell it apart: {cause.distinguish}", 5, FAINT)


def fixes(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield what would help: the first in full, its rivals with their outcome."""
    if report.fixes:
        yield from pen.heading("What would help")
    for rank, fix in enumerate(report.fixes[:FEW], 1):
        if rank > 1:
            yield Text("")
        yield from _head(rank, fix, pen)
        yield from pen.paragraph(fix.summary, 5)
        yield from _first_fix(fix, pen) if rank == 1 else _rival(fix, pen)
    rest: dict[str, Counter[str]] = {}
    for fix in report.fixes[FEW:]:
        rest.setdefault(SAID[fix.verification.status], Counter())[fix.name] += 1
    if rest:
        yield Text("")
    for status, names in rest.items():
        said = (f"{name} ({times} ways)" if times > 1 else name for name, times in names.items())
        yield from pen.paragraph(f"{status}: {', '.join(said)}", 5, FAINT)


def _head(rank: int, fix: Fix, pen: Pen) -> Iterator[Text]:
    status = fix.verification.status
    head = pen.say(fix.name, STRONG) + Text("  ")
    sign = f"{pen.glyphs.healthy} " if status is Status.VERIFIED else ""
    head += ink(sign + SAID[status], OF_STATUS[status])
    head += pen.say(f"  for {fix.treats}", FAINT)
    if fix.risk == "review" and rank == 1:
        head += ink("  review it first", FAINT)
    yield from pen.hang(Text(f"  {rank}. "), head)


def _first_fix(fix: Fix, pen: Pen) -> Iterator[Text]:
    yield from _verification(fix.verification, pen)
    yield from pen.labeled("why", fix.why, 5, 4)
    if fix.cost:
        yield from pen.labeled("cost", fix.cost, 5, 4)
    if fix.code or fix.diff:
        yield from _code(fix, pen)


def _rival(fix: Fix, pen: Pen) -> Iterator[Text]:
    """Say the outcome in a line; the saved report holds the rest."""
    said = _outcome(fix.verification)
    if said:
        yield from pen.paragraph(said, 5)
    elif fix.why:
        yield from pen.labeled("why", fix.why, 5, 4)


def _code(fix: Fix, pen: Pen) -> Iterator[Text]:
    """Show the diff where it is short, else the code to paste."""
    gutter = ink(f"     {pen.glyphs.gutter} ", FAINT)
    lines = clean_lines(fix.diff)
    is_diff = 0 < len(lines) <= MOST_CODE
    lines = lines if is_diff else clean_lines(fix.code)
    if fix.at and not is_diff and not fix.code.lstrip().startswith("#"):
        yield gutter + pen.say(f"# {place(fix.at)}", FAINT)
    for line in lines[:MOST_CODE]:
        indent = len(line) - len(line.lstrip())
        faint = line[:1] not in {"+", "-"} if is_diff else line.lstrip().startswith("#")
        style = FAINT if faint else INK
        yield from pen.hang(gutter + Text(" " * indent), pen.say(line.lstrip(), style))
    if len(lines) > MOST_CODE:
        rest = plural(len(lines) - MOST_CODE, "more line")
        yield gutter + pen.say(f"{pen.glyphs.ellipsis} {rest} in the saved report", FAINT)


def _verification(verification: Verification, pen: Pen) -> Iterator[Text]:
    """Draw the curves of all arms on one scale, and the numbers at their ends."""
    curves = [_mean_curve(arm) for arm in verification.arms]
    span = span_of(*curves)
    for arm, curve in zip(verification.arms, curves, strict=True):
        picture = pen.say(f"     {ARMS.get(arm.name, arm.name):15}") + ink(
            spark(curve, SPARK, pen.glyphs, span), INK
        )
        words = []
        if arm.held_out:
            words.append(f"{verification.compared} {number(mean(arm.held_out))}")
        if arm.findings:
            words.append(f"{plural(len(arm.findings), 'finding')} left")
        yield from pen.beside(picture, ", ".join(words))
    said = _outcome(verification)
    if said:
        yield from pen.paragraph(said, 5)


def _outcome(verification: Verification) -> str:
    """Return what came of trying it, in words."""
    said = []
    if verification.effect is not None:
        spread = f" ± {percent(verification.spread)}" if verification.spread is not None else ""
        seeds = plural(len(verification.seeds), "seed")
        better = "better" if verification.effect >= 0 else "worse"
        made = f" ({verification.made})" if verification.made not in {"", "built"} else ""
        said.append(f"{percent(abs(verification.effect))}{spread} {better} over {seeds}{made}")
    if verification.new_findings:
        said.append(f"but new: {', '.join(verification.new_findings)}")
    if verification.reason:
        said.append(verification.reason)
    return "; ".join(said)


def _mean_curve(arm: Arm) -> list[float]:
    """Return the mean over seeds, as long as the shortest."""
    length = min((len(curve) for curve in arm.curves), default=0)
    return [sum(curve[i] for curve in arm.curves) / len(arm.curves) for i in range(length)]
