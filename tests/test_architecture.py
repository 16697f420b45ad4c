"""The floors: every import goes to a strictly lower one, and torch stops at the trace."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from benchmarks.size import by_folder

PACKAGE = "gradcheck_cli"
ROOT = Path(__file__).parent.parent / PACKAGE

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "here", "demos", "notebooks", "ops", "shadowing"}),
    frozenset({"records", "declared", "elsewhere", "stopping", "leaving", "blame"}),
    frozenset({"again", "plugins", "scripts", "policy", "comparing", "features"}),
    frozenset({"targets", "rules", "renderers", "settings"}),
    frozenset({"probe", "remedies", "causes"}),
    frozenset({"verifying", "concluding", "condensing", "examine"}),
    frozenset({"live", "pipeline", "gating", "replay", "rerun"}),
    frozenset({"witnessing", "diagnosing"}),
    frozenset({"fixing", "watching", "running"}),
    frozenset({"cli", "integrations"}),
    frozenset({"__init__", "__main__"}),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

TORCH_ALLOWED = {
    "demos",
    "targets",
    "probe",
    "examine",
    "remedies",
    "verifying",
    "replay",
    "rerun",
    "diagnosing",
    "watching",
    "witnessing",
    "running",
    "fixing",
}

MOST_LINES = 300
LONGER_WITH_REASON: dict[str, str] = {
    "probe/recorder.py": "the only mutable object; its hooks share its state",
}


MOST_LINES_OF_A_FUNCTION = 40  # of its body, without its manual
LONG_WITH_REASON: dict[str, str] = {}


# Of each folder, `.` for the files beside the folders: a little above what is there, so that a mend
# passes and a new idea asks what it replaces. `python -m benchmarks.size` prints them.
MOST_LINES_OF_A_FOLDER = {
    ".": 3448,  # commands of notebooks in scripts exported from them
    "causes": 2498,
    "cli": 2972,
    "declared": 336,
    "demos": 214,
    "examine": 8384,  # what the place of a sample in its batch does to its output
    "features": 1145,  # weights of samples that are stretched over all of them
    "integrations": 266,
    "live": 441,
    "probe": 11394,  # whether updates by hand are by cleared gradients
    "records": 2056,
    "remedies": 6421,  # a line of code for positions that follow the batch
    "renderers": 2789,
    "replay": 3949,
    "rerun": 1340,
    "rules": 4143,
    "settings": 1244,
    "targets": 5558,
    "verifying": 1006,
}


def room_of(file: Path, root: Path) -> str:
    """Return the first part of the path below the package: a folder or a single file."""
    return file.relative_to(root).parts[0].removesuffix(".py")


def imported(file: Path, root: Path) -> Iterator[str]:
    """Yield the absolute name of everything that `file` imports, however it is spelled."""
    parts = (PACKAGE, *file.relative_to(root).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            prefix = ".".join(p for p in (base, node.module or "") if p)
            yield from (f"{prefix}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _imports_by_name(node):
            yield node.args[0].value


def _imports_by_name(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    named = bool(call.args) and isinstance(call.args[0], ast.Constant)
    return name in {"import_module", "importlib.import_module", "__import__"} and named


def offences(root: Path) -> list[str]:
    """Return every import that breaks the floors."""
    rooms = {p.name.removesuffix(".py") for p in root.iterdir() if p.suffix == ".py" or p.is_dir()}
    found = []
    for file in sorted(root.rglob("*.py")):
        here = room_of(file, root)
        for name in imported(file, root):
            top, _, rest = name.partition(".")
            there = rest.partition(".")[0]
            said = f"{file.relative_to(root)} imports {name}"
            if top == "torch" and here not in TORCH_ALLOWED:
                found.append(f"{said}: no torch here; what it needs is a field of the trace")
            if top == PACKAGE and there in rooms and there != here:
                if here not in FLOOR or there not in FLOOR:
                    found.append(f"{said}: has no floor in FLOORS of this test")
                elif FLOOR[there] >= FLOOR[here]:
                    high, low = FLOOR[here], FLOOR[there]
                    found.append(f"{said}: not downwards, from floor {high} to floor {low}")
    return found


def test_every_import_goes_to_a_lower_floor_and_torch_stops_at_the_trace() -> None:
    assert offences(ROOT) == []


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(file, ROOT) for file in ROOT.rglob("*.py")}
    new = sorted(rooms - FLOOR.keys())
    assert not new, f"give {new} a floor in FLOORS, and a row in docs/architecture.md"


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("rules/engine.py", "import torch"),
        ("rules/engine.py", "import torch.nn as nn"),
        ("rules/engine.py", "from torch import nn"),
        ("rules/engine.py", "def f():\n    from torch.nn import functional"),
        ("renderers/html.py", "import importlib\nimportlib.import_module('torch')"),
        ("cli/app.py", "__import__('torch')"),
        ("comparing.py", "import torch"),
        ("records/report.py", "from gradcheck_cli import renderers"),
        ("records/report.py", "import gradcheck_cli.renderers.html"),
        ("records/report.py", "from gradcheck_cli.renderers import html"),
        ("records/report.py", "from ..renderers import html"),
        ("records/report.py", "from .. import renderers"),
        ("records/report.py", "def f():\n    from gradcheck_cli.cli import app"),
        ("rules/engine.py", "from ..probe import gauges"),
        ("rules/engine.py", "from gradcheck_cli.renderers import html"),
        ("renderers/html.py", "from gradcheck_cli import settings"),
        ("causes/base.py", "from gradcheck_cli.remedies import base"),
        ("comparing.py", "from . import fixing"),
        ("diagnosing.py", "from gradcheck_cli.cli.app import main"),
    ],
)
def test_the_check_itself_catches_every_spelling(tmp_path: Path, file: str, code: str) -> None:
    plant(tmp_path)
    target = tmp_path / file
    target.write_text(code)
    assert len(offences(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("rules/engine.py", "from gradcheck_cli.records import report"),
        ("rules/engine.py", "from . import base"),
        ("rules/engine.py", "from gradcheck_cli import __version__"),
        ("probe/gauges.py", "import torch"),
        ("cli/app.py", "from gradcheck_cli import diagnosing"),
        ("renderers/html.py", "import torchlike"),
    ],
)
def test_the_check_lets_what_is_allowed_pass(tmp_path: Path, file: str, code: str) -> None:
    plant(tmp_path)
    (tmp_path / file).write_text(code)
    assert offences(tmp_path) == []


def plant(root: Path) -> None:
    """Make an empty package with all rooms."""
    for folder in (
        "records",
        "rules",
        "renderers",
        "targets",
        "probe",
        "remedies",
        "causes",
        "cli",
    ):
        (root / folder).mkdir()
        (root / folder / "__init__.py").touch()
    for file in (
        "errors",
        "settings",
        "verifying",
        "diagnosing",
        "fixing",
        "comparing",
        "__init__",
    ):
        (root / f"{file}.py").touch()


@pytest.mark.parametrize(
    "module",
    [
        "gradcheck_cli",
        "gradcheck_cli.cli.app",
        "gradcheck_cli.records.yamlfile",
        "gradcheck_cli.renderers.terminal",
        "gradcheck_cli.renderers.formats",
        "gradcheck_cli.rules",
        "gradcheck_cli.causes",
        "gradcheck_cli.pipeline",
        "gradcheck_cli.remedies.cards",
    ],
)
def test_importing_it_leaves_torch_out(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_is_too_long_to_read_at_once() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in ROOT.rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    found = {name: lines for name, lines in long.items() if name not in LONGER_WITH_REASON}
    assert not found, f"a file is one idea, of at most {MOST_LINES} lines; split {found}"


def modules(root: Path) -> dict[str, set[str]]:
    """Return the modules of the package and which of them each imports, however late.

    The package itself is left out: its `__init__` holds the version and imports nothing by itself.
    """
    found = {
        ".".join((PACKAGE, *file.relative_to(root).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): file
        for file in root.rglob("*.py")
        if file != root / "__init__.py"
    }
    return {
        here: {
            there
            for name in imported(file, root)
            for there in (name, name.rpartition(".")[0])
            if there in found and there != here
        }
        for here, file in found.items()
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    found = circle(modules(ROOT))
    assert not found, f"move what both need into a third module: {' -> '.join(found)}"


def test_a_circle_is_found_also_where_an_import_is_late(tmp_path: Path) -> None:
    plant(tmp_path)
    (tmp_path / "rules" / "a.py").write_text("from gradcheck_cli.rules import b")
    (tmp_path / "rules" / "b.py").write_text("def f():\n    from gradcheck_cli.rules.a import g")
    assert set(circle(modules(tmp_path))) == {f"{PACKAGE}.rules.a", f"{PACKAGE}.rules.b"}


def test_no_function_is_too_long_to_read_at_once() -> None:
    long = {
        f"{file.relative_to(ROOT)}:{node.name}": lines
        for file in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        if (lines := _lines_of_body(node)) > MOST_LINES_OF_A_FUNCTION
    }
    found = {name: lines for name, lines in long.items() if name not in LONG_WITH_REASON}
    most = MOST_LINES_OF_A_FUNCTION
    assert not found, f"a function has at most {most} lines below its docstring; split {found}"
    assert LONG_WITH_REASON.keys() <= long.keys(), "an exception that nothing needs any more"


def _lines_of_body(node: ast.FunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_folder_grows_beyond_its_budget() -> None:
    assert by_folder(ROOT).keys() == MOST_LINES_OF_A_FOLDER.keys()
    above = [
        f"{folder}: {lines} lines, the budget is {MOST_LINES_OF_A_FOLDER[folder]}"
        for folder, (_, lines) in by_folder(ROOT).items()
        if lines > MOST_LINES_OF_A_FOLDER[folder]
    ]
    how = (
        "delete what it replaces; where nothing can go, raise the budget in a commit that says why"
    )
    assert not above, f"{'; '.join(above)}: {how}"


def test_nothing_that_gradcheck_new_wrote_is_left_to_be_filled_in() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("rules", "causes", "remedies", "examine")
        for file in sorted((ROOT / folder).iterdir())
        if file.suffix in {".py", ".toml"}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "FILL IN" in line
    ]
    assert not found, "replace what `gradcheck new` left open:\n" + "\n".join(found)
