"""The whole page: headline, picture, findings, causes, fixes, what was assumed, what is next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.renderers.places import leading
from gradcheck_cli.renderers.terminal.glyphs import span_of, spark
from gradcheck_cli.renderers.terminal.pen import BAD, FAINT, GOOD, INK, WARN, Pen, ink
from gradcheck_cli.renderers.terminal.picture import Picture, Row, rows_of, strip
from gradcheck_cli.renderers.terminal.sections import causes, findings, fixes, remarks
from gradcheck_cli.renderers.words import (
    VERDICTS,
    clean,
    loss_curves,
    number,
    ordered,
    partial,
    percent,
    plural,
    some_layers,
    title,
    unasked,
)
from gradcheck_cli.shadowing import ours

STYLE = {Verdict.SICK: BAD, Verdict.HEALTHY: GOOD, Verdict.UNSURE: WARN}
ANSWERED = {Outcome.FINE: GOOD, Outcome.WRONG: BAD, Outcome.NOTED: WARN}
DEEP = 20  # layers from which the strip is drawn above the table
SPARK = 40


@dataclass(frozen=True, slots=True)
class TerminalReport:
    """A rich renderable that fits itself to the terminal it is printed on."""

    report: Report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        pen = Pen.of(console, options.max_width, ascii_only=options.ascii_only)
        for line in page(self.report, pen):
            line.no_wrap = True
            line.overflow = "ignore"
            yield line


def render(report: Report) -> TerminalReport:
    """Return `report` as something that `rich` prints."""
    return TerminalReport(report)


@ours()
def render_text(report: Report, width: int = 80) -> str:
    """Return the page as plain text without colors."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(report))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def page(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield every line."""
    yield from _head(report, pen)
    rows = rows_of(report)
    if report.verdict is Verdict.HEALTHY:
        yield from _reassurance(report, pen, rows)
        yield from remarks(report, pen)
    else:
        yield from _loss(report, pen)
        yield from _picture(report, pen, rows)
        yield from findings(report, pen)
        yield from causes(report, pen)
        yield from fixes(report, pen)
    yield from _examination(report, pen)
    yield from _listed("Assumed", report.assumptions, pen)
    yield from _not_seen(report, pen)
    yield from _listed("Next", report.next_steps, pen)
    yield Text("")


