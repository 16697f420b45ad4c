"""From the numbers of one step to one reading per layer."""

from dataclasses import dataclass
from math import isfinite, sqrt

from gradcheck_cli.probe.gauges import Fetched
from gradcheck_cli.records.moments import Moments
from gradcheck_cli.records.trace import Reading

EARLIEST = 8  # calls or time steps needed to compare early with late

Pairs = dict[tuple[str, str], list[float]]


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
    clip = _ratio(pairs.get(("", "clip")))
    whole = Whole(
        None if clip is None or not isfinite(clip) else sqrt(clip),
        pairs.get(("", "scale"), [1.0])[0],
        bool(pairs.get(("", "infinite"), [0.0])[0]),
    )
    readings = {p: _reading(p, sums, pairs, by_call.get(p, {})) for p in paths if p}
    return readings, whole


def _ratio(pair: list[float] | None) -> float | None:
    return pair[0] / pair[1] if pair and pair[1] else None


def _root(ratio: float | None) -> float | None:
    return None if ratio is None else sqrt(ratio)


def _reading(
    path: str,
    sums: dict[tuple[str, str], Moments],
    pairs: Pairs,
    by_call: dict[int, float],
) -> Reading:
    def pair(what: str) -> list[float] | None:
        return pairs.get((path, what))

    def share(what: str) -> float | None:
        return _ratio(pair(what))

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
        slope=_root(share("slope")),
        lost=share("lost"),
        agreement=_cosine(pair("agreement")),
        second_moment=second[0] / second[2] if second else None,
        epsilon=second[1] / second[2] if second else None,
        early_over_late=_early_over_late(pair("through_time"), by_call),
        entropy=share("entropy"),
        traveled=_root(share("traveled")),
    )


def _cosine(sums: list[float] | None) -> float | None:
    """From a product and two sums of squares, over all matrices of a layer."""
    if sums is None or not sums[1] or not sums[2]:
        return None
    return sums[0] / sqrt(sums[1]) / sqrt(sums[2])


def _early_over_late(through_time: list[float] | None, by_call: dict[int, float]) -> float | None:
    """Root mean square gradient at the first quarter of time steps, relative to the last quarter."""
    if through_time is not None:
        return _root(_ratio(through_time))
    if len(by_call) < EARLIEST:
        return None
    squares = [by_call[k] for k in sorted(by_call)]
    quarter = len(squares) // 4
    return _root(_ratio([sum(squares[:quarter]), sum(squares[-quarter:])]))
