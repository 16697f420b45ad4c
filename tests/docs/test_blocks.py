"""Every code block of README and docs runs and ends as the page says."""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import PYTHON, SHELL, Block, blocks
from tests.support.processes import forked

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "how-to").glob("*.md"),
    ]
    if path.exists() and path.name != "ci.md"  # tests/cli/test_ci_example.py runs that one
)


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


def environment(folder: Path) -> dict[str, str]:
    """Put `gradcheck` and this Python first and leave out what a CI server or a person has set."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI", "GRADCHECK_"))
    }
    folder.mkdir()
    command = folder / "gradcheck"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(forked("-m", "gradcheck_cli"))} "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": ".", "COLUMNS": "80"}


def run(block: Block, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one block in the page's folder."""
    if block.kind in PYTHON:
        command = forked("-c", block.text)
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.text]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def play(page: Path, folder: Path, *, heavy: bool) -> int:
    """Run the blocks of a page in order and return how many ran."""
    found = list(blocks(page))
    shutil.copytree(ROOT / "sample_models", folder / "sample_models")
    for block in found:
        if block.file:
            (folder / block.file).write_text(block.text)
    ran, env = 0, environment(folder / ".commands")
    for block in found:
        missing = any(importlib.util.find_spec(name) is None for name in block.needs)
        if not block.runs or block.heavy > heavy or missing:
            continue
        done = run(block, folder, env)
        said = f"{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == block.promised, said
        ran += 1
    return ran


def pages_with(*, heavy: bool, first: bool | None = None) -> list[Path]:
    """Return the pages with a block of this weight: the README, which comes first, the others, or all."""
    found = [p for p in PAGES if any(b.runs and b.heavy == heavy for b in blocks(p))]
    return [p for p in found if first in {None, p == ROOT / "README.md"}]


@pytest.mark.parametrize("page", pages_with(heavy=False, first=True), ids=label)
def test_the_blocks_of_the_first_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    assert play(page, tmp_path, heavy=False) > 0


@pytest.mark.heavy
@pytest.mark.parametrize("page", pages_with(heavy=False, first=False), ids=label)
def test_the_blocks_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    assert play(page, tmp_path, heavy=False) > 0


@pytest.mark.heavy
@pytest.mark.parametrize("page", pages_with(heavy=True), ids=label)
def test_the_heavy_blocks_of_a_page_do_too(page: Path, tmp_path: Path) -> None:
    assert play(page, tmp_path, heavy=True) > 0


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_shell_block_says_whether_it_runs(page: Path) -> None:
    unmarked = [b.text for b in blocks(page) if b.kind in SHELL and not b.mark]
    assert unmarked == []


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_what_does_not_run_says_why(page: Path) -> None:
    marks = [b.mark for b in blocks(page) if b.mark.startswith("not run")]
    assert all(len(mark.partition(":")[2].strip()) > 5 for mark in marks)


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_python_that_does_not_run_is_python(page: Path) -> None:
    for block in blocks(page):
        if block.kind in PYTHON:
            compile(block.text, f"{page.name}:{block.file}", "exec")


def test_the_runner_notices_a_wrong_exit_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- run: exit 3 -->\n```sh\nexit 2\n```\n")
    with pytest.raises(AssertionError, match="exit 2"):
        play(page, tmp_path / "room", heavy=False)


def test_marks_are_read_as_documented() -> None:
    text = '<!-- run: exit 1, heavy, needs torch -->\n```sh\na\n```\n```python title="b.py"\nb\n```\n```yaml\nc\n```\n<!-- not run: no -->\n```python\nd\n```\n'
    first, second, third = blocks(text)
    assert (first.promised, first.heavy, first.needs, first.runs) == (1, True, ["torch"], True)
    assert (second.file, second.runs) == ("b.py", False)
    assert not third.runs
