"""From the numbers of one step to one reading per layer."""

from math import sqrt
from typing import Any

from gradcheck_cli.probe.gauges import moments
from gradcheck_cli.records.moments import Moments
from gradcheck_cli.records.trace import Reading

EARLIEST = 8  # calls or time steps needed to compare early with late
_SUMS = frozenset({"weight", "weight_grad", "bias_grad", "update", "output", "output_grad"})


def assemble(
    fetched: list[tuple[Any, list[float], int, int]],
) -> tuple[dict[str, Reading], float | None]:
    """Return the readings by layer path, and the clip factor where gradients were clipped."""
    sums: dict[tuple[str, str], Moments] = {}
    pairs: dict[tuple[str, str], list[float]] = {}
    by_call: dict[str, dict[int, float]] = {}
    for key, numbers, read, count in fetched:
        path, what = key[0], key[1]
        if what == "call_grad":
            got = moments(numbers, read, count)
            by_call.setdefault(path, {})[key[2]] = got.rms**2
        elif what in _SUMS:
            sums[path, what] = sums.get((path, what), Moments()) + moments(numbers, read, count)
        else:
            known = pairs.setdefault((path, what), [0.0] * len(numbers))
            pairs[path, what] = [a + b for a, b in zip(known, numbers, strict=True)]
    paths = dict.fromkeys([p for p, _ in sums] + [p for p, _ in pairs])
    clip = _ratio(pairs.get(("", "clip")))
    readings = {p: _reading(p, sums, pairs, by_call.get(p, {})) for p in paths if p}
    return readings, None if clip is None else sqrt(clip)


def _ratio(pair: list[float] | None) -> float | None:
    return pair[0] / pair[1] if pair and pair[1] else None


def _reading(
    path: str,
    sums: dict[tuple[str, str], Moments],
    pairs: dict[tuple[str, str], list[float]],
    by_call: dict[int, float],
) -> Reading:
    def pair(what: str) -> list[float] | None:
        return pairs.get((path, what))

    def share(what: str) -> float | None:
        return _ratio(pair(what))

    travelled = share("travelled")
    slope = share("slope")
    second = pair("second")
    return Reading(
        weight=sums.get((path, "weight")),
        weight_grad=sums.get((path, "weight_grad")),
        bias_grad=sums.get((path, "bias_grad")),
        update=sums.get((path, "update")),
        output=sums.get((path, "output")),
        output_grad=sums.get((path, "output_grad")),
        spread=share("spread"),
        dead=share("dead"),
        saturated=share("saturated"),
        stuck=share("stuck"),
        slope=None if slope is None else sqrt(slope),
        lost=share("lost"),
        agreement=share("agreement"),
        second_moment=second[0] if second else None,
        epsilon=second[1] if second else None,
        early_over_late=_early_over_late(pair("through_time"), by_call),
        entropy=share("entropy"),
        travelled=None if travelled is None else sqrt(travelled),
    )


def _early_over_late(through_time: list[float] | None, by_call: dict[int, float]) -> float | None:
    """Root mean square gradient at the first quarter of time steps, relative to the last quarter."""
    if through_time is not None:
        ratio = _ratio(through_time)
    elif len(by_call) >= EARLIEST:
        squares = [by_call[k] for k in sorted(by_call)]
        quarter = len(squares) // 4
        ratio = _ratio([sum(squares[:quarter]), sum(squares[-quarter:])])
    else:
        return None
    return None if ratio is None else sqrt(ratio)
