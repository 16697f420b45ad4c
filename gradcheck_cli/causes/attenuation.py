"""Where along the depth a gradient is lost: at slopes of nonlinearities or at weights.

Backwards through a layer, the variance of the gradient is multiplied by fan_out * Var[w] * E[slope^2]
(He et al. 2015, eq. 14). Its root is the product of a weight gain and a slope, which are read apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, log10, sqrt
from statistics import mean

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.features.profile import arriving_norm, begun, first, late, typical
from gradcheck_cli.ops import BOUNDED, SOFTMAXES
from gradcheck_cli.records.trace import Layer, Reading, Role, Trace

# For these the slope is below 1 for half of the inputs or everywhere by design; initialization is
# expected to make up for it (He et al. 2015, eq. 10).
ONE_SIDED_SLOPE = sqrt(0.5)
SMALLEST = 1e-12
HANDED_ON = 0.1  # of what depends on the sample, by a softmax that has chosen


@dataclass(frozen=True, slots=True)
class Link:
    """One hidden layer: the factor its nonlinearity and its weights put on the gradient."""

    layer: Layer
    nonlinearity: Layer | None
    slope: float  # rms slope beyond what initialization is expected to make up for
    gain: float  # weight gain, 1 = keeps the variance
    at_start: bool = True


def links(trace: Trace, *, at_start: bool = True) -> list[Link]:
    """Return the hidden layers whose slope or weights were read, lowest first."""
    by_path = {x.path: x for x in trace.layers}
    steps = begun(trace) if at_start else late(trace)
    found = []
    for layer in trace.layers:
        if layer.role is not Role.LINEAR or layer.depth is None or layer.fan_out is None:
            continue
        if layer.depth == 0 or layer.weight is None or layer.weight.rows_identical:
            continue  # what is said about variances holds of weights that were drawn at random
        std = layer.weight.std
        if not at_start:
            std = typical(steps, layer.path, _weight_rms) or std
        follower = by_path.get(layer.activated_by or "")
        slope = typical(steps, follower.path, lambda r: r.slope) if follower else 1.0
        bounded = layer.activation in BOUNDED or layer.activation is None
        expected = 1.0 if bounded else ONE_SIDED_SLOPE
        gain = std * sqrt(max(layer.fan_out, 1)) * (1.0 if bounded else ONE_SIDED_SLOPE)
        if layer.normalized:
            gain = 1.0
        relative = (slope if slope is not None else 1.0) / expected
        found.append(Link(layer, follower, max(relative, SMALLEST), max(gain, SMALLEST), at_start))
    return sorted(found, key=lambda x: -(x.layer.depth or 0))


@dataclass(frozen=True, slots=True)
class Budget:
    """The decades lost on the way down, by culprit; negative numbers are losses."""

    links: tuple[Link, ...]
    slopes: float
    weights: float
    floors: int  # how many links stand one above the other

    @property
    def share_of_slopes(self) -> float:
        """Share of the loss that happens at nonlinearities."""
        lost = max(-self.slopes, 0.0) + max(-self.weights, 0.0)
        return max(-self.slopes, 0.0) / lost if lost else 0.0

    def share_at(self, some: Iterable[Link]) -> float:
        """Return the share of the loss at the nonlinearities of some links; less of less than 2 decades."""
        lost = max(-self.slopes, 0.0) + max(-self.weights, 0.0)
        here = -sum(mean(log10(x.slope) for x in floor) for floor in _floors(some))
        return min(max(here, 0.0) / max(lost, 2.0), 1.0)

    @property
    def slope(self) -> float:
        """Geometric mean of the slopes."""
        return 10 ** (self.slopes / self.floors) if self.floors else 1.0

    @property
    def gain(self) -> float:
        """Geometric mean of the weight gains."""
        return 10 ** (self.weights / self.floors) if self.floors else 1.0


@once_per_trace
def budget(trace: Trace, *, at_start: bool = True) -> Budget:
    """Add up what nonlinearities and weights take from the gradient, in decades."""
    found = tuple(links(trace, at_start=at_start))
    floors = [_side_by_side(floor) for floor in _floors(found)]
    slopes, weights = sum(s for s, _ in floors), sum(w for _, w in floors)
    return Budget(found, slopes, weights, len(floors))


def _floors(found: Iterable[Link]) -> list[list[Link]]:
    """Sort links by their depth."""
    by_depth: dict[int, list[Link]] = {}
    for link in found:
        by_depth.setdefault(link.layer.depth or 0, []).append(link)
    return list(by_depth.values())


def _side_by_side(floor: list[Link]) -> tuple[float, float]:
    """Return the decades that slopes and weights of one depth add.

    Gradients of layers that read the same add up, and so do their variances; layers of separate
    towers are averaged.
    """
    by_source: dict[tuple[str, ...], list[Link]] = {}
    for link in floor:
        by_source.setdefault(link.layer.reads, []).append(link)
    sides = []
    for side in by_source.values():
        gain = hypot(*(x.gain for x in side))
        sides.append((log10(hypot(*(x.gain * x.slope for x in side)) / gain), log10(gain)))
    return mean(s for s, _ in sides), mean(w for _, w in sides)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What a hidden softmax does to the gradient and to the features, in the first steps."""

    softmax: Layer
    lost: float  # decades of gradient between the weight layers above and below it
    kept: float  # share of the output that depends on the sample, above it over below it


