"""Look at a project without running it: which models, data, losses and optimizers its files define."""

import ast
import csv
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.textfile import read_bytes
from gradcheck_cli.scripts import looks_like_a_script, trains_when_run

MOST_FILES = 2_000
MOST_BYTES = 2**20
LEFT_OUT = {
    "node_modules",
    "site-packages",
    "build",
    "dist",
    "venv",
    "env",
    "wandb",
    "lightning_logs",
}
TESTS = {"test", "tests", "docs", "examples", "benchmarks"}

NAMES = {
    "model": ("build_model", "make_model", "create_model", "get_model", "model", "Model", "net", "Net"),
    "data": (
        "train_data", "make_data", "data", "dataset", "train_loader", "train_dataset",
        "train_dataloader", "make_dataset", "get_data", "dataloader", "loader", "trainset",
    ),
    "loss": ("loss_fn", "criterion", "compute_loss", "loss_function"),
    "optimizer": ("make_optimizer", "build_optimizer", "get_optimizer", "configure_optimizers"),
    "training_step": ("training_step",),
}  # fmt: skip
BASES = {
    "model": ("nn.Module", "torch.nn.Module", "Module", "LightningModule"),
    "data": ("Dataset", "IterableDataset", "LightningDataModule"),
}
FILES = (".csv", ".csv.gz", ".tsv", ".parquet", ".npz", ".safetensors")
TARGETS = ("label", "labels", "target", "targets", "y", "class")


@dataclass(slots=True)
class Candidate:
    """Something that could be meant, and how likely: higher is likelier."""

    kind: str  # model | data | loss | optimizer | training_step
    reference: str
    score: float
    needs: tuple[str, ...] = ()  # arguments that have no default
    note: str = ""
    target_column: str | None = None
    is_class: bool = False


@dataclass(slots=True)
class Survey:
    """What was found, the likeliest first."""

    found: dict[str, list[Candidate]] = field(default_factory=dict)
    files: int = 0
    scripts: list[str] = field(default_factory=list)  # that train when they are run

    def best(self, kind: str) -> Candidate | None:
        """Return the likeliest candidate."""
        return self.found[kind][0] if self.found.get(kind) else None


def survey(folder: Path) -> Survey:
    """Read every Python file below `folder`, and find data files. Nothing is imported or run."""
    result = Survey()
    candidates: list[Candidate] = []
    for path in _files(folder):
        relative = path.relative_to(folder)
        if path.suffix == ".py":
            result.files += 1
            candidates += _in_file(path, relative)
            if not TESTS.intersection(relative.parts) and trains_when_run(path):
                result.scripts.append(relative.as_posix())
        elif path.name == "config.json" and (found := _saved_model(path, relative)) is not None:
            candidates.append(found)
        elif path.name.endswith(FILES):
            candidates.append(_data_file(path, relative))
    _prefer_neighbors(candidates)
    for candidate in sorted(candidates, key=lambda entry: -entry.score):
        result.found.setdefault(candidate.kind, []).append(candidate)
    return result


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in LEFT_OUT
            and not os.path.exists(os.path.join(root, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118 - may be closed to us
        )
        for name in sorted(names):
            path = Path(root, name)
            if name.endswith((".py", "config.json", *FILES)) and not name.startswith("."):
                seen += 1
                if seen > MOST_FILES:
                    return
                yield path


def _in_file(path: Path, relative: Path) -> list[Candidate]:
    try:
        tree = ast.parse(read_bytes(path, MOST_BYTES))
    except (
        SyntaxError,
        ValueError,
        OSError,
        UsageError,
    ):  # not for this Python: nothing that could be loaded
        return []
    penalty = len(relative.parts) - 1 + 4 * any(part in TESTS for part in relative.parts)
    penalty += 4 * relative.name.startswith(("test_", "conftest", "setup"))
    note = "trains while it is imported" if looks_like_a_script(path) else ""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    candidates = []
    for name, node in _definitions(tree):
        for kind, score in _kinds(name, node):
            needs = _needs(node, kind)
            held = isinstance(node, ast.ClassDef) and name in used  # a part, or called below
            value = score - penalty - 5 * bool(needs) - 4 * bool(note) - held
            is_class = isinstance(node, ast.ClassDef)
            where = f"{relative.as_posix()}:{name}"
            candidates.append(Candidate(kind, where, value, needs, note, is_class=is_class))
    return candidates


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node


def _kinds(name: str, node: ast.stmt) -> Iterator[tuple[str, float]]:
    for kind, names in NAMES.items():
        if name in names:
            yield kind, 20 - 0.1 * names.index(name)
    if isinstance(node, ast.ClassDef):
        bases = [ast.unparse(base) for base in node.bases]
        for kind, known in BASES.items():
            if any(base in known or base.rpartition(".")[2] in known for base in bases):
                yield kind, 10


def _needs(node: ast.stmt, kind: str) -> tuple[str, ...]:
    if isinstance(node, ast.ClassDef):
        init = next(
            (e for e in node.body if isinstance(e, ast.FunctionDef) and e.name == "__init__"), None
        )
        return () if init is None else _required(init, 1)
    if isinstance(node, ast.FunctionDef):
        given = {"optimizer": 1, "loss": 2, "training_step": 3}.get(kind, 0)
        return _required(node, given)
    return ()


def _required(function: ast.FunctionDef, given: int) -> tuple[str, ...]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    positional = arguments[: len(arguments) - len(function.args.defaults)][given:]
    keywords = [
        argument
        for argument, default in zip(
            function.args.kwonlyargs, function.args.kw_defaults, strict=True
        )
        if default is None
    ]
    return tuple(argument.arg for argument in (*positional, *keywords))


def _saved_model(path: Path, relative: Path) -> Candidate | None:
    if '"architectures"' not in path.read_text(encoding="utf-8", errors="replace"):
        return None
    return Candidate("model", f"hf:{relative.parent.as_posix()}", 8 - len(relative.parts))


def _data_file(path: Path, relative: Path) -> Candidate:
    score = 6.0 - len(relative.parts) + 2 * ("train" in path.name)
    column, note = _target_of(path)
    return Candidate("data", relative.as_posix(), score, note=note, target_column=column)


def _target_of(path: Path) -> tuple[str | None, str]:
    if not path.name.endswith((".csv", ".csv.gz", ".tsv")):
        return None, ""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            line = file.readline(MOST_BYTES)
    except (OSError, UnicodeDecodeError):  # unreadable: diagnose will say why
        return None, ""
    header = next(csv.reader([line], delimiter="\t" if ".tsv" in path.name else ","), [])
    usual = [name for name in header if name.strip().lower() in TARGETS]
    if usual or not header:
        return (usual[0] if usual else None), ""
    return header[-1], "guessed: the last column"


def _prefer_neighbors(candidates: list[Candidate]) -> None:
    """Parts that lie in the file of the likeliest model belong to it; likelier still a model with data."""
    with_data = {_place(entry) for entry in candidates if entry.kind == "data" and entry.score > 0}
    models = [entry for entry in candidates if entry.kind == "model"]
    for entry in models:
        entry.score += 2 * (_place(entry) in with_data)
    if not models:
        return
    home = _place(max(models, key=lambda entry: entry.score))
    for entry in candidates:
        if entry.kind != "model":
            entry.score += 6 * (_place(entry) == home)


def _place(candidate: Candidate) -> str:
    return candidate.reference.partition(":")[0]
