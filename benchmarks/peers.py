"""The rules of other training debuggers, restated, on the runs that gradcheck is judged by.

Written from their documentation and source, in our own words. Steps stand for epochs where a tool
looks once per epoch. Wherever a rule is known to fire on nearly everything (TheDeepChecker's test
of initial variances, AutoTrainer's oscillation of the accuracy of single batches), cannot run at
all, or is not published, it is left out: to the tool's advantage. What is restated of each:

sagemaker       SageMaker Debugger: VanishingGradient (mean |g| < 1e-7 in any tensor at any step),
                ExplodingTensor (not finite), DeadRelu (over half of a ReLU layer active on less
                than 1 %), SaturatedActivation (over half of the inputs beyond -9.5..9.5 of a tanh,
                -23..17 of a sigmoid), LossNotDecreasing (against ten steps before, looked at every
                tenth step), WeightUpdateRatio (outside 1e-8..10 twice running).
autotrainer     AUTOTRAINER: |g first| / |g last| < 1e-3 and |g first| < 1e-4, ratio > 70, exact
                zeros in 70 % of all gradients; three times, looked at every third step after 30 %
                of the run, and only where accuracy is below 0.7 or has ceased to rise.
thedeepchecker  TheDeepChecker, every tenth step: mean |g| < 1e-6 or > 1e6 in a weight matrix,
                log10 of update over weight outside -4..-1 or no update, units silent on ten
                batches (95th percentile < 1e-5, over half of a layer), loss that hardly falls.
deepdiagnosis   DeepDiagnosis, every tenth step: mean |g| of a dense layer < 1e-7, output with mean
                0 or not finite, 70 % of a layer's outputs <= 0 at the end, over half of its outputs
                beyond 5, learning rate times |g| / |w| outside 1e-5..1e-1.
naive_size      mean |g| of the first weight matrix < 1e-7 in the median of the second half.
naive_ratio     |g| of the first weight matrix / the last < 1e-3 in the median of the second half.
torchmortem     the package itself, as its documentation shows, where it is installed.
torch_audit     the package itself, every step, where it is installed. It has no rule for vanishing.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from benchmarks.peer_runs import VANISHING, Run, measured

__all__ = ["PEERS", "VANISHING", "Run", "measured"]


def sagemaker(run: Run) -> set[str]:
    """Return what SageMaker Debugger's rules say."""
    said = set()
    if any(mean < 1e-7 for weight in run.weights for mean in weight.mean):
        said.add(VANISHING)
    if not all(weight.finite for weight in run.weights) or not finite(run.losses):
        said.add("non-finite")
    if any(part > 0.5 for layer in run.activations for part in layer.silent):
        said.add("dying-relu")
    if any(part > 0.5 for layer in run.activations for part in layer.beyond):
        said.add("saturated-activation")
    looked = run.losses[::10]
    if any(later >= earlier for earlier, later in pairwise(looked)):
        said.add("stalled-loss")
    for weight in run.matrices:
        strange = [not 1e-8 <= ratio <= 10 for ratio in weight.moved]
        if any(a and b for a, b in pairwise(strange)):
            said.add("update-ratio")
    return said


def autotrainer(run: Run) -> set[str]:
    """Return what AUTOTRAINER's rules say."""
    chain, steps = run.matrices, len(run.losses)
    best = [max(run.accuracy[: place + 1]) for place in range(len(run.accuracy))]
    counts = {VANISHING: 0, "exploding-gradient": 0, "dying-relu": 0}
    for step in range(0, steps, 3):
        seen = [weight for weight in chain if step < len(weight.norm)]
        if step < 0.3 * steps or not seen:
            continue
        if run.accuracy and best[step] >= 0.7 and gain(best[: step + 1]) >= 0.01:
            continue
        first, last = seen[0].norm[step], seen[-1].norm[step]
        ratio = first / last if last else math.nan
        counts[VANISHING] += ratio < 1e-3 and first < 1e-4
        counts["exploding-gradient"] += ratio > 70
        zeros = sum(weight.zeros[step] for weight in seen)
        counts["dying-relu"] += zeros >= 0.7 * sum(weight.size for weight in seen)
    said = {name for name, times in counts.items() if times >= 3}
    if not finite(run.losses):
        said.add("exploding-gradient")
    return said


