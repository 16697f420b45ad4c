"""How large the package is, and how often it says the same: `python -m benchmarks.size [--before REV]`.

Everything is counted in the source, so that a revision can be set beside another; only the start-up is
measured, of what is installed.
"""

import argparse
import ast
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "gradcheck_cli"
SEVERAL = 4  # settings that a file declares before it counts as a place that declares settings
MADE_BY_HAND = ("rules", "causes")


def figures(code: Path) -> dict[str, str]:
    """Return what is counted in the package at `code`, each as it is shown."""
    files = {p.relative_to(code).as_posix(): p.read_text("utf-8") for p in code.rglob("*.py")}
    trees = {name: ast.parse(text) for name, text in files.items()}
    lines = {name: len(text.splitlines()) for name, text in files.items()}
    longest = max(lines, key=lambda name: lines[name])
    functions = {f"{n}:{f}": size for n, tree in trees.items() for f, size in _functions(tree)}
    function = max(functions, key=lambda name: functions[name])
    reports = [n for n, t in trees.items() if _makes(t, "Report") and not n.startswith("records/")]
    settings = _declaring(trees)
    bare = sum(_bare_numbers(t) for n, t in trees.items() if n.partition("/")[0] in MADE_BY_HAND)
    return {
        "files": f"{len(files)}",
        "lines": f"{sum(lines.values()):,}",
        "largest file": f"{lines[longest]} ({longest})",
        "largest function": f"{functions[function]} ({function})",
        "places that assemble a report": f"{len(reports)} ({', '.join(sorted(reports))})",
        "places that declare settings": f"{len(settings)} ({', '.join(sorted(settings))})",
        "numbers without a name in rules and causes": f"{bare}",
    }


def by_folder(code: Path) -> dict[str, tuple[int, int]]:
    """Return files and lines of each folder, and of the files beside the folders as `.`."""
    found: dict[str, list[int]] = defaultdict(list)
    for path in code.rglob("*.py"):
        parts = path.relative_to(code).parts
        place = parts[0] if len(parts) > 1 else "."
        found[place].append(len(path.read_text("utf-8").splitlines()))
    return {folder: (len(sizes), sum(sizes)) for folder, sizes in sorted(found.items())}


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


def _makes(tree: ast.Module, name: str) -> bool:
    return any(isinstance(n, ast.Call) and ast.unparse(n.func) == name for n in ast.walk(tree))


def _declaring(trees: dict[str, ast.Module]) -> list[str]:
    """Return the files that give settings a default, a limit or a meaning, several of them each.

    What a report records of a run is no declaration, though it has the same names.
    """
    from gradcheck_cli.declared import SETTINGS

    asked = {n: _said(t) for n, t in trees.items() if not n.startswith("records/")}
    return [name for name, said in asked.items() if len(said & SETTINGS.keys()) >= SEVERAL]


def _said(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            if ast.unparse(node.func).rpartition(".")[2] in {"Setting", "Option", "addoption"}:
                found.add(str(node.args[0].value).removeprefix("--").replace("-", "_"))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            limited = "Literal" in (kind := ast.unparse(node.annotation)) or "Field(" in kind
            if limited or _is_a_value(node.value):
                found.add(node.target.id)
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found |= {
                str(k.value) for k, v in pairs if isinstance(k, ast.Constant) and _is_a_value(v)
            }
    return found


def _is_a_value(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value not in {None, ""}


def _bare_numbers(tree: ast.Module) -> int:
    """Count numbers in functions that are neither defaults of thresholds nor 0, 1, 2, 10 and 100."""
    usual = {0, 1, 2, -1, 10, 100, 0.5}
    return sum(
        isinstance(n, ast.Constant)
        and isinstance(n.value, int | float)
        and not isinstance(n.value, bool)
        and n.value not in usual
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef)
        for statement in f.body
        for n in ast.walk(statement)
    )


def startup(runs: int = 5) -> str:
    """Return how long `--help` takes, the shortest of some runs, and beside it Python alone."""
    bare = min(_seconds("-c", "pass") for _ in range(runs))
    helped = min(_seconds("-m", PACKAGE, "--help") for _ in range(runs))
    return f"{1000 * helped:.0f} ms ({helped / bare:.1f}x `python -c pass`)"


def _seconds(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


def at(revision: str, folder: Path) -> Path:
    """Unpack the package of a revision into a folder and return where it lies."""
    packed = subprocess.run(
        ["git", "archive", revision, PACKAGE], cwd=ROOT, check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / PACKAGE


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", metavar="REV", help="set a revision beside it")
    options = parser.parse_args(arguments)
    now, folders = figures(ROOT / PACKAGE), by_folder(ROOT / PACKAGE)
    before, earlier = dict.fromkeys(now, ""), dict.fromkeys(folders, (0, 0))
    if options.before:
        with tempfile.TemporaryDirectory() as scratch:
            old = at(options.before, Path(scratch))
            before, earlier = figures(old), by_folder(old)
    sys.stdout.write("| | before | now |\n| --- | --- | --- |\n")
    for name, value in now.items():
        sys.stdout.write(f"| {name} | {before[name]} | {value} |\n")
    for folder in sorted({*folders, *earlier}):
        (files, lines), (had, held) = folders.get(folder, (0, 0)), earlier.get(folder, (0, 0))
        sys.stdout.write(f"| {folder}: files, lines | {had}, {held:,} | {files}, {lines:,} |\n")
    sys.stdout.write(f"| start-up of `--help` | | {startup()} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
