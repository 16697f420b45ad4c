"""Numbers, names and lists of layers in words; shared by all formats."""

import unicodedata
from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from typing import TYPE_CHECKING

from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.report import LossCurve, Verdict

if TYPE_CHECKING:
    from gradcheck_cli.records.report import Report, RunFacts
    from gradcheck_cli.records.trace import SourceSite

ARMS = {"sham": "re-initialized"}  # what a person reads; files keep the short names
# What a person reads; files keep the short values.
VERDICTS = {
    Verdict.SICK: "problems found",
    Verdict.HEALTHY: "healthy",
    Verdict.UNSURE: "inconclusive",
}


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` as a person writes it: 0.012, 3.1e-7, 45000; `-` when it was not measured."""
    if value is None:
        return "-"
    if isnan(value):
        return "nan"
    if not isfinite(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        plain = f"{value:.{digits}g}"
        return f"{value:.0f}" if "e" in plain else plain
    mantissa, e, exponent = f"{value:.{max(digits - 1, 1)}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else f"{value:.{digits}g}"


def percent(share: float | None) -> str:
    """Return a share as a percentage; small ones keep a digit."""
    if share is None:
        return "-"
    if not isfinite(share):
        return "nan"
    return f"{100 * share:.1f}%" if 0 < abs(share) < 0.0095 else f"{100 * share:.0f}%"


def quantity(value: float | None, unit: str) -> str:
    """Return a number with its unit as a person reads it: `-1.8%`, `5.3e-9 of its norm`."""
    if value is None:
        return "-"
    if unit in {"share", "%"}:
        share = value if unit == "share" else value / 100
        if not isfinite(share) or 0 < abs(share) < 1e-6:
            return number(share)
        return _percentage(100 * share)
    return f"{number(value)} {unit}" if unit else number(value)


def _percentage(value: float) -> str:
    """Return a percentage with a digit behind the point, where that digit tells something."""
    if 0 < abs(value) < 0.05:
        return f"{number(value)}%"
    return f"{value:.0f}%" if abs(value) >= 99.5 or value == round(value) else f"{value:.1f}%"


def mean(values: Sequence[float]) -> float:
    """Return the mean; unlike `statistics.fmean` it makes NaN of infinities that cancel."""
    return sum(values) / len(values)


def loss_curves(report: "Report") -> list[LossCurve]:
    """Return the losses to draw: one without a name, or those of all trainings beside each other."""
    if report.history.beside:
        return list(report.history.beside)
    return [LossCurve(words=loss_words(report), losses=report.history.losses)]


def loss_words(report: "Report") -> str:
    """Return the loss in numbers: those that the verdict rests on, else the first and the last."""
    losses = report.history.losses
    if report.loss.words or not losses:
        return report.loss.words
    return f"{number(losses[0])} to {number(losses[-1])}"


def plural(count: int, noun: str) -> str:
    """Return `3 layers` or `1 layer`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clean(text: str) -> str:
    """Return `text` with everything that steers a terminal or hides text made visible.

    Names of layers, files and exceptions come from others: an escape sequence or a right-to-left
    mark in them must be seen, not obeyed. Line breaks and tabs become spaces.
    """
    return text.translate({ord(char): _visible(char) for char in set(text)})


def clean_lines(text: str) -> list[str]:
    """Return the cleaned lines of a text of several lines."""
    return [clean(line.expandtabs(4)) for line in text.splitlines()]


def _visible(char: str) -> str:
    if char in "\n\r\t":
        return " "
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
    return char


def shorten(text: str, width: int, mark: str = "…") -> str:
    """Return `text` in at most `width` characters; what is left out is left out of the middle."""
    if len(text) <= width:
        return text
    keep = max(width - len(mark), 1)
    tail = (keep + 1) // 2
    return text[: keep - tail] + mark + text[len(text) - tail :]


def some_layers(paths: Sequence[str], show: int = 3) -> str:
    """Return a short list: all names when few, else the first, the last and how many."""
    names = [shorten(clean(path), 60) for path in paths]
    if len(names) <= show:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]} ({len(names)} layers)"


def place(site: "SourceSite | None") -> str:
    """Return `file.py:24`, or nothing."""
    return clean(str(site)) if site else ""


def title(report: "Report") -> tuple[str, str]:
    """Return what was examined and how, a line each."""
    run = report.run
    parts = []
    if run.parameters:
        parts.append(f"{run.parameters:,} parameters")
    if run.steps:
        parts.append(plural(run.steps, "step"))
    parts.append(f"seed {run.seed}")
    if run.device:
        parts.append(run.device)
    return clean(run.model or "a model"), clean(" · ".join(parts))


def partial(run: "RunFacts") -> str:
    """Return the sentence that says that the run ended before its steps were taken, nothing where not."""
    if not (run.interrupted or run.stopped):
        return ""
    word = "Interrupted" if run.interrupted else "Stopped"
    return f"{word} after {plural(run.steps, 'step')}: what follows is partial."


MARKS = {
    Outcome.FINE: "fine",
    Outcome.WRONG: "wrong",
    Outcome.NOTED: "noted",
    Outcome.SKIPPED: "not asked",
}
_ORDER = (Outcome.WRONG, Outcome.NOTED, Outcome.FINE)


def ordered(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Return what was answered, what speaks against the training first."""
    told = [a for a in answers if a.outcome in _ORDER]
    return tuple(sorted(told, key=lambda a: _ORDER.index(a.outcome)))


def unasked(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield why questions were not asked, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        if answer.outcome is Outcome.SKIPPED:
            reasons.setdefault(answer.reason, []).append(answer.name)
    yield from (f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
