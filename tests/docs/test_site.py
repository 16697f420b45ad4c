"""The documentation builds without a warning, and every page can be found in it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def listed(nav: object) -> set[str]:
    """Return the pages of the table of contents."""
    if isinstance(nav, str):
        return {nav}
    inner = nav.values() if isinstance(nav, dict) else nav
    return {page for part in inner for page in listed(part)}


def test_the_table_of_contents_names_pages_that_exist() -> None:
    assert [p for p in listed(SITE["nav"]) if not (ROOT / "docs" / p).exists()] == []


def test_every_page_of_a_folder_is_in_the_table_of_contents() -> None:
    docs = ROOT / "docs"
    pages = {
        f"{p.parent.name}/{p.name}"
        for name in ("how-to", "reference")
        for p in (docs / name).glob("*.md")
    }
    assert pages - listed(SITE["nav"]) == set()


WRITTEN = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_says_nothing_twice_and_ends_what_it_begins(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## .+$", text, re.MULTILINE)
    assert len(headings) == len(set(headings)) > 1
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
    assert text.count("<!-- generated:") == text.count("<!-- end -->")


@pytest.mark.heavy
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    for page in listed(SITE["nav"]):
        made = tmp_path / page.removesuffix("index.md").removesuffix(".md") / "index.html"
        assert made.exists(), page
    assert "fonts.googleapis" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<img[^>]+src=\"https?:", (tmp_path / "index.html").read_text("utf-8"))
