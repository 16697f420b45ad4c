"""What is imported is declared, and what is declared has a reason that a person wrote down."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.audit import judged

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
TOOLS = {"dev", "heavy", "docs", "peers"}  # extras that no user needs
MODULE_OF = {"pyyaml": "yaml", "pillow": "PIL"}
# Imported only where the user has imported or asked for it: the reason why no extra holds it.
THE_USERS = {
    "pytest": "the plugin is loaded by pytest itself",
}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", text, maxsplit=1)[0].lower() for text in requirements}


SHIPPED = names(PROJECT["dependencies"]).union(
    *(names(needed) for extra, needed in EXTRAS.items() if extra not in TOOLS)
)


def imports() -> dict[str, str]:
    """Return every foreign top-level module that the package imports, with a place where it does."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "gradcheck_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            for module in modules:
                found.setdefault(module.partition(".")[0], str(file.relative_to(ROOT)))
    return {
        m: at for m, at in found.items() if m not in sys.stdlib_module_names | {"gradcheck_cli"}
    }


def test_everything_that_is_imported_is_declared() -> None:
    declared = {MODULE_OF.get(name, name) for name in SHIPPED} | set(THE_USERS)
    assert {m: at for m, at in imports().items() if m not in declared} == {}


@pytest.mark.parametrize("name", sorted(SHIPPED | names(EXTRAS["peers"])))
def test_every_dependency_has_its_reason_in_the_security_page(name: str) -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(row.split("|")[2].strip()) > 15


@pytest.mark.heavy
def test_what_is_only_measured_beside_us_is_pinned_and_imported_by_nothing_of_ours() -> None:
    beside = names(EXTRAS["peers"]) - SHIPPED
    pinned = names((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    assert "wandb" in beside
    assert beside - pinned == set()
    assert {m for m in imports() if m.replace("_", "-") in beside} == set()


def package(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "version": "1"} | more


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([package("a", vulns=[{"id": "PYSEC-1", "fix_versions": ["2"]}])], 1, "PYSEC-1"),
        ([package("a", vulns=[]), package("b", skip_reason="local")], 0, "1 packages audited"),
        ([package("a", skip_reason="not found")], 0, "not audited"),
    ],
)
def test_an_audit_fails_on_a_vulnerability_and_claims_nothing_that_was_not_looked_up(
    packages: list[dict[str, object]], code: int, words: str
) -> None:
    got, said = judged(json.dumps({"dependencies": packages}), "")
    assert got == code
    assert words in said


def test_an_audit_without_a_network_says_that_nothing_was_audited() -> None:
    assert judged("", "ConnectionError: no route") == (
        0,
        "could not reach the advisory database: not audited (ConnectionError: no route)",
    )
