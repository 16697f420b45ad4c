"""Does a loss that stands still look as if it will fall?"""

from math import isfinite, sqrt
from statistics import mean, median, stdev

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.features.profile import first, late, typical, update_ratio
from gradcheck_cli.features.progress import FALLING, FEWEST, mann_kendall
from gradcheck_cli.records.trace import Reading, Trace


@once_per_trace
def promising(trace: Trace, *, recovery: float = 3.0) -> bool:
    """Does a loss that stands still look as if it will fall? Nothing can be said for sure then.

    Features part: the share of outputs that depends on the sample grows `recovery` times. Or the last
    outputs depend more and more on the sample: where the labels hold nothing, the loss is least for a
    constant, and training takes that dependence away. Or weights move at a usual pace along gradients
    that agree from batch to batch beyond chance.
    """
    if mann_kendall(trace.losses[len(trace.losses) // 3 :]) > -FALLING:
        return False
    layers = trace.weight_layers
    grown = [
        after / before
        for x in layers
        if (before := typical(first(trace), x.path, _spread))
        and (after := typical(late(trace), x.path, _spread)) is not None
    ]
    if grown and median(grown) > recovery:
        return True
    if parting(trace) > -FALLING:
        return True
    moves = [u for x in layers if (u := typical(late(trace), x.path, update_ratio)) is not None]
    scores = [z for x in layers if (z := _coherence(trace, x.path)) is not None]
    if not moves or not scores:
        return False
    return median(moves) > 1e-3 and median(scores) > -FALLING


@once_per_trace
def parting(trace: Trace) -> float:
    """Return the trend (z of Mann-Kendall) of what in the last outputs depends on the sample, rms.

    Of several last layers that of the least counts. What happened in the first third of the run does
    not: outputs that came apart by chance, and part no more, promise nothing.
    """
    known = [x for x in trace.weight_layers if x.depth is not None]
    least = min((x.depth or 0 for x in known), default=0)
    scores = [
        mann_kendall(values)
        for x in known
        if x.depth == least and len(values := _dependence(trace, x.path)) >= FEWEST
    ]
    return min(scores, default=0.0)


def _dependence(trace: Trace, path: str) -> list[float]:
    late = trace.taken // 3  # as with the trend of the loss, its first third does not count
    readings = (s.readings.get(path) for s in trace.observed if s.index >= late)
    return [
        sqrt(r.spread) * r.output.rms
        for r in readings
        if r is not None and r.output is not None and r.spread is not None and isfinite(r.spread)
    ]


def _coherence(trace: Trace, path: str) -> float | None:
    """Return by how many standard errors a layer's gradients agree from batch to batch, late in the run.

    Cosines of independent noise have mean 0 and are uncorrelated, whatever its dimension is.
    """
    cosines = [
        cosine
        for step in late(trace)
        if (reading := step.readings.get(path)) is not None
        and (cosine := reading.agreement) is not None
        and isfinite(cosine)
    ]
    if len(cosines) < 4:
        return None
    error = max(stdev(cosines), 1e-3) / sqrt(len(cosines))
    return mean(cosines) / error


def _spread(reading: Reading) -> float | None:
    return reading.spread