def headline(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield the verdict and the one sentence a person can act on."""
    sign = {
        Verdict.SICK: pen.glyphs.sick,
        Verdict.HEALTHY: pen.glyphs.healthy,
        Verdict.UNSURE: pen.glyphs.unsure,
    }[report.verdict]
    prefix = ink(f" {sign} {VERDICTS[report.verdict].upper()}  ", STYLE[report.verdict])
    yield from pen.hang(prefix, pen.say(report.headline, "bold"))


def _head(report: Report, pen: Pen) -> Iterator[Text]:
    yield Text("")
    yield from headline(report, pen)
    indent = len(VERDICTS[report.verdict]) + 5
    for line in title(report):
        yield from pen.paragraph(line, indent, FAINT)
    if said := partial(report.run):
        yield from pen.paragraph(said, indent, WARN)


def _loss(report: Report, pen: Pen) -> Iterator[Text]:
    curves = [c for c in loss_curves(report) if len(c.losses) > 1]
    if curves:
        yield Text("")
    for curve in curves:
        drawn = spark(curve.losses, _strip_width(pen), pen.glyphs, span_of(curve.losses))
        said = f"{curve.words} ({clean(curve.name)})" if curve.name else curve.words
        yield from pen.beside(Text("   loss      ") + ink(drawn, INK), said)


def _strip_width(pen: Pen) -> int:
    return min(SPARK, pen.width - 15)


def _picture(report: Report, pen: Pen, rows: Sequence[Row]) -> Iterator[Text]:
    if not rows:
        return
    yield from pen.heading("Layers", _legend(report, pen, rows))
    if len(rows) > DEEP:
        yield from _strips(pen, rows)
        yield Text("")
    yield from Picture(pen, rows).lines()


def _legend(report: Report, pen: Pen, rows: Sequence[Row]) -> str:
    """Say how to read the picture: only what is in it."""
    said = ["lowest first", "log scale"]
    first = leading(report)
    if first and first.severity is not Severity.NOTE:
        sign = pen.glyphs.sick if first.severity is Severity.ERROR else "!"
        said.append(f"{sign} {first.code}")
    if any(row.worst is Severity.NOTE for row in rows):
        said.append(f"{pen.glyphs.bullet} other findings")
    if any(row.layer.saturated for row in rows):
        said.append("sat. = share of saturated outputs")
    return ", ".join(said)


def _strips(pen: Pen, rows: Sequence[Row]) -> Iterator[Text]:
    for name in ("gradient", "update"):
        values = [getattr(row.layer, name) for row in rows]
        seen = [v for v in values if v is not None and isfinite(v)]
        if seen:
            picture = Text(f"    {name:9}") + strip(pen, values, _strip_width(pen))
            yield from pen.beside(picture, f"{number(min(seen), 2)} to {number(max(seen), 2)}")


def _reassurance(report: Report, pen: Pen, rows: Sequence[Row]) -> Iterator[Text]:
    """Give a healthy model its numbers on a few lines."""
    yield from _loss(report, pen)
    for name, unit in (("gradient", ""), ("update", " per step")):
        values = [getattr(row.layer, name) for row in rows]
        seen = [v for v in values if v is not None and isfinite(v)]
        if seen:
            picture = Text(f"   {name:9} ") + strip(pen, values, _strip_width(pen))
            words = f"{number(min(seen), 2)} to {number(max(seen), 2)}{unit}"
            yield from pen.beside(picture, f"{words} over {plural(len(seen), 'layer')}")
    for name, said in (("dead", "dead units"), ("saturated", "saturated outputs")):
        shares = [(s, row) for row in rows if (s := getattr(row.layer, name)) is not None]
        if shares:
            most, where = max(shares, key=lambda pair: pair[0])
            path = some_layers([where.layer.path])
            peak = f"{said}: at most {percent(most)}" + (f", in {path}" if most > 0 else "")
            yield from pen.paragraph(peak, 3)
    passed = f"{plural(len(report.passed), 'rule')} looked and found nothing"
    if report.skipped:
        passed += f", {len(report.skipped)} could not look"
    yield from pen.paragraph(passed + ".", 3)


def _listed(name: str, lines: Sequence[str], pen: Pen) -> Iterator[Text]:
    if lines:
        yield from pen.heading(name)
        for line in lines:
            yield from pen.bullet(line)


def _not_seen(report: Report, pen: Pen) -> Iterator[Text]:
    """Say what was not measured; of a healthy model the number of idle rules is said above."""
    skipped = () if report.verdict is Verdict.HEALTHY else report.skipped
    if not (report.gaps or report.crashed or skipped):
        return
    yield from pen.heading("Not measured")
    for gap in report.gaps:
        yield from pen.bullet(f"{gap.what}: {gap.reason}")
    reasons: dict[str, list[str]] = {}
    for skip in skipped:
        reasons.setdefault(skip.reason, []).append(f"{skip.code} {skip.name}")
    for reason, names in reasons.items():
        yield from pen.bullet(f"{', '.join(names)}: {reason}", style=FAINT)
    for crash in report.crashed:
        yield from pen.bullet(crash.said, style=BAD)


def _examination(report: Report, pen: Pen) -> Iterator[Text]:
    """Yield the checklist: what speaks against the training first."""
    answers = ordered(report.examination)
    if not answers:
        return
    yield from pen.heading(
        "What was tried",
        f"{pen.glyphs.sick} speaks against this training, {pen.glyphs.healthy} does not",
    )
    signs = {
        Outcome.FINE: pen.glyphs.healthy,
        Outcome.WRONG: pen.glyphs.sick,
        Outcome.NOTED: pen.glyphs.unsure,
    }
    for answer in answers:
        sign = ink(f"  {signs[answer.outcome]} ", ANSWERED[answer.outcome])
        yield from pen.hang(sign, pen.say(f"{answer.question} ") + pen.say(answer.said, FAINT))
    for line in unasked(report.examination):
        yield from pen.paragraph(f"not asked: {line}", 4, FAINT)
