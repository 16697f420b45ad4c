"""What gradcheck says of a training: real command lines, each in a process of its own."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.published.bank import Fault

PATIENCE = 900  # seconds; what takes longer counts as "no answer"
TRYING = 20  # seconds for fixes, where they are tried
RUN = "run "  # before a call: it was asked by `gradcheck run`, else by `gradcheck diagnose`


def calls(fault: Fault, *, everyway: bool) -> list[str]:
    """Return the training and its twin; scripts also by `gradcheck run`, where every way is asked."""
    both = [fault.script, fault.twin]
    return both + [RUN + call for call in both if everyway and not fault.asked]


def command(fault: Fault, call: str, *, fixes: bool) -> list[str]:
    """Return the arguments of gradcheck. Fixes are tried on the sick ones only."""
    script, argument = call.removeprefix(RUN).split()
    budget = TRYING if fixes and argument != "fixed" else 0
    if call.startswith(RUN):
        trial = ["--verify", "--budget", str(budget)] if budget else []
        return ["run", *trial, "-q", "-o", "json:r.json", script, argument]
    asked = [script, "--", argument]
    if fault.asked:
        asked = shlex.split(fault.asked[call == fault.twin])
    return ["diagnose", "--budget", str(budget), "-q", "-o", "json:r.json", *asked]


def said(trainings: Path, fault: Fault, call: str, *, fixes: bool) -> dict[str, Any]:
    """Ask gradcheck of a training; return verdict, headline, findings, causes, fixes, exit code, seconds."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(shutil.copytree(trainings, Path(parent) / "trainings"))
        arguments = [sys.executable, "-m", "gradcheck_cli", *command(fault, call, fixes=fixes)]
        begun = time.monotonic()
        try:
            done = subprocess.run(
                arguments, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            code, words = done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            code, words = None, "no answer in time"
        file = folder / "r.json"
        report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    row: dict[str, Any] = {"exit": code, "seconds": round(time.monotonic() - begun, 1)}
    if report is None:
        return row | {"verdict": "no answer", "headline": words.strip()[-300:]}
    names = {f["name"]: f["severity"] for f in reversed(report["findings"])}
    return row | {
        "verdict": report["verdict"],
        "headline": report["headline"].replace(f"{folder}/", ""),
        "findings": dict(reversed(names.items())),
        "causes": [cause["name"] for cause in report["causes"][:3]],
        "fixes": {
            fix["name"]: fix.get("verification", {}).get("status", "not-run")
            for fix in reversed(report.get("fixes", []))
        },
    }
