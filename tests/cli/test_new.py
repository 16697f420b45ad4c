"""`gradcheck new`: what it writes stands in its place, runs, and passes its own test."""

import ast
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from gradcheck_cli.cli.new import PLACES, What, add
from gradcheck_cli.errors import UsageError
from tests.cli.test_edge import gradcheck

ROOT = Path(__file__).parents[2]
OF = {What.CAUSE: "stalled-loss", What.FIX: "learning-rate-too-high"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The folders that are written into, with the lists alone."""
    for place in PLACES.values():
        there = Path("gradcheck_cli", place.folder, place.catalogue)
        (tmp_path / there).parent.mkdir(parents=True)
        shutil.copy(ROOT / there, tmp_path / there)
        (tmp_path / "tests" / place.folder).mkdir(parents=True)
    (tmp_path / "gradcheck_cli/rules/examples.toml").touch()
    shutil.copytree(ROOT / "packaging/new", tmp_path / "packaging/new")
    return tmp_path


def entries(listing: Path, variable: str) -> list[str]:
    """Return the names in a list."""
    [held] = [
        n
        for n in ast.parse(listing.read_text()).body
        if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == variable
    ]
    assert isinstance(held.value, ast.Tuple)
    return [ast.unparse(entry) for entry in held.value.elts]


@pytest.mark.parametrize("what", What)
def test_it_stands_in_the_list_and_is_imported(checkout: Path, what: What) -> None:
    file, listing, *_, test = add(
        checkout, what, "drifting-weights", of=OF.get(what, ""), hundred=3
    )
    assert "drifting_weights" in entries(listing, PLACES[what].listed)
    assert f"{PLACES[what].folder}.drifting_weights import drifting_weights" in listing.read_text()
    for written in (file, test):
        assert "$" not in written.read_text()
        assert missing_modules(written.read_text(), "drifting_weights") == set()


def missing_modules(source: str, added: str) -> set[str]:
    """Return the modules that a source imports and that are not there, but for the added one."""
    named = {n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)}
    return {m for m in named if m and not m.endswith(f".{added}") and find_spec(m) is None}


def test_a_rule_gets_the_next_free_code_of_its_hundred(checkout: Path) -> None:
    _, listing, example, _ = add(checkout, What.RULE, "drifting-weights", hundred=3)
    assert "[GC303]" in example.read_text()
    names = entries(listing, "RULES")
    assert names[names.index("drifting_weights") - 1] == "large_first_loss"
    assert "drifting_weights,  # GC303\n" in listing.read_text()


def test_its_example_stands_in_the_order_of_codes(checkout: Path) -> None:
    shutil.copy(ROOT / "gradcheck_cli/rules/examples.toml", checkout / "gradcheck_cli/rules")
    _, _, example, _ = add(checkout, What.RULE, "drifting-weights", hundred=3)
    codes = list(tomllib.loads(example.read_text()))
    assert codes[codes.index("GC303") - 1 :][:3] == ["GC302", "GC303", "GC401"]
    assert "\n\n\n" not in example.read_text()


@pytest.mark.parametrize("what", What)
def test_what_is_to_be_replaced_is_marked(checkout: Path, what: What) -> None:
    file, *_ = add(checkout, what, "drifting-weights", of=OF.get(what, ""), hundred=3)
    assert "FILL IN" in file.read_text()


def test_a_rule_is_asked_what_it_is_about() -> None:
    done = gradcheck("new", "rule", "drifting-weights", cwd=ROOT)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--hundred is missing" in done.stderr
    assert "3 weights" in done.stderr


@pytest.mark.parametrize("what", OF)
def test_a_name_that_nothing_has_is_one_line_with_the_nearest(what: What) -> None:
    done = gradcheck("new", what.value, "drifting-weights", "--of", OF[what][:-1], cwd=ROOT)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"did you mean {OF[what]}?" in done.stderr


def test_nothing_is_written_over_and_names_have_one_form(checkout: Path) -> None:
    add(checkout, What.RULE, "drifting-weights", hundred=3)
    for name, said in (("drifting-weights", "exists already"), ("Drifting", "small letters")):
        with pytest.raises(UsageError, match=said):
            add(checkout, What.RULE, name, hundred=3)
    with pytest.raises(UsageError, match="--of is missing"):
        add(checkout, What.CAUSE, "too-drifting")


def test_outside_of_a_checkout_it_is_one_line(tmp_path: Path) -> None:
    done = gradcheck("new", "rule", "drifting-weights", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.heavy
@pytest.mark.parametrize("what", What)
def test_what_it_writes_passes_its_own_test(tmp_path: Path, what: What) -> None:
    for folder in ("gradcheck_cli", "tests", "sample_models", "packaging"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    made = add(tmp_path, what, "drifting-weights", of=OF.get(what, ""), hundred=3)
    written = [str(f) for f in made]
    sources = [file for file in written if file.endswith(".py")]
    for words in (
        ["pytest", "-q", "-p", "no:cacheprovider", written[-1]],
        ["ruff", "check", "-q", *sources],
        ["ruff", "format", "--check", "-q", *sources],
    ):
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