def gain(best: Sequence[float]) -> float:
    """Return the largest rise of the best accuracy from one look to the next."""
    return max((b - a for a, b in pairwise(best[::3])), default=0.0)


def thedeepchecker(run: Run) -> set[str]:
    """Return what TheDeepChecker's rules say."""
    said = set()
    for weight in run.matrices:
        looked = weight.mean[9::10]
        if any(mean < 1e-6 for mean in looked):
            said.add(VANISHING)
        if any(mean > 1e6 or not math.isfinite(mean) for mean in looked):
            said.add("exploding-gradient")
        for start in range(0, len(weight.moved) - 9, 10):
            part = weight.moved[start : start + 10]
            if not any(part):
                said.add("update-too-small")
                continue
            level = statistics.mean(math.log10(ratio) if ratio else 0.0 for ratio in part)
            said |= {"update-too-small"} if level < -4 else set()
            said |= {"update-too-large"} if level > -1 else set()
    if any(min(layer.quiet, default=0) > 0.5 for layer in run.activations):
        said.add("dying-relu")
    means = [statistics.mean(run.losses[n : n + 10]) for n in range(0, len(run.losses) - 9, 10)]
    pairs = [(b, a) for b, a in pairwise(means) if b]
    if len(pairs) >= 4:
        if all((before - after) / abs(before) < 0.05 for before, after in pairs[-4:]):
            said.add("stalled-loss")
        if all(after / before >= 2 for before, after in pairs[-4:]):
            said.add("diverging-loss")
    return said


def deepdiagnosis(run: Run) -> set[str]:
    """Return what DeepDiagnosis's rules say."""
    said = set()
    for weight in run.matrices:
        if weight.dense and any(mean < 1e-7 for mean in weight.mean[9::10]):
            said.add(VANISHING)
        looked = zip(weight.norm[9::10], weight.drift[9::10], strict=False)
        rates = [run.rate * norm / drift for norm, drift in looked if drift]
        if weight.dense and any(not 1e-5 <= rate <= 1e-1 for rate in rates):
            said.add("learning-rate")
    for layer in run.activations:
        if layer.kind == "Conv2d":
            continue
        if any(mean == 0 or not math.isfinite(mean) for mean in layer.mean[9::10]):
            said.add("non-finite")
        if layer.kind != "Linear" and layer.negative and layer.negative[-1] >= 0.7:
            said.add("dying-relu")
        if layer.kind == "Linear" and any(part > 0.5 for part in layer.large[9::10]):
            said.add("saturated-activation")
    if len(set(run.losses[-5:])) == 1 and len(run.losses) >= 5:
        said.add("stalled-loss")
    return said


def late(values: Sequence[float]) -> float:
    """Return the median of the second half."""
    return statistics.median(values[len(values) // 2 :]) if values else math.nan


def naive_size(run: Run) -> set[str]:
    """Return whether the first weight matrix has a tiny gradient."""
    return {VANISHING} if run.matrices and late(run.matrices[0].mean) < 1e-7 else set()


def naive_ratio(run: Run) -> set[str]:
    """Return whether the first weight matrix has a tiny gradient compared with the last."""
    if len(run.matrices) < 2:
        return set()
    first, last = (late(weight.norm) for weight in (run.matrices[0], run.matrices[-1]))
    return {VANISHING} if last and first / last < 1e-3 else set()


def finite(values: Sequence[float]) -> bool:
    """Return whether all numbers are."""
    return all(map(math.isfinite, values))


def installed(name: str) -> Callable[[Run], set[str] | None]:
    """Return what an installed peer said, None where it is not installed."""

    def said(run: Run) -> set[str] | None:
        found = run.installed.get(name)
        return None if found is None else set(found)

    return said


PEERS: dict[str, Callable[[Run], set[str] | None]] = {
    "SageMaker Debugger": sagemaker,
    "AutoTrainer": autotrainer,
    "TheDeepChecker": thedeepchecker,
    "DeepDiagnosis": deepdiagnosis,
    "first layer's mean gradient < 1e-7": naive_size,
    "first over last gradient < 1e-3": naive_ratio,
    "torchmortem (run)": installed("torchmortem"),
    "torch-audit (run)": installed("torch_audit"),
}
NAIVE = frozenset(name for name, rule in PEERS.items() if rule in (naive_size, naive_ratio))
