"""What was tried: each question that was answered, on its own line."""

from collections.abc import Iterator

from rich.text import Text

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.examination import ordered, unasked
from gradcheck_cli.renderers.terminal.pen import BAD, FAINT, GOOD, WARN, Pen, ink

STYLE = {Outcome.FINE: GOOD, Outcome.WRONG: BAD, Outcome.NOTED: WARN}


def examination(report: Report, pen: Pen) -> Iterator[Text]:
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
        sign = ink(f"  {signs[answer.outcome]} ", STYLE[answer.outcome])
        yield from pen.hang(sign, pen.say(f"{answer.question} ") + pen.say(answer.said, FAINT))
    for line in unasked(report.examination):
        yield from pen.paragraph(f"not asked: {line}", 4, FAINT)