def sharp(found: list[Crossing]) -> list[Crossing]:
    """Return the softmaxes that lose the gradient, if all of these keep the features: they have chosen.

    A softmax near uniform shrinks what goes up and what comes down by the same Jacobian; one that has
    chosen hands on its choice, and its Jacobian is 0.
    """
    losing = [x for x in found if x.lost > 1]
    return losing if all(x.kept > HANDED_ON for x in losing) else []


def crossings(trace: Trace) -> list[Crossing]:
    """Return the softmaxes between weight layers, with what is lost at each."""
    steps = first(trace)
    once = [x for x in trace.weight_layers if x.calls == 1 and x.depth is not None]
    found = []
    for layer in trace.layers:
        if layer.kind.lower() not in SOFTMAXES or not _on_the_way(trace, layer):
            continue
        at = layer.depth or 0
        below = min((x for x in once if (x.depth or 0) >= at), key=_depth, default=None)
        above = max((x for x in once if (x.depth or 0) < at), key=_depth, default=None)
        if below is None or above is None:
            continue
        ends = [typical(steps, x.path, arriving_norm) or 0.0 for x in (above, below)]
        spreads = [typical(steps, x.path, lambda r: r.spread) or 0.0 for x in (above, below)]
        lost = log10(max(ends[0], SMALLEST**2) / max(ends[1], SMALLEST**2))
        found.append(Crossing(layer, max(lost, 0.0), spreads[0] / (spreads[1] or 1.0)))
    return found


def _on_the_way(trace: Trace, softmax: Layer) -> bool:
    """Do features go through this softmax? Those of attention weigh what comes another way."""
    if not softmax.reads:
        return False  # nothing learned goes in
    alone = any(x.reads == (softmax.path,) for x in trace.weight_layers)
    return softmax.role is Role.ACTIVATION or alone


def lost_over_time(trace: Trace) -> float:
    """Return the decades of gradient between the last and the first time steps, in the first steps."""
    ratios = [
        ratio
        for x in trace.weight_layers
        if (ratio := typical(first(trace), x.path, lambda r: r.early_over_late)) is not None
    ]
    worst = min(ratios, default=1.0)
    return -log10(max(worst, SMALLEST**2)) if worst < 1 else 0.0


def _depth(layer: Layer) -> int:
    return layer.depth or 0


def _weight_rms(reading: Reading) -> float | None:
    return None if reading.weight is None else reading.weight.rms
