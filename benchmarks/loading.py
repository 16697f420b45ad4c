"""Diagnose, unmodified, the kinds of projects that people have; each in a process of its own.

    python -m benchmarks.loading [PART OF A NAME ...]

Prints one line per project and exits with 1 when one of them could not be diagnosed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.loading_projects import PROJECTS, Project

ROOT = Path(__file__).parents[1]
STEPS = 30
LONGEST = 300.0  # seconds

CHILD = """
import json, sys
from gradcheck_cli import diagnosing
from gradcheck_cli.targets.target import Target
model, options, steps = json.loads(sys.argv[1])
report = diagnosing.diagnose(Target.from_strings(model, **options), steps, verify=False)
print(json.dumps([report.verdict, report.run.observed_steps, len(report.layers), report.headline]))
"""


def main(wanted: list[str]) -> int:
    """Diagnose the projects whose names hold one of the words, or all of them."""
    chosen = {
        name: project
        for name, project in PROJECTS.items()
        if not wanted or any(word in name for word in wanted)
    }
    failed = 0
    for name, project in chosen.items():
        begun = time.perf_counter()
        said = diagnose(project)
        failed += said.startswith("FAILED")
        print(f"{name:32} {time.perf_counter() - begun:6.1f} s  {said}")
    print(f"{len(chosen) - failed} of {len(chosen)} diagnosed")
    return 1 if failed else 0


def diagnose(project: Project) -> str:
    """Return what was found, or `FAILED` and the last line of what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in project.files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if project.prepare:
            done = _python(["-c", project.prepare], folder)
            if done.returncode:
                return f"FAILED to prepare: {_last_line(done.stderr)}"
        request = json.dumps([project.model, project.options, STEPS])
        done = _python(["-c", CHILD, request], folder)
    if done.returncode:
        return f"FAILED: {_last_line(done.stderr)}"
    verdict, steps, layers, headline = json.loads(done.stdout.strip().splitlines()[-1])
    if not steps or not layers:
        return f"FAILED: {steps} steps and {layers} layers were observed"
    return f"{verdict}, {steps} steps, {layers} layers: {headline}"


def _python(arguments: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing was said"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
