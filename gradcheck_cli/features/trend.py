"""Does a series of numbers fall, and how large is its noise?"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import isnan, sqrt
from statistics import median


def mann_kendall(values: Sequence[float]) -> float:
    """Return the z score of the Mann-Kendall trend test (Mann 1945): negative when values fall.

    Ties count as neither. What is no number is left out.
    """
    known = [x for x in values if not isnan(x)]
    n = len(known)
    if n < 4:
        return 0.0
    ties = sum(k * (k - 1) // 2 for k in Counter(known).values())
    score = n * (n - 1) // 2 - ties - 2 * _falls(known)[1]
    spread = sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return (score - (score > 0) + (score < 0)) / spread


def _falls(values: list[float]) -> tuple[list[float], int]:
    """Return the values sorted, and how many pairs of them fall, by merge sort (Knight 1966)."""
    n = len(values)
    if n < 2:
        return values, 0
    left, in_left = _falls(values[: n // 2])
    right, in_right = _falls(values[n // 2 :])
    across, i = 0, 0
    for x in right:
        while i < len(left) and left[i] <= x:
            i += 1
        across += len(left) - i
    return sorted(left + right), in_left + in_right + across


def noise_of(values: list[float]) -> float:
    """Return the standard deviation around a slow trend, from the median absolute first difference."""
    steps = [abs(b - a) for a, b in pairwise(values)]
    return 1.4826 * median(steps) / sqrt(2) if steps else 0.0
