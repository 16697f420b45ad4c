"""Labels by measurement: each training and its twin, plainly trained with two seeds, without gradcheck.

The score is on held-out data, above what is reached without any input: (score - reference) /
(1 - reference), so 0 is nothing learned and 1 is perfect.

learns   the twin reaches 0.3 or more with both seeds
sick     with both seeds the training stays a tenth or more below its twin, which learns
nothing  of the sick ones: those that stay below 0.1 themselves
"""

import contextlib
import io
import math
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

from benchmarks.published.bank import Fault

SEEDS = (0, 1)


def scored(trainings: Path, call: str, seed: int) -> float:
    """Run a training as `python SCRIPT ARGUMENT SEED` and return its score. Raises as it does."""
    script, argument = call.split()
    before, path = list(sys.argv), list(sys.path)
    sys.argv, heard = [script, argument, str(seed)], io.StringIO()
    sys.path.insert(0, str(trainings))
    try:
        with contextlib.redirect_stdout(heard), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runpy.run_path(str(trainings / script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before, path
    *_, score, _, reference = heard.getvalue().split()
    above = (float(score) - float(reference)) / (1 - float(reference))
    return round(max(above, -1.0), 4) if math.isfinite(above) else -1.0


def measured(trainings: Path, call: str) -> list[float]:
    """Return the scores of all seeds."""
    return [scored(trainings, call, seed) for seed in SEEDS]


def learns(scores: list[float]) -> bool:
    """Whether a training learns with every seed."""
    return min(scores) >= 0.3


def label(fault: Fault, rows: dict[str, Any]) -> str:
    """Return `sick`, `not worse`, `twin does not learn`, or `` where nothing was measured."""
    if fault.script not in rows or fault.twin not in rows:
        return ""
    sick, twin = rows[fault.script], rows[fault.twin]
    if not learns(twin):
        return "twin does not learn"
    worse = all(a <= b - 0.1 for a, b in zip(sick, twin, strict=True))
    return "sick" if worse else "not worse"
