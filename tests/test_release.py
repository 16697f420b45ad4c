"""A tag is released only when version and changelog agree with it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gradcheck_cli import __version__

ROOT = Path(__file__).parent.parent
SCRIPT = Path(".ci") / "release_notes.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script reads, with a section for the version."""
    for name in ("pyproject.toml", "gradcheck_cli/__init__.py", str(SCRIPT)):
        there = tmp_path / name
        there.parent.mkdir(exist_ok=True)
        there.write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    log = f"# Changelog\n\n## [Unreleased]\n\n## [{__version__}] - 2026-01-02\n\n- New.\n\n## [0.0.1]\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(log, encoding="utf-8")
    return tmp_path


def released(checkout: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the workflow does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), tag],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_notes_of_a_version_are_its_section_and_no_other(checkout: Path) -> None:
    done = released(checkout, f"v{__version__}")
    assert (done.returncode, done.stdout) == (0, "- New.\n")


@pytest.mark.parametrize("tag", ["", __version__, "v9.9.9"])
def test_a_tag_that_is_not_the_version_is_refused(checkout: Path, tag: str) -> None:
    done = released(checkout, tag)
    assert done.returncode == 1
    assert f"it has to be v{__version__}" in done.stderr


def test_a_version_without_a_section_is_refused(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("## [Unreleased]\n\n- New.\n")
    done = released(checkout, f"v{__version__}")
    assert done.returncode == 1
    assert "rename [Unreleased]" in done.stderr


def test_a_package_of_another_version_is_refused(checkout: Path) -> None:
    (checkout / "gradcheck_cli" / "__init__.py").write_text('__version__ = "7"\n')
    assert "gradcheck_cli.__version__ is not" in released(checkout, f"v{__version__}").stderr


def test_the_workflow_checks_the_tag_before_it_builds_and_publishes_with_the_least_rights() -> None:
    flow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    commands = [step.get("run", "") for step in flow["jobs"]["build"]["steps"]]
    order = [next(i for i, c in enumerate(commands) if piece in c) for piece in ("release_notes", "make check", "-m build", "explain")]  # fmt: skip
    assert order == sorted(order)
    assert flow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true
    assert flow["permissions"] == {"contents": "read"}
    assert flow["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert flow["jobs"]["publish"]["environment"] == "pypi"
    assert flow["jobs"]["publish"]["needs"] == "build"


def test_no_step_writes_what_an_event_holds_into_a_shell_command() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        flow = yaml.safe_load(path.read_text(encoding="utf-8"))
        steps = [step for job in flow["jobs"].values() for step in job["steps"]]
        assert steps
        assert [s["run"] for s in steps if re.search(r"\$\{\{\s*github\.", s.get("run", ""))] == []
