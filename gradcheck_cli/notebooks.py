"""The commands of a notebook in the script it was exported to, which only a notebook can run.

`jupyter nbconvert --to script` writes them as calls of `get_ipython()`, Colab leaves lines that begin with
`!` or `%`. They are passed over; code that `%time`, `%%time` and `%%capture` stand before is run.
"""

import ast
import re
from importlib.util import decode_source
from os import PathLike
from pathlib import Path

_LINE = re.compile(r"^([ \t]*)[!%].*$", re.MULTILINE)
_BEFORE_CODE = {  # and which argument is the code
    ("run_line_magic", "time"): 1,
    ("run_cell_magic", "time"): 2,
    ("run_cell_magic", "capture"): 2,
}


def freed(source: bytes, path: str | PathLike[str] = "<unknown>") -> tuple[ast.Module, int]:
    """Return the tree of a script without the commands of a notebook, and how many there were.

    Line numbers stay. Nothing is taken out of what Python could run: commands are looked for where it cannot
    be parsed, or where an outermost statement calls `get_ipython()`. Raises what `ast.parse` raises.
    """
    lines = 0
    try:
        tree = _parsed(source, path)
    except SyntaxError:
        text, lines = _LINE.subn(r"\1pass", decode_source(source))
        if not lines:
            raise
        tree = _parsed(text, path)
    calls = _Calls()
    if any(isinstance(x, ast.Expr) and _is_command(x.value) for x in tree.body):
        calls.visit(tree)
    return tree, lines + calls.found


def _parsed(source: bytes | str, path: str | PathLike[str]) -> ast.Module:
    # As `ast.parse`, which would stand in the traceback of an error.
    tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def passed_over(path: str) -> str:
    """Say how many commands of a notebook are passed over in a script, nothing where none is."""
    try:
        _, commands = freed(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ""
    if not commands:
        return ""
    words = (
        "1 command of a notebook is" if commands == 1 else f"{commands} commands of a notebook are"
    )
    return f"{words} passed over in {Path(path).name}"


class _Calls(ast.NodeTransformer):
    """Puts the code of a command in its place, and nothing where it has none."""

    found = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        """A command that stands alone."""
        if not _is_command(node.value):
            return self.generic_visit(node)
        self.found += 1
        return _code_of(node.value) or ast.copy_location(ast.Pass(), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """One whose result is used."""
        if not _is_command(node):
            return self.generic_visit(node)
        self.found += 1
        return ast.copy_location(ast.Constant(None), node)


def _is_command(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("get_ipython().")


def _code_of(call: ast.expr) -> list[ast.stmt]:
    """Return the statements that the command stands before, all at its line."""
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    given = [str(a.value) if isinstance(a, ast.Constant) else "" for a in call.args]
    at = _BEFORE_CODE.get((call.func.attr, given[0] if given else ""))
    code = ast.parse(given[at]).body if at is not None and at < len(given) else []
    for statement in code:
        for node in ast.walk(statement):
            ast.copy_location(node, call)
    return code
