"""Public training programs, unchanged, with and without `gradcheck run`: the same output, what it costs.

    python -m benchmarks.public --checkouts FOLDER [--only PART] [--check]

None of their code is here. `FOLDER` holds git repositories as `OWNER+NAME/repo` (bare or not); each
program is taken out of the commit that is named, beside data of a small generator, and run twice in a
folder of its own. Where torch alone does not suffice, the program says which module it lacks.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# What differs between any two runs: times, rates, and the memory in use.
_VARYING = re.compile(r"-?\d+(\.\d+)?\s*(ms|s|sec|seconds|%)\b|\d+\.\d+%|mfu -?\S+|ms/batch\s+\S+")
_LONGEST = 240.0  # seconds of one run


def text(folder: Path) -> None:
    """Write three files of words from a small grammar, as a corpus of sentences."""
    words = random.Random(0)
    nouns, verbs = ["cat", "dog", "bird", "child", "river"], ["sees", "finds", "likes", "follows"]
    for name, lines in (("train", 400), ("valid", 40), ("test", 40)):
        said = (
            f"the {words.choice(nouns)} {words.choice(verbs)} the {words.choice(nouns)} ."
            for _ in range(lines)
        )
        (folder / f"{name}.txt").write_text("\n".join(said) + "\n")


def characters(folder: Path) -> None:
    """Write tokens of such a corpus as nanoGPT reads them: two binary files and a table."""
    import pickle

    import numpy as np

    text(folder)
    for name, kind in (("train", "train"), ("valid", "val")):
        raw = (folder / f"{name}.txt").read_bytes()
        np.array([c - 10 for c in raw], dtype=np.uint16).tofile(folder / f"{kind}.bin")
    table = {"vocab_size": 120, "itos": {}, "stoi": {}}
    (folder / "meta.pkl").write_bytes(pickle.dumps(table))


def sines(folder: Path) -> None:
    """Write sine waves of random phases."""
    import numpy as np
    import torch

    phases = np.random.default_rng(0).integers(-80, 80, (40, 1))
    waves = np.sin((np.arange(200) + phases) / 20.0)
    torch.save(waves, folder / "traindata.pt")


@dataclass(frozen=True, slots=True)
class Program:
    """One program of a repository and how it is run."""

    name: str
    repository: str
    commit: str
    command: tuple[str, ...]
    folder: str = "."  # in which it is started
    data: Callable[[Path], None] | None = None
    data_folder: str = "."
    path: str = ""  # put on PYTHONPATH
    files: tuple[str, ...] = ()  # what it needs beside Python files
    sick: bool = False  # by its own commands: what is found is right


EXAMPLES, NANO, NAMES, MINGPT, ODE = (
    ("pytorch/examples", "77f55b912142e11fcfdf5b530231fb9c52f181e8"),
    ("karpathy/nanoGPT", "3adf61e154c3fe3fca428ad6bc3818b27a3b8291"),
    ("karpathy/makemore", "988aa59e4d8fefa526d06f3b453ad116258398d4"),
    ("karpathy/minGPT", "37baab71b9abea1b76ab957409a1cc2fbfba8a26"),
    ("rtqichen/torchdiffeq", "657943acefa826ef04c025ebeb1ff5e9d60dc268"),
)


def makemore(kind: str) -> Program:
    """Return makemore with one of its models."""
    command = ("makemore.py", "--type", kind, "--max-steps", "150", "--num-workers", "0")
    small = ("--n-layer", "2", "--n-embd", "32")
    return Program(f"makemore {kind}", *NAMES, (*command, *small), files=("names.txt",))


def words(kind: str, *options: str) -> Program:
    """Return the word language model of pytorch/examples with one of its models."""
    size = ("--emsize", "32", "--nhid", "32", "--epochs", "1", "--log-interval", "10")
    return Program(
        f"word_language_model {kind} {' '.join(options)}".strip(),
        *EXAMPLES,
        ("main.py", "--data", ".", "--model", kind, *size, *options),
        folder="word_language_model",
        data=text,
        data_folder="word_language_model",
    )


PROGRAMS = (
    *(makemore(kind) for kind in ("transformer", "mlp", "rnn", "gru", "bow", "bigram")),
    *(words(kind) for kind in ("LSTM", "GRU", "RNN_TANH", "Transformer")),
    words("LSTM", "--use-optimizer", "--lr", "0.001"),
    Program("regression", *EXAMPLES, ("main.py",), folder="regression"),
    Program(
        "time_sequence_prediction",
        *EXAMPLES,
        ("train.py", "--steps", "1"),
        folder="time_sequence_prediction",
        data=sines,
        data_folder="time_sequence_prediction",
    ),
    Program("reinforce", *EXAMPLES, ("reinforce.py",), folder="reinforcement_learning"),
    Program("actor_critic", *EXAMPLES, ("actor_critic.py",), folder="reinforcement_learning"),
    Program(
        "nanoGPT shakespeare_char",
        *NANO,
        (
            *("train.py", "config/train_shakespeare_char.py", "--device=cpu", "--compile=False"),
            *("--eval_iters=2", "--log_interval=10", "--block_size=32", "--batch_size=8"),
            *("--n_layer=2", "--n_head=2", "--n_embd=64", "--max_iters=120", "--dropout=0.0"),
        ),
        data=characters,
        data_folder="data/shakespeare_char",
    ),
    Program(
        "minGPT adder", *MINGPT, ("projects/adder/adder.py", "--trainer.max_iters=120"), path="."
    ),
    Program(
        "torchdiffeq ode_demo",
        *ODE,
        ("examples/ode_demo.py", "--niters", "40", "--data_size", "200"),
        path=".",
    ),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run that has ended."""

    code: int
    out: str
    err: str
    seconds: float  # of processor time


