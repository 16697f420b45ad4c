"""The page of the Python API, read from the source of what `gradcheck_cli` exports."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import gradcheck_cli

CODE = Path(gradcheck_cli.__file__).parent
HEAD = """# Python API

These names are public, and all there are: `from gradcheck_cli import ...`. They are imported when they are
first used, so `import gradcheck_cli` alone does not load torch. The callbacks of
[Lightning](../how-to/lightning.md) and [Hugging Face](../how-to/hugging-face.md) and the
[pytest](../how-to/pytest.md) fixture have pages of their own; what [plugins](../how-to/write-a-plugin.md)
import is said there. Everything else may change without notice.
"""


def page() -> str:
    """Return the whole page."""
    text = HEAD
    for name in gradcheck_cli.__all__:
        node = definition(name)
        text += f"\n## {name}\n\n" + "".join(_entry(node))
    return text


def definition(name: str) -> ast.ClassDef | ast.FunctionDef:
    """Return where a public name is defined. Raises LookupError where its home lacks it."""
    home = CODE / f"{gradcheck_cli._HOMES[name].replace('.', '/')}.py"  # noqa: SLF001
    for node in ast.parse(home.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"{home} does not define {name}")


def _entry(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield _signature(node)
        yield _words(node)
        return
    yield _words(node)
    for inner in node.body:
        if isinstance(inner, ast.AnnAssign):
            given = f" = {ast.unparse(inner.value)}" if inner.value else ""
            yield f"- `{ast.unparse(inner.target)}: {ast.unparse(inner.annotation)}{given}`\n"
        elif isinstance(inner, ast.Assign):
            yield f"- `{ast.unparse(inner.targets[0])} = {ast.unparse(inner.value)}`\n"
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
            yield f"\n### {node.name}.{inner.name}\n\n{_signature(inner)}{_words(inner)}"


def _signature(node: ast.FunctionDef) -> str:
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    lines = [f"@{mark}" for mark in marks if mark in {"classmethod", "property", "staticmethod"}]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    lines.append(f"def {node.name}({ast.unparse(node.args)}){returned}")
    return "```text\n" + "\n".join(lines) + "\n```\n\n"


def _words(node: ast.ClassDef | ast.FunctionDef) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "").replace("|", "\\|") + "\n\n"
