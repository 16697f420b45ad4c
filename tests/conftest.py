"""Shared by all tests: golden files and one thread."""

import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from gradcheck_cli.probe import shield

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Experiments are tested in tests/examine and on the samples; elsewhere they would only take time.
os.environ.setdefault("GRADCHECK_EXAMINE", "none")
GOLDEN = Path(__file__).parent / "golden"
Write = Callable[[str, str], Path]
KEPT = Path(tempfile.mkdtemp(prefix="kept"), "errors")  # of processes that tests start, by warm.py
os.environ["TESTS_KEPT"] = str(KEPT)


def pytest_collection_finish() -> None:
    """Let the collector leave alone what is imported: a million objects, where a user has a few models."""
    if "torch" in sys.modules:
        import torch._dynamo  # noqa: F401 - the first optimizer would import it
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--overwrite", action="store_true", help="write tests/golden/* instead of comparing"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no test any more when the time is over that `.ci/run` has; what was left out is counted."""
    until = os.environ.get("GRADCHECK_TESTS_UNTIL")  # seconds since 1970
    if until and time.time() > float(until):
        pytest.skip("the time for heavy tests is over")


def pytest_sessionfinish() -> None:
    shutil.rmtree(KEPT.parent, ignore_errors=True)


@pytest.fixture
def kept() -> list[str]:
    """Errors of ours that the shield kept from the training: a test that asks for this expects them."""
    return []


@pytest.fixture(autouse=True)
def _nothing_is_kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the shield hide no bug from the tests."""
    asked = "kept" in request.fixturenames
    errors = request.getfixturevalue("kept") if asked else []
    keep = shield.keep

    def noting(error: Exception) -> bool:
        is_kept = keep(error)
        errors.extend([shield.now.error] if is_kept else [])
        return is_kept

    shield.keep = noting
    yield
    shield.keep = keep
    if KEPT.exists():
        errors.append(KEPT.read_text())
        KEPT.unlink()
    assert asked or not errors, errors[0]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with tests/golden/NAME; `pytest --overwrite` writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--overwrite"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, "pytest --overwrite accepts the new text"

    return compare


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the working folder."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(project: Path) -> Write:
    """Writes a file below an empty working folder."""

    def write_file(name: str, text: str) -> Path:
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write_file
