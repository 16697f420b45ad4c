"""One reading of a tensor: sums that add up across shards, ranks, micro-batches and steps."""

from dataclasses import dataclass
from math import inf, sqrt


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
