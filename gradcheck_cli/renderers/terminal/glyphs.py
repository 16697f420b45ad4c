"""The signs a terminal can show, and small pictures made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log10


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs."""

    sick: str
    healthy: str
    unsure: str
    bullet: str
    ellipsis: str
    rule: str
    gutter: str
    full: str  # one cell of a bar
    partial: str  # the last cell of a bar, from thin to thick
    levels: str  # a value as a height or a density, from low to high


UNICODE = Glyphs("✗", "✓", "?", "·", "…", "─", "│", "█", "▏▎▍▌▋▊▉", "▁▂▃▄▅▆▇█")
ASCII = Glyphs("x", "+", "?", "-", "...", "-", "|", "#", "", ".:-=+*#@")

SPELLED = str.maketrans(
    {
        "·": "-",
        "…": "...",
        "→": "->",
        "←": "<-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "—": "-",
        "≤": "<=",
        "≥": ">=",
        "±": "+-",
        "\N{GREEK SMALL LETTER SIGMA}": "sigma",
        "∞": "inf",
        "“": '"',
        "”": '"',
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "²": "^2",
        "√": "sqrt",
    }
)


def spell(text: str) -> str:
    """Return `text` in ASCII, for terminals that know nothing else."""
    return text.translate(SPELLED).encode("ascii", "replace").decode()


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale that spans at least `decades`, so that small differences look small."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float | None], decades: float = 4.0) -> "Scale":
        """Return the scale that holds all positive finite values."""
        logs = [log10(v) for v in values if v is not None and isfinite(v) and v > 0]
        high = max(logs, default=0.0)
        return cls(min(min(logs, default=0.0) - 0.3, high - decades), high)

    def share(self, value: float | None) -> float | None:
        """Return 0..1, or nothing for what has no logarithm."""
        if value is None or not isfinite(value) or value <= 0:
            return None
        return min(max((log10(value) - self.low) / (self.high - self.low), 0.0), 1.0)


def bar(share: float | None, width: int, glyphs: Glyphs) -> str:
    """Return a bar of at most `width` cells; anything above nothing shows at least a trace."""
    if share is None:
        return ""
    if not glyphs.partial:
        return glyphs.full * max(round(share * width), 1)
    eighths = max(round(share * width * 8), 1)
    whole, rest = divmod(eighths, 8)
    return glyphs.full * whole + (glyphs.partial[rest - 1] if rest else "")


def spark(values: Sequence[float], width: int, glyphs: Glyphs, span: tuple[float, float]) -> str:
    """Return a curve as heights within `span`; `!` marks what is not finite."""
    low, high = span
    steps = len(glyphs.levels) - 1
    out = []
    for value in sampled(values, width):
        if not isfinite(value):
            out.append("!")
        else:
            share = (value - low) / (high - low) if high > low else 0.5
            out.append(glyphs.levels[round(min(max(share, 0.0), 1.0) * steps)])
    return "".join(out)


def sampled(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values, means of neighbors; the first and last bins keep the ends."""
    if len(values) <= width:
        return list(values)
    edges = [round(i * len(values) / width) for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges) if b > a]


def span_of(*curves: Sequence[float]) -> tuple[float, float]:
    """Return the range of all curves, at least half of the peak: a stalled loss must look flat."""
    finite = [v for curve in curves for v in curve if isfinite(v)]
    high = max(finite, default=1.0)
    return (min(min(finite, default=0.0), high - abs(high) / 2), high)
