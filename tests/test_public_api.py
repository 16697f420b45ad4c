"""The public names stand in one place, and that place is complete."""

import ast
import re
from pathlib import Path

import gradcheck_cli
from docs import public_api

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_what_is_exported_is_typed_and_has_a_home() -> None:
    tree = ast.parse(Path(gradcheck_cli.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for line in node.body
        if isinstance(line, ast.ImportFrom) and line.module != "typing"
        for alias in line.names
    }
    assert typed == set(gradcheck_cli.__all__) == set(gradcheck_cli._HOMES)
    assert gradcheck_cli.__all__ == sorted(gradcheck_cli.__all__)


def test_every_public_name_is_described_on_the_page() -> None:
    page = public_api.page()
    assert [name for name in gradcheck_cli.__all__ if f"\n## {name}\n" not in page] == []
    for name in gradcheck_cli.__all__:
        assert ast.get_docstring(public_api.definition(name)), name


def test_the_documentation_imports_public_names_only() -> None:
    said = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    taken = re.findall(r"^from gradcheck_cli import (.+)$", said, re.MULTILINE)
    names = {name.strip() for line in taken for name in line.split(",")}
    assert names
    assert names <= set(gradcheck_cli.__all__)


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (ROOT / "gradcheck_cli" / "py.typed").is_file()
