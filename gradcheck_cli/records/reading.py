"""What one layer showed in one step, in sums that add up. Each quantity is declared here, once.

A gauge of the probe notes sums under a quantity's name. The declaration says the rest: how the sums
become its value, how the values of several ranks become one, and whether the report draws it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, sqrt
from typing import Annotated, get_type_hints


@dataclass(frozen=True, slots=True)
class Moments:
    """Six sums over the elements of a tensor; all but the first two see finite elements only."""

    count: int = 0
    nonfinite: int = 0
    zeros: int = 0
    total: float = 0.0
    square: float = 0.0
    peak: float = 0.0

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.nonfinite + other.nonfinite,
            self.zeros + other.zeros,
            self.total + other.total,
            self.square + other.square,
            max(self.peak, other.peak),
        )

    @property
    def finite(self) -> int:
        """Number of finite elements."""
        return self.count - self.nonfinite

    @property
    def mean(self) -> float:
        """Mean of the finite elements, 0 when there are none."""
        return self.total / self.finite if self.finite else 0.0

    @property
    def rms(self) -> float:
        """Root mean square of the finite elements, 0 when there are none."""
        return sqrt(self.square / self.finite) if self.finite else 0.0

    @property
    def norm(self) -> float:
        """Euclidean norm; infinite when an element is not finite."""
        return inf if self.nonfinite else sqrt(self.square)

    @property
    def std(self) -> float:
        """Standard deviation of the finite elements (divided by their number)."""
        return sqrt(max(self.rms**2 - self.mean**2, 0.0))

    @property
    def zero_share(self) -> float:
        """Share of elements that are exactly zero."""
        return self.zeros / self.count if self.count else 0.0


class Of(Enum):
    """What a quantity belongs to, which says how the ranks of a training are put together."""

    WEIGHTS = "weights"  # equal on all replicas; the parts of a sharded layer are put together
    BATCH = "batch"  # each rank saw samples of its own


@dataclass(frozen=True, slots=True)
class Curve:
    """How the page draws a quantity over layers and steps."""

    label: str
    about: str
    log: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a quantity comes about.

    `value` makes it of the sums that `Ledger.add` noted under its name, added up over a layer and a
    step; without, it is the sums of a whole tensor, noted by `Ledger.read`. With a `curve` it is drawn.
    """

    of: Of
    value: Callable[[Sequence[float]], float | None] | None = None
    curve: Curve | None = None


def ratio(sums: Sequence[float]) -> float | None:
    """Return a / b of [a, b]; None where b is 0."""
    return sums[0] / sums[1] if sums[1] else None


def root(sums: Sequence[float]) -> float | None:
    """Return sqrt(a / b) of two sums of squares; None where the second is 0."""
    return sqrt(sums[0] / sums[1]) if sums[1] else None


def cosine(sums: Sequence[float]) -> float | None:
    """Return a / sqrt(b c) of a product and two sums of squares; None where either is 0."""
    return sums[0] / sqrt(sums[1]) / sqrt(sums[2]) if sums[1] and sums[2] else None


OfWeights = Annotated[Moments | None, Quantity(Of.WEIGHTS)]
OfBatch = Annotated[Moments | None, Quantity(Of.BATCH)]
RatioOfBatch = Annotated[float | None, Quantity(Of.BATCH, ratio)]
RatioOfWeights = Annotated[float | None, Quantity(Of.WEIGHTS, ratio)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one layer showed in one step. Absent values were not measured.

    `spread` is the share of the output's mean square that differs between samples
    (sum over units of the variance across the batch / sum of the mean square), in 0..1.
    """

    weight: OfWeights = None  # parameters that are matrices, kernels, tables; after the step
    weight_grad: OfWeights = None  # as the optimizer saw it: unscaled, clipped
    bias_grad: OfWeights = None  # the other parameters
    update: OfWeights = None  # true change of the weights in this step
    output: OfBatch = None
    output_grad: OfBatch = None  # dL/d(output), summed over calls
    spread: RatioOfBatch = None
    dead: Annotated[
        float | None,
        Quantity(
            Of.BATCH, ratio, Curve("Dead", "share of units that were zero on every sample so far")
        ),
    ] = None  # share of units that were zero on all samples of the last inspections
    saturated: Annotated[
        float | None,
        Quantity(
            Of.BATCH, ratio, Curve("Saturated", "share of outputs where the activation is flat")
        ),
    ] = None  # share of outputs in the flat region of the activation
    stuck: RatioOfBatch = None  # share of units in the flat region on all those samples
    # of a nonlinearity: rms of its derivative where it was evaluated
    slope: Annotated[float | None, Quantity(Of.BATCH, root)] = None
    lost: RatioOfWeights = None  # share of weights that had a gradient and did not move
    # cosine between this gradient and the previous observed one
    agreement: Annotated[float | None, Quantity(Of.WEIGHTS, cosine)] = None
    # rms gradient at the first quarter of calls / at the last
    early_over_late: Annotated[float | None, Quantity(Of.BATCH, root)] = None
    entropy: RatioOfBatch = None  # of attention rows, relative to uniform: 0 = one position
    # norm(w - w at the start) / norm(w at the start)
    traveled: Annotated[float | None, Quantity(Of.WEIGHTS, root)] = None


QUANTITIES: dict[str, Quantity] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Reading, include_extras=True).items()
}
