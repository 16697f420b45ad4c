"""What gradcheck says of a training: `gradcheck diagnose SCRIPT`, in a process of its own."""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch  # noqa: F401  # once, for all the processes
from sklearn import datasets  # noqa: F401

PATIENCE = 900  # seconds; what takes longer counts as "no answer"


def speak(arguments: list[str], folder: str) -> None:
    """Be the command `gradcheck` with these arguments, in a folder, silently."""
    os.chdir(folder)
    quiet = os.open("said.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.argv = ["gradcheck", *arguments]
    time.monotonic = time.process_time  # a busy machine lets as many experiments end as a quiet one
    from gradcheck_cli.__main__ import main

    main()


def said(trainings: Path, call: str) -> dict[str, Any]:
    """Ask gradcheck of a training; return verdict, headline, findings, causes, exit code, seconds."""
    script, argument = call.split()
    with tempfile.TemporaryDirectory() as folder:
        command = ["diagnose", "--budget", "0", "-q", "-o", "json:r.json"]
        command += [str(trainings / script), "--", argument]
        begun = time.monotonic()
        process = multiprocessing.get_context("fork").Process(target=speak, args=(command, folder))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        file, code = Path(folder) / "r.json", process.exitcode
        words = (Path(folder) / "said.txt").read_text(encoding="utf-8", errors="replace")
        report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    row: dict[str, Any] = {"exit": code, "seconds": round(time.monotonic() - begun, 1)}
    if report is None:
        return row | {"verdict": "no answer", "headline": words.strip()[-300:]}
    names = {f["name"]: f["severity"] for f in reversed(report["findings"])}
    return row | {
        "verdict": report["verdict"],
        "headline": report["headline"].replace(str(trainings) + "/", ""),
        "findings": dict(reversed(names.items())),
        "causes": [cause["name"] for cause in report["causes"][:3]],
    }