def take_out(program: Program, checkouts: Path, into: Path) -> bool:
    """Write the program's commit into a folder; False where the repository is not at hand."""
    home = checkouts / program.repository.replace("/", "+") / "repo"
    if not home.is_dir():
        return False
    archive = subprocess.run(
        ["git", "-C", str(home), "archive", program.commit, "*.py", *program.files],
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        return False
    subprocess.run(["tar", "-x", "-C", str(into)], input=archive.stdout, check=True)
    if program.data is not None:
        folder = into / program.data_folder
        folder.mkdir(parents=True, exist_ok=True)
        program.data(folder)
    return True


def ran(program: Program, root: Path, before: list[str]) -> Ran:
    """Run it once. Raises TimeoutExpired."""
    paths = [str(root / program.path)] if program.path else []
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join([*paths, str(Path(__file__).resolve().parent.parent)]),
    }
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *before, *program.command],
        cwd=root / program.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    return Ran(done.returncode, done.stdout, done.stderr, used)


def compared(program: Program, checkouts: Path) -> dict[str, object]:
    """Run a program alone and watched; return its row."""
    row: dict[str, object] = {"program": program.name, "commit": program.commit[:8]}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        if not all(take_out(program, checkouts, Path(x)) for x in (one, other)):
            return row | {"said": "not at hand"}
        try:
            alone = ran(program, Path(one), [])
            if alone.code:
                last = (alone.err.strip().splitlines() or [""])[-1]
                return row | {"said": f"does not run here: {last}"}
            report = Path(other) / "report.json"
            watch = ["-m", "gradcheck_cli", "run", "-q", "--fail-on", "never"]
            ours = ran(program, Path(other), [*watch, "-o", f"json:{report}"])
        except subprocess.TimeoutExpired:
            return row | {"said": f"takes more than {_LONGEST:g} s"}
        found = json.loads(report.read_text()) if report.exists() else None
    same = _VARYING.sub("", alone.out) == _VARYING.sub("", ours.out)
    row |= {"same output": same, "exit code": f"{alone.code} {ours.code}"}
    row["time"] = f"{ours.seconds / alone.seconds:.2f}x"
    if found is None:
        return row | {"said": (ours.err.strip().splitlines() or [""])[-1], "lost": True}
    serious = [f["name"] for f in found["findings"] if f["severity"] == "error"]
    mild = [f["name"] for f in found["findings"] if f["severity"] == "warning"]
    said = f"{found['verdict']}: {found['headline']}"
    return row | {"steps": found["run"]["steps"], "said": said, "errors": serious, "warnings": mild}


_COLUMNS = ("program", "commit", "same output", "exit code", "time", "steps", "errors", "warnings")


def line(row: dict[str, object]) -> str:
    """Return a row of the table in Markdown."""
    cells = []
    for column in (*_COLUMNS, "said"):
        value = row.get(column, "")
        cells.append(", ".join(value) if isinstance(value, list) else str(value))
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def main() -> int:
    """Print the table; with --check return 1 where output differs, a report is lost or errs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkouts", type=Path, required=True, help="folder of repositories")
    parser.add_argument("--only", default="", help="part of a program's name")
    parser.add_argument("--check", action="store_true", help="exit 1 on a difference or an error")
    given = parser.parse_args()
    print("| " + " | ".join((*_COLUMNS, "said")) + " |")
    print("|" + "---|" * (len(_COLUMNS) + 1), flush=True)
    bad = 0
    for program in PROGRAMS:
        if given.only in program.name:
            row = compared(program, given.checkouts)
            print(line(row), flush=True)
            wrong = bool(row.get("errors")) and not program.sick
            bad += row.get("same output") is False or bool(row.get("lost")) or wrong
    return int(given.check and bad > 0)


if __name__ == "__main__":
    sys.exit(main())
