"""Measure what the pages show pictures of: `python -m docs.measure`.

It diagnoses a bundled sick network and its healthy twin and keeps both reports in docs/pictures, and
runs every demo and keeps its brief report in docs/gallery.
`python -m docs.generate` draws from them, so that drawing needs no training. It takes a minute; run
it when what a report says has changed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.generate import GALLERY, PICTURES, ROOT
from gradcheck_cli.cli.demo import scripts

DEMONSTRATED = ("diagnose", "--steps", "200", "--quiet")
SAMPLES = {"sick": "deep_sigmoid.py", "healthy": "deep_sigmoid.py:healthy_model"}


def measure(name: str, folder: Path = PICTURES, *options: str) -> Path:
    """Diagnose one of the samples and return the file of its report."""
    kept = folder / f"{name}.yaml"
    shown = kept.relative_to(ROOT) if kept.is_relative_to(ROOT) else kept
    model = f"sample_models/{SAMPLES[name]}"
    command = ["diagnose", model, "--output", f"yaml:{shown}", "--exit-zero", "--quiet", *options]
    subprocess.run(
        [sys.executable, "-m", "gradcheck_cli", *command],
        cwd=ROOT,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return kept


def demonstrate(name: str, folder: Path = GALLERY) -> Path:
    """Run one of the demos in a folder of its own and return the file of its brief report."""
    kept = folder / f"{name}.md"
    file = f"gradcheck_demo_{name}.py"
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / file).write_text(scripts()[name], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "gradcheck_cli", *DEMONSTRATED, "--output", "brief:b.md", file],
            cwd=scratch,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        if done.returncode > 1:
            raise RuntimeError(f"demo {name} ended with {done.returncode}")
        kept.write_text((Path(scratch) / "b.md").read_text(encoding="utf-8"), encoding="utf-8")
    return kept


if __name__ == "__main__":
    for demo in scripts():
        demonstrate(demo)
    for sample in SAMPLES:
        measure(sample)
