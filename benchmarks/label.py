"""Label the case bank from measured ground truth: `python -m benchmarks.label [NAME ...]`.

Every case is trained in its own precision, with two seeds, and so is its cure. At steps 0, 10, 30,
100 and at the end a copy of the model in float64 computes the gradient of one fixed batch. What is
kept is in `benchmarks/cases/evidence.json`, and the label follows from it by this fixed rule,
which was written before the labels were computed and asks nothing of gradcheck:

attenuated at a step: one of four paths is weak, in decades (log10), against
    depth   lowest against uppermost quarter of the layers, by rms gradient at the layer's output
            or by elasticity |w| |g|, whichever is lower                                     <= -2
    time    earliest against latest quarter of the time steps, gradient at the inputs
            or over the calls of a layer that is used at least eight times                   <= -4
    whole   root of the sum of squared elasticities of all layers, against the loss          <= -2
    branch  the least elastic weight matrix against the median one                           <= -3
persistent: attenuated along the same path at two or more of steps 10, 30, 100 and the end.
worse: in both seeds the final loss (mean over the last fifth) is above that of the cure by more
    than a tenth of itself and by more than twice the standard error of both; a loss that is not
    finite is worse than any.
recovers: in both seeds the cure is at least one decade better along the attenuated path, by the
    median over these steps.
learned: in both seeds the final loss is below 0.9 of the first one, and below 0.95 of what the
    best constant output reaches; or was below 0.2 of that from the beginning.

vanishing   persistent and worse and recovers, in both seeds; but where another disease is planted
            and confirmed, that is the label, and where it is planted and not confirmed: ambiguous;
            ambiguous too where the loss ends above twice its beginning: such a run diverges first
            of all (this clause was added after the first labeling, for two cases).
other:NAME  another disease is planted, its own measured sign (SIGNS) shows in both seeds, and worse.
healthy     learned, and nothing is planted; or a disease is planted, learned, and not worse.
ambiguous   all else. A run whose weights end as no numbers counts as one whose loss does (added after
            the first labeling of the unseen cases, for one case). These are listed apart and never scored.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from benchmarks.cases import CASES, EVIDENCE, Case
from benchmarks.cases.measuring import examined

LIMITS = {"depth": -2.0, "time": -4.0, "whole": -2.0, "branch": -3.0}


def late(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the moments that count for persistence: 10, 30, 100 and the end."""
    return [moment for step, moment in run["moments"].items() if step != "0"]


def attenuated(run: Mapping[str, Any]) -> list[str]:
    """Return the paths that are weak at two or more moments."""
    weak = {
        path: sum(moment[path] <= limit for moment in late(run)) for path, limit in LIMITS.items()
    }
    return [path for path, times in weak.items() if times >= 2]


def worse(sick: Mapping[str, Any], cured: Mapping[str, Any]) -> bool:
    """Whether the cure reaches a materially lower loss."""
    if cured["ended"] is None:
        return False
    if sick["ended"] is None:
        return True
    error = math.hypot(*(run["noise"] / math.sqrt(run["tail"]) for run in (sick, cured)))
    return bool(sick["ended"] - cured["ended"] > max(0.1 * abs(sick["ended"]), 2 * error))


def recovers(sick: Mapping[str, Any], cured: Mapping[str, Any]) -> list[str]:
    """Return the attenuated paths along which the cure is a decade better."""

    def typical(run: Mapping[str, Any], path: str) -> float:
        middle: float = statistics.median(moment[path] for moment in late(run))
        return middle

    return [path for path in attenuated(sick) if typical(cured, path) >= typical(sick, path) + 1]


def diverged(run: Mapping[str, Any]) -> bool:
    """Whether the loss ends above twice its beginning."""
    return bool(run["ended"] is None or run["ended"] > 2 * run["begun"])


def learned(run: Mapping[str, Any]) -> bool:
    """Whether training made visible progress, or had nothing left to do."""
    if run["ended"] is None or run["begun"] is None:
        return False
    level = run["constant"]
    if level is None:
        return bool(run["ended"] < 0.9 * run["begun"])
    solved = run["begun"] < 0.2 * level and run["ended"] < 0.2 * level
    return bool(solved or run["ended"] < min(0.9 * run["begun"], 0.95 * level))


