"""Line charts as numbers only: the template draws them, so nothing here can need escaping."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10

from gradcheck_cli.renderers.words import number

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 34
MOST_POINTS = 240
HUGE = 1e300  # beyond it, sums of two overflow; not finite either way for a picture
DOTS = 60  # up to here every point is a dot with its own tooltip


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: `values` over `places`; a gap where a value can not be drawn."""

    name: str
    css: str
    values: Sequence[float | None]
    places: Sequence[float] = ()
    notes: Sequence[str] = ()
    thin: bool = False  # one of several that a thicker line sums up


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve in pixels."""

    name: str
    css: str
    path: str
    dots: list[tuple[float, float, str]]
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template needs."""

    title: str
    said: str  # the picture in words
    x_label: str
    lines: list[Drawn] = field(default_factory=list)
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    band: tuple[float, float, str] | None = None  # y, height, label
    reference: tuple[float, str] | None = None  # y, label
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to pixels, on a log scale where asked."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel, one digit."""
        return self.pixel(log10(value) if self.log else value)

    def pixel(self, scaled: float) -> float:
        """Return the pixel of what already is a logarithm where the scale is one."""
        share = (scaled - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Return at most about `most` round values as pixel and label."""
        if self.log:
            low, high = ceil(self.low), floor(self.high)
            step = max(ceil((high - low) / most), 1)
            return [(self.pixel(e), _power(e)) for e in range(low, high + 1, step)]
        width = _round_step((self.high - self.low) / most)
        first = ceil(self.low / width - 1e-9)
        last = floor(self.high / width + 1e-9)
        return [(self.at(i * width), number(i * width)) for i in range(first, last + 1)]


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    log: bool = False,
    whole: bool = False,
    band: tuple[float, float, str] | None = None,
    reference: tuple[float, str] | None = None,
) -> Chart | None:
    """Return the chart of `lines`, or nothing when there is nothing to draw.

    `band` is (low, high, label); `reference` is (value, label) of a level line, left out where it
    cannot be drawn.
    """
    drawable = [v for line in lines for v in line.values if _drawable(v, log=log)]
    if not drawable:
        return None
    reference = reference if reference and _drawable(reference[0], log=log) else None
    drawable += [reference[0]] if reference else []
    if band and log:
        drawable += [v for v in band[:2] if v > 0]
    y_axis = _y_axis([float(v) for v in drawable if v is not None], log=log)
    places = [p for line in lines for p in _places(line)]
    x_axis = Axis(min(places), max(places), LEFT, WIDTH - RIGHT)
    x_ticks = [t for t in x_axis.ticks() if x_label and (not whole or "." not in t[1])]
    return Chart(
        title,
        said=_said(title, lines) + (f"; {reference[1]}" if reference else ""),
        x_label=x_label,
        lines=[_drawn(line, x_axis, y_axis, dotted=len(lines) == 1) for line in lines],
        x_ticks=x_ticks,
        y_ticks=y_axis.ticks(),
        band=_band(band, y_axis) if band else None,
        reference=(y_axis.at(reference[0]), reference[1]) if reference else None,
    )


def _drawable(value: float | None, *, log: bool) -> bool:
    return value is not None and abs(value) < HUGE and (value > 0 or not log)


def _places(line: Line) -> Sequence[float]:
    return line.places or range(len(line.values))


def _y_axis(values: Sequence[float], *, log: bool) -> Axis:
    bottom, top = HEIGHT - BOTTOM, TOP
    if log:
        high = log10(max(values))
        return Axis(min(log10(min(values)), high - 2) - 0.2, high + 0.2, bottom, top, log=True)
    low, high = min(values), max(values)
    if low >= 0:
        low = 0.0  # from zero, so that a stalled loss looks flat
    elif high > low:
        low -= 0.1 * (high - low)
    else:
        low, high = low - 1.0, high + 1.0
    return Axis(low, high + 0.05 * (high - low) or 1.0, bottom, top)


def _drawn(line: Line, x_axis: Axis, y_axis: Axis, *, dotted: bool) -> Drawn:
    """Return the path; the pen is lifted where a value is missing."""
    path, dots, down = [], [], False
    pairs = list(
        zip(_places(line), line.values, line.notes or [""] * len(line.values), strict=True)
    )
    stride = max(len(pairs) // MOST_POINTS, 1)
    for place, value, note in (*pairs[::stride], *(pairs[-1:] if stride > 1 else ())):
        if not _drawable(value, log=y_axis.log) or value is None:
            down = False
            continue
        x, y = x_axis.at(place), y_axis.at(value)
        path.append(f"{'L' if down else 'M'}{x:g} {y:g}")
        down = True
        if dotted and len(pairs) <= DOTS:
            dots.append((x, y, note or f"{line.name} {number(value)}"))
    return Drawn(line.name, line.css, "".join(path), dots, line.thin)


def _band(band: tuple[float, float, str], axis: Axis) -> tuple[float, float, str]:
    low, high = (log10(v) if axis.log and v > 0 else v for v in band[:2])
    top = axis.pixel(min(high, axis.high))
    bottom = axis.pixel(max(low, axis.low))
    return top, round(max(bottom - top, 0.0), 1), band[2]


def _said(title: str, lines: Sequence[Line]) -> str:
    """Return the ends of every curve in words, for those who do not see it."""
    parts = []
    for line in (x for x in lines if not x.thin):
        seen = [v for v in line.values if v is not None]
        if seen:
            parts.append(f"{line.name} from {number(seen[0])} to {number(seen[-1])}")
    return f"{title}: {'; '.join(parts)}"


def _power(exponent: int) -> str:
    return number(10.0**exponent) if -3 <= exponent <= 3 else f"1e{exponent}"


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below `step`."""
    if step <= 0 or not isfinite(step):
        return 1.0
    base = 10.0 ** floor(log10(step))
    return next(m * base for m in (1, 2, 5, 10) if m * base >= step * 0.999)
