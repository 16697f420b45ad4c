"""What the measured evidence says of a finding on a case: the other half of every score.

A case has one label, and a sick network often has several true symptoms: a loss that stalls
because the gradient vanishes is stalled. Raising such a second symptom is not a false alarm where
it was measured: the case's own evidence (float64 gradients along the training, in both seeds; see
`benchmarks/label.py`) must show its sign. On a healthy case every finding is a false alarm.

    vanishing-gradient      the clause of the label itself: persistent, worse than cured, recovers
    stalled-loss            did not learn; or the observed loss ends above 0.95 of its beginning
    exploding-gradient      the signal is 100 times stronger below than above, or early than late,
                            at some moment
    poor-initialization     units begin alike, or the signal is weak or strong by two decades at
                            step 0 along one of the four paths
    update-too-small        the median or the lowest quarter of the matrices moved by less than
                            0.2 % in 50 steps, or half of the updates were lost to rounding
    diverging-loss          the loss ends above twice its beginning, or is not finite, or does so in
                            the observed steps
    dying-relu, saturated-activation, zero-gradient, disconnected-parameter, not-in-optimizer,
    update-too-large, precision-underflow, non-finite: their sign in `benchmarks/label.py`
    dying-relu and saturated-activation were measured at modules (ReLU; Sigmoid and Tanh) only:
    where a network has none, nothing was measured. zero-gradient: also where half of the gradients
    are 0 in the network's own precision and not in float64
    mismatched-loss, degenerate-data, frozen-parameter: what is planted says so
    others                  nothing was measured about them; counted on healthy cases only
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from benchmarks.cases import Case
from benchmarks.label import LIMITS, SIGNS, attenuated, diverged, learned, recovers, worse

VANISHING = "vanishing-gradient"
PLANTED = {
    "mismatched-loss": {"double-softmax", "wrong-output-activation", "target-shape-broadcast"},
    "degenerate-data": {"degenerate-data", "unnormalized-input"},
    "frozen-parameter": {"frozen-parameters"},
}


def vanished(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether the clause of the label `vanishing` holds, whatever else was planted."""
    if not runs.get("cure"):
        return False
    pairs = list(zip(runs["sick"], runs["cure"], strict=True))
    along = set.intersection(*(set(recovers(*pair)) for pair in pairs))
    return bool(along) and all(worse(*pair) for pair in pairs)


def strong(run: Mapping[str, Any]) -> bool:
    """Whether the signal is far stronger below, or early, at some moment."""
    return any(max(moment["rise"], moment["time"]) >= 2 for moment in run["moments"].values())


def begun_badly(run: Mapping[str, Any]) -> bool:
    """Whether the first float64 gradient is out of proportion."""
    first = run["moments"]["0"]
    weak = any(first[path] <= max(limit, -2.0) for path, limit in LIMITS.items())
    return bool(run["twins"] or weak or max(first["rise"], first["time"]) >= 2)


def hardly_moved(run: Mapping[str, Any]) -> bool:
    """Whether the weights, or the lowest of them, stay where they are."""
    steps = int(list(run["moments"])[-1])
    low = run.get("moved_lower")
    return SIGNS["update-too-small"](run) or (low is not None and low <= 2e-3 * steps / 50)


FURTHER: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "exploding-gradient": strong,
    "poor-initialization": begun_badly,
    "update-too-small": hardly_moved,
    "diverging-loss": diverged,
    "zero-gradient": lambda run: SIGNS["zero-gradient"](run) or run.get("underflown", 0) >= 0.5,
}
MODULES = {"dying-relu": (nn.ReLU,), "saturated-activation": (nn.Sigmoid, nn.Tanh)}


def shown_by_losses(finding: str, losses: Sequence[float]) -> bool:
    """Whether the observed run's own losses show a symptom."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < len(losses):
        return finding in {"diverging-loss", "non-finite"}
    if len(finite) < 10:
        return False
    first = statistics.mean(finite[:5])
    last = statistics.mean(finite[-max(5, len(finite) // 5) :])
    if finding == "stalled-loss":
        return last > 0.95 * first
    return finding == "diverging-loss" and last > 2 * first


def is_true(
    finding: str, case: Case, evidence: Mapping[str, Any], losses: Sequence[float]
) -> bool | None:
    """Whether a finding holds of a case; None where nothing was measured that could tell."""
    if case.label == "healthy":
        return False
    if finding == VANISHING:
        return case.label == "vanishing" or vanished(evidence["runs"])
    if case.label == f"other:{finding}" or shown_by_losses(finding, losses):
        return True
    if finding in PLANTED:
        return case.cause in PLANTED[finding]
    if finding in MODULES:
        kinds = MODULES[finding]
        if not any(isinstance(part, kinds) for part in case.problem().build().modules()):
            return None
    sign = FURTHER.get(finding) or SIGNS.get(finding)
    return None if sign is None else all(map(sign, evidence["runs"]["sick"]))


def persistent(evidence: Mapping[str, Any]) -> list[str]:
    """Return the paths that are weak in both seeds, for the list of failures."""
    return sorted(set.intersection(*(set(attenuated(run)) for run in evidence["runs"]["sick"])))


def progressed(evidence: Mapping[str, Any]) -> bool:
    """Whether both seeds learned."""
    return all(map(learned, evidence["runs"]["sick"]))