def at_most(run: Mapping[str, Any], key: str, limit: float) -> bool:
    """Whether a stored number exists and does not exceed a limit."""
    return run.get(key) is not None and run[key] <= limit


SIGNS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "non-finite": lambda run: run["ended"] is None,
    "disconnected-parameter": lambda run: bool(run["hidden"] or all(m["cut"] for m in late(run))),
    "zero-gradient": lambda run: sum(bool(m["zero"]) for m in late(run)) >= 2,
    "dying-relu": lambda run: sum(m["silent"] >= 0.5 for m in late(run)) >= 2,
    "exploding-gradient": lambda run: max(run["moments"]["0"][p] for p in ("rise", "time")) >= 2,
    "update-too-small": lambda run: at_most(run, "moved_50", 2e-3) or run.get("lost", 0) >= 0.5,
    "update-too-large": lambda run: (run["moved_per_step"] or 1.0) >= 0.1,
    "not-in-optimizer": lambda run: bool(run["unowned"]),
    "saturated-activation": lambda run: sum(m["pinned"] >= 0.5 for m in late(run)) >= 2,
    "poor-initialization": lambda run: run["twins"],
    "precision-underflow": lambda run: run.get("underflown", 0) >= 0.5,
    "stalled-loss": lambda run: not learned(run),
}


def verdict(case: Case, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[str, str]:
    """Return the label of a case and the reason in words, from its evidence alone."""
    sick, cured = runs["sick"], runs.get("cure", ())
    progress = all(map(learned, sick))
    if not cured:
        return ("healthy", "learned") if progress else ("ambiguous", "did not learn in time")
    pairs = list(zip(sick, cured, strict=True))
    behind = [worse(*pair) for pair in pairs]
    better = "cure is better" if all(behind) else "cure is no better in both seeds"
    if case.group == "other":
        shown = all(map(SIGNS[case.finding], sick))
        if shown and all(behind):
            return f"other:{case.finding}", f"sign shows, {better}"
    paths = set.intersection(*(set(recovers(*pair)) for pair in pairs))
    if all(behind) and paths:
        clear = case.group == "vanishing" and not any(map(diverged, sick))
        label = "vanishing" if clear else "ambiguous"
        return label, f"attenuated along {', '.join(sorted(paths))}, {better} and recovers"
    if progress and not any(behind):
        return "healthy", f"learned, {better}"
    weak = sorted(set.intersection(*(set(attenuated(run)) for run in sick)))
    sign = f"attenuated along {', '.join(weak)}" if weak else "no persistent attenuation"
    return "ambiguous", f"{sign}, {better}, {'learned' if progress else 'did not learn'}"


def stored() -> dict[str, Any]:
    """Return the evidence as it is on disk."""
    found: dict[str, Any] = {}
    if EVIDENCE.exists():
        found = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    return found


def save(evidence: Mapping[str, Any]) -> None:
    """Write the evidence, one case per line so that changes can be read."""
    lines = [f"{json.dumps(name)}: {json.dumps(evidence[name])}" for name in sorted(evidence)]
    EVIDENCE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Compute what is missing or named, label everything, and print the labels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases to measure again; all that are new if none")
    parser.add_argument(
        "--labels-only", action="store_true", help="apply the rule to what is stored"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    kept = stored()
    evidence = {case.name: kept[case.name] for case in CASES if case.name in kept}
    for case in CASES:
        wanted = case.name in options.names or (not options.names and case.name not in evidence)
        if wanted and not options.labels_only:
            started = time.perf_counter()
            runs = examined(case)
            label, reason = verdict(case, runs)
            planted = [case.group, case.finding, case.cause]
            evidence[case.name] = {
                "label": label,
                "reason": reason,
                "planted": planted,
                "runs": runs,
            }
            print(
                f"{time.perf_counter() - started:5.1f} s  {case.name}: {label} ({reason})",
                flush=True,
            )
            save(evidence)
    for case in CASES:
        if case.name in evidence:
            label, reason = verdict(case, evidence[case.name]["runs"])
            evidence[case.name] |= {"label": label, "reason": reason}
    save(evidence)


if __name__ == "__main__":
    main(sys.argv[1:])
