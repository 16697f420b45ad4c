"""From the numbers of one step to one reading per layer."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from gradcheck_cli.probe.gauges import Fetched
from gradcheck_cli.records.reading import QUANTITIES, Moments, Reading, root

EARLIEST = 8  # calls or time steps needed to compare early with late

Pairs = dict[tuple[str, str], list[float]]
_VALUES = tuple((name, q.value) for name, q in QUANTITIES.items())


@dataclass(frozen=True, slots=True)
class Whole:
    """What was read of the step as a whole."""

    clip: float | None = None  # norm of the gradients as used / as they arrived
    loss_scale: float = 1.0
    found_infinite: bool = False  # by the gradient scaler


UNREAD = Whole()


def assemble(fetched: Fetched) -> tuple[dict[str, Reading], Whole]:
    """Return the readings by layer path, and those of the step as a whole."""
    sums: dict[tuple[str, str], Moments] = {}
    by_call: dict[str, dict[int, float]] = {}
    for key, got in fetched.moments:
        path, what = str(key[0]), str(key[1])
        if len(key) > 2 and isinstance(key[2], int):
            by_call.setdefault(path, {})[key[2]] = got.rms**2
        earlier = sums.get((path, what))
        sums[path, what] = got if earlier is None else earlier + got
    pairs: Pairs = {}
    for key, numbers in fetched.numbers:
        name = (str(key[0]), str(key[-1]))
        known = pairs.setdefault(name, [0.0] * len(numbers))
        pairs[name] = [a + b for a, b in zip(known, numbers, strict=True)]
    paths = dict.fromkeys([p for p, _ in sums] + [p for p, _ in pairs])
    clip = root(pairs.get(("", "clip"), [0.0, 0.0]))
    whole = Whole(
        None if clip is None or not isfinite(clip) else clip,
        pairs.get(("", "scale"), [1.0])[0],
        bool(pairs.get(("", "infinite"), [0.0])[0]),
    )
    readings = {p: _reading(p, sums, pairs, by_call.get(p, {})) for p in paths if p}
    return readings, whole


def _reading(
    path: str,
    sums: dict[tuple[str, str], Moments],
    pairs: Pairs,
    by_call: dict[int, float],
) -> Reading:
    values: dict[str, Any] = {}
    for name, value in _VALUES:
        if value is None:
            values[name] = sums.get((path, name))
        elif (noted := pairs.get((path, name))) is not None:
            values[name] = value(noted)
    if "early_over_late" not in values and len(by_call) >= EARLIEST:
        values["early_over_late"] = _early_over_late(by_call)
    return Reading(**values)


def _early_over_late(by_call: dict[int, float]) -> float | None:
    """Root mean square gradient at the first quarter of calls, relative to the last quarter."""
    squares = [by_call[k] for k in sorted(by_call)]
    quarter = len(squares) // 4
    return root([sum(squares[:quarter]), sum(squares[-quarter:])])
