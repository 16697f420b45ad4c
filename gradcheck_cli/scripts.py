"""What a script does when it is run or imported, and why it cannot be. Files are read, never run."""

import ast
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from gradcheck_cli.here import is_gone
from gradcheck_cli.notebooks import freed

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)  # run when called
# What makers of trainers end in: HF, TRL, Lightning, fastai, Ignite, and classes of one's own.
_TRAINERS = ("Trainer", "Learner", "create_supervised_trainer")
_OF_TRAINERS = ("train", "fit", "fit_one_cycle", "fine_tune", "run")
_ELSEWHERE = ("main", "train", "fit", "train_model", "run_training")  # imported and called by name


def looks_like_a_script(path: Path) -> int:
    """Return the line in which a training begins when the file is imported, 0 where none does.

    A training is a backward pass or an optimizer's step in a loop, a call of a trainer, or of a
    function of the file in which there is one. What stands below `if __name__ == "__main__":` or only
    in functions is none. A file that cannot be read or parsed is none either.
    """
    return _first_training(path, guarded=False)


def why_missing(name: str) -> str:
    """Say why the module `name` could not be imported by a script, and what to do about it."""
    top = name.partition(".")[0]
    if not is_gone() and any(os.path.exists(where) for where in (top, f"{top}.py")):  # noqa: PTH110
        return f"{top!r} lies in the current folder, where the script does not look; set PYTHONPATH=. for it"
    return (
        f"{name!r} is not installed for {sys.executable}, which runs the script; install it there, or "
        "name the project's interpreter: gradcheck --python FILE COMMAND ..."
    )


def why_no_python(path: str | Path) -> str:
    """Say what to do about a file that holds no Python source, such as a notebook."""
    if Path(path).suffix == ".ipynb":
        name = shlex.quote(os.fspath(path))
        return (
            f"{path} is a notebook: make a script of it with `jupyter nbconvert --to script {name}`, or put "
            "`with gradcheck_cli.watch(model, optimizer, show=True):` around the loop in its cell"
        )
    return f"{path} is no Python file; name a model as file.py:name, or a script as file.py"


def trains_when_run(path: Path) -> int:
    """Return the same for `python FILE`, which also runs what stands below the guard."""
    return _first_training(path, guarded=True)


def _first_training(path: Path, *, guarded: bool) -> int:
    if not path.is_file():  # a pipe or a device may have no end
        return 0
    try:
        tree, _ = freed(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return 0
    reader = _Reader(tree)
    statements = _executed(tree, guarded=guarded)
    return next((line for node in statements if (line := reader.trains(node))), 0)


def _executed(tree: ast.Module, *, guarded: bool) -> Iterator[ast.stmt]:
    """Yield the statements that an import runs, or, with what is `guarded`, a run of the file."""
    for node in tree.body:
        if isinstance(node, ast.If) and _is_main_guard(node.test):
            yield from node.body if guarded else node.orelse
        elif not isinstance(node, _LATER):
            yield node


def _is_main_guard(test: ast.expr) -> bool:
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    texts = {n.value for n in ast.walk(test) if isinstance(n, ast.Constant)}
    equal = any(isinstance(n, ast.Eq) for n in ast.walk(test))
    return "__name__" in names and "__main__" in texts and equal


class _Reader:
    """Knows the functions of a file, and the names that hold trainers and optimizers."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions = {
            n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self.methods = {
            part.name: part
            for n in tree.body
            if isinstance(n, ast.ClassDef)
            for part in n.body
            if isinstance(part, ast.FunctionDef)
        }
        self.trainers: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _makes_a_trainer(node.value):
                self.trainers |= {ast.unparse(target) for target in node.targets}

    def trains(
        self, node: ast.AST, open_: frozenset[str] = frozenset(), *, repeated: bool = False
    ) -> int:
        """Return the line of a call that trains, run with `node`; 0 without one."""
        for call, in_loop in _calls(node, in_loop=repeated):
            if self._is_training(call, in_loop=in_loop):
                return call.lineno
            if self._leads_to_one(call, open_, repeated=in_loop):
                return call.lineno
        return 0

    def _is_training(self, call: ast.Call, *, in_loop: bool) -> bool:
        if not isinstance(call.func, ast.Attribute):
            return False
        name, owner = call.func.attr, call.func.value
        if name == "backward":
            return in_loop
        if name == "step":
            return in_loop and "opt" in ast.unparse(owner).lower()
        if name == "learn":
            return any(k.arg == "total_timesteps" for k in call.keywords)
        return name in _OF_TRAINERS and (
            _makes_a_trainer(owner) or ast.unparse(owner) in self.trainers
        )

    def _leads_to_one(self, call: ast.Call, open_: frozenset[str], *, repeated: bool) -> bool:
        """Does it call, or hand on (to `fire.Fire`, `typer.run`), a function that trains?"""
        if isinstance(call.func, ast.Name) and call.func.id not in self.functions:
            return call.func.id in _ELSEWHERE
        names = [e.id for e in (call.func, *call.args) if isinstance(e, ast.Name)]
        bodies = [(n, self.functions[n].body) for n in names if n in self.functions]
        if isinstance(call.func, ast.Attribute) and call.func.attr in self.methods:
            bodies.append((f".{call.func.attr}", self.methods[call.func.attr].body))
        return any(
            self.trains(statement, open_ | {name}, repeated=repeated)
            for name, body in bodies
            if name not in open_
            for statement in body
        )


def _makes_a_trainer(value: ast.AST) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith(_TRAINERS)


def _calls(node: ast.AST, *, in_loop: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Yield the calls that are made when `node` runs, and whether a loop repeats them."""
    if isinstance(node, _LATER):
        return
    if isinstance(node, ast.Call):
        yield node, in_loop
    inside = in_loop or isinstance(node, _LOOPS)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, in_loop=inside)
