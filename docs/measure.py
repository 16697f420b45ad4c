"""Measure what the pages show pictures of: `python -m docs.measure`.

It diagnoses a bundled sick network and its healthy twin and keeps both reports in docs/pictures.
`python -m docs.generate` draws from them, so that drawing needs no training. It takes a minute; run
it when what a report says has changed.
"""

import os
import subprocess
import sys
from pathlib import Path

from docs.generate import PICTURES, ROOT

SAMPLES = {"sick": "deep_sigmoid", "healthy": "deep_sigmoid_healthy"}


def measure(name: str, folder: Path = PICTURES, *options: str) -> Path:
    """Diagnose one of the samples and return the file of its report."""
    kept = folder / f"{name}.yaml"
    shown = kept.relative_to(ROOT) if kept.is_relative_to(ROOT) else kept
    model = f"sample_models/{SAMPLES[name]}.py"
    command = ["diagnose", model, "--output", f"yaml:{shown}", "--exit-zero", "--quiet", *options]
    subprocess.run(
        [sys.executable, "-m", "gradcheck_cli", *command],
        cwd=ROOT,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return kept


if __name__ == "__main__":
    for sample in SAMPLES:
        measure(sample)
