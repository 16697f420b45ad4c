"""Where along the depth a gradient is lost: at slopes of nonlinearities or at weights.

Backwards through a layer, the variance of the gradient is multiplied by fan_out * Var[w] * E[slope^2]
(He et al. 2015, eq. 14). Its root is the product of a weight gain and a slope, which are read apart.
"""

from dataclasses import dataclass
from math import log10, sqrt

from gradcheck_cli.records.trace import Layer, Reading, Role, Trace
from gradcheck_cli.rules.profile import first, late, typical

BOUNDED = frozenset({"sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign"})
# For these the slope is below 1 for half of the inputs or everywhere by design; initialisation is
# expected to make up for it (He et al. 2015, eq. 10).
ONE_SIDED_SLOPE = sqrt(0.5)
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Link:
    """One hidden layer: the factor its nonlinearity and its weights put on the gradient."""

    layer: Layer
    nonlinearity: Layer | None
    slope: float  # rms slope beyond what initialisation is expected to make up for
    gain: float  # weight gain, 1 = keeps the variance
    at_start: bool = True


def links(trace: Trace, *, at_start: bool = True) -> list[Link]:
    """Return the hidden layers whose slope or weights were read, lowest first."""
    by_path = {x.path: x for x in trace.layers}
    steps = first(trace) if at_start else late(trace)
    found = []
    for layer in trace.layers:
        if layer.role is not Role.LINEAR or layer.depth is None or layer.fan_out is None:
            continue
        if layer.depth == 0 or layer.weight is None:
            continue
        std = layer.weight.std
        if not at_start:
            std = typical(steps, layer.path, _weight_rms) or std
        follower = by_path.get(layer.activated_by or "")
        slope = typical(steps, follower.path, lambda r: r.slope) if follower else 1.0
        bounded = layer.activation in BOUNDED or layer.activation is None
        expected = 1.0 if bounded else ONE_SIDED_SLOPE
        gain = std * sqrt(max(layer.fan_out, 1)) * (1.0 if bounded else ONE_SIDED_SLOPE)
        if layer.normalised:
            gain = 1.0
        relative = (slope if slope is not None else 1.0) / expected
        found.append(
            Link(layer, follower, max(relative, _SMALLEST), max(gain, _SMALLEST), at_start)
        )
    return sorted(found, key=lambda x: -(x.layer.depth or 0))


@dataclass(frozen=True, slots=True)
class Budget:
    """The decades lost on the way down, by culprit; negative numbers are losses."""

    links: tuple[Link, ...]
    slopes: float
    weights: float

    @property
    def share_of_slopes(self) -> float:
        """Share of the loss that happens at nonlinearities."""
        lost = max(-self.slopes, 0.0) + max(-self.weights, 0.0)
        return max(-self.slopes, 0.0) / lost if lost else 0.0

    @property
    def slope(self) -> float:
        """Geometric mean of the slopes."""
        return 10 ** (self.slopes / len(self.links)) if self.links else 1.0

    @property
    def gain(self) -> float:
        """Geometric mean of the weight gains."""
        return 10 ** (self.weights / len(self.links)) if self.links else 1.0


def budget(trace: Trace, *, at_start: bool = True) -> Budget:
    """Add up what nonlinearities and weights take from the gradient, in decades."""
    found = tuple(links(trace, at_start=at_start))
    return Budget(
        found,
        sum(log10(x.slope) for x in found),
        sum(log10(x.gain) for x in found),
    )


def _weight_rms(reading: Reading) -> float | None:
    return None if reading.weight is None else reading.weight.rms
