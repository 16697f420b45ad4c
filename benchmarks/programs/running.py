"""Run a public program alone and watched, in the same folder, and compare all that it leaves."""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs.program import Program

HERE = Path(__file__).resolve().parent
LONGEST = 420.0  # seconds of one run
RESULTS = (".png", ".jpg", ".safetensors", ".npy", ".csv", ".pt", ".pth", ".bin", ".ckpt")
# What differs between any two runs: times, rates, dates, the memory in use, addresses of objects.
_VARYING = re.compile(
    r"-?\d+(\.\d+)?(e[-+]\d+)?\s*(ms|us|s|sec|seconds|min|h|KB|MB|GB|it/s|s/it)\b"
    r"|\d+(\.\d+)?\s*(it|samples|steps)/s|\d+:\d\d(:\d\d)?(\.\d+)?|\d{4}-\d\d-\d\d"
    r"|mfu -?\S+|ms/batch\s+\S+|0x[0-9a-f]+|SPS:? \d+|__\d{10}\b|\b1[789]\d{8}(\.\d+)?\b"
    r"|(_runtime|_per_second|[Tt]ime( taken)?)['\"]?\s*[:=]\s*['\"]?[\d.e-]+"
)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run that has ended."""

    code: int
    out: str
    err: str
    seconds: float  # of processor time
    files: dict[str, str]  # results that it wrote, and their digests


def take_out(program: Program, checkouts: Path, into: Path) -> str:
    """Write the program's commit and its stand-ins into a folder; return why it can't be done."""
    home = checkouts / program.repository.replace("/", "+") / "repo"
    if not home.is_dir():
        return "the repository is not at hand"
    archive = subprocess.run(
        ["git", "-C", str(home), "archive", program.commit, *program.files],
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        return f"the commit is not at hand: {archive.stderr.decode().strip()}"
    subprocess.run(["tar", "-x", "-C", str(into)], input=archive.stdout, check=True)
    for write in program.data:
        write(into)
    return ""


def environment(program: Program, root: Path) -> dict[str, str]:
    """Return variables: no network, one thread, no screen, one home for all that it keeps."""
    paths = [HERE / "startup", *(root / p for p in program.path), HERE.parent.parent]
    if "modules" in program.path:
        paths[1 + program.path.index("modules")] = HERE / "modules"
    offline = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "WANDB_DISABLED")
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GRADCHECK")},
        **dict.fromkeys(offline, "1"),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HOME": str(root / "home"),
        "HOME": str(root / "home"),
        "COLUMNS": "100",
        **dict(program.environment),
    }


def digests(root: Path, known: set[Path]) -> dict[str, str]:
    """Return a digest of each result that was not there before."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.suffix in RESULTS and path.is_file() and path not in known
    }


def ran(program: Program, root: Path, before: list[str]) -> Ran:
    """Run it once. Raises TimeoutExpired, when its whole group of processes was ended."""
    known = set(root.rglob("*"))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(
        [sys.executable, *before, *program.command],
        cwd=root / program.folder,
        env=environment(program, root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    return Ran(process.returncode, out, err, used, digests(root, known))


def said(text: str) -> list[str]:
    """Return the lines of an output, without what varies, without progress that is written over."""
    lines = [line.rpartition("\r")[2].rstrip() for line in text.splitlines()]
    return [_VARYING.sub("#", line) for line in lines if line]


def warned(text: str) -> list[str]:
    """Return the warnings of an output, sorted: their order on stderr follows buffers."""
    return sorted(re.findall(r"\b\w*Warning: .*", text))


def judged(program: Program, root: Path) -> tuple[Ran, dict[str, Any] | None]:
    """Run it watched; return the run and the report."""
    report = root.parent / "report.json"
    report.unlink(missing_ok=True)
    watch = ["-m", "gradcheck_cli", "run", "-q", "--fail-on", "never", "-o", f"json:{report}"]
    ours = ran(program, root, watch)
    return ours, json.loads(report.read_text()) if report.exists() else None


def compared(program: Program, checkouts: Path) -> dict[str, Any]:
    """Run a program alone and watched; return its row."""
    row: dict[str, Any] = {"program": program.name, "area": program.area}
    row |= {"repository": program.repository, "commit": program.commit[:8]}
    row["command"] = " ".join(program.command)
    with tempfile.TemporaryDirectory() as folder:
        pristine, root = Path(folder) / "pristine", Path(folder) / "program"
        pristine.mkdir()
        if missing := take_out(program, checkouts, pristine):
            return row | {"not_run": missing}
        shutil.copytree(pristine, root)
        try:
            alone = ran(program, root, [])
            if alone.code:
                last = [x for x in alone.err.strip().splitlines() if x.strip()] or [""]
                return row | {"not_run": f"it fails by itself: {last[-1].strip()[:160]}"}
            shutil.rmtree(root)
            shutil.copytree(pristine, root)
            ours, found = judged(program, root)
        except subprocess.TimeoutExpired:
            return row | {"not_run": f"takes more than {LONGEST:g} s"}
    return row | differences(alone, ours) | found_in(found, ours)


def replayed(program: Program, checkouts: Path) -> str:
    """Record the program's first steps, play them unchanged, and return what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        root, answer = Path(folder) / "program", Path(folder) / "answer"
        root.mkdir()
        if missing := take_out(program, checkouts, root):
            return missing
        try:
            done = ran(program, root, ["-m", "benchmarks.programs.replaying", str(answer)])
        except subprocess.TimeoutExpired:
            return f"takes more than {LONGEST:g} s"
        if answer.exists():
            return "; ".join(dict.fromkeys(answer.read_text().splitlines()))
        return f"no answer: {(done.err.strip().splitlines() or [''])[-1][:160]}"


def differences(alone: Ran, ours: Ran) -> dict[str, Any]:
    """Return what is equal in two runs, and the first line that is not."""
    one, other = said(alone.out), said(ours.out)
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    row: dict[str, Any] = {
        "same_output": one == other,
        "same_warnings": warned(alone.err) == warned(ours.err),
        "same_files": alone.files == ours.files,
        "files": len(alone.files),
        "codes": [alone.code, ours.code],
        "seconds": round(alone.seconds, 1),
        "cost": round(ours.seconds / alone.seconds, 2),
    }
    if one != other:
        row["differs"] = [one[at], other[at]] if at is not None else [len(one), len(other)]
    if not row["same_warnings"]:
        more = set(warned(ours.err)) ^ set(warned(alone.err))
        row["warnings_differ"] = sorted(more)[:3]
    if not row["same_files"]:
        names = sorted(alone.files.keys() | ours.files.keys())
        row["files_differ"] = [n for n in names if alone.files.get(n) != ours.files.get(n)][:3]
    return row


def found_in(report: dict[str, Any] | None, ours: Ran) -> dict[str, Any]:
    """Return what the report says, or that there is none."""
    if report is None:
        return {"lost": True, "said": (ours.err.strip().splitlines() or [""])[-1][:300]}
    return {
        "lost": False,
        "steps": report["run"]["steps"],
        "verdict": report["verdict"],
        "said": report["headline"],
        "errors": [f["name"] for f in report["findings"] if f["severity"] == "error"],
        "warnings": [f["name"] for f in report["findings"] if f["severity"] == "warning"],
        "notes": [f["name"] for f in report["findings"] if f["severity"] == "note"],
        "asked": sum(a["outcome"] != "skipped" for a in report.get("examination", [])),
    }
