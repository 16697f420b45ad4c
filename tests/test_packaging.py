"""What is uploaded: complete, small, and described alike everywhere."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MOST_OF_A_WHEEL, MOST_OF_AN_SDIST = 1_000_000, 2_000_000  # bytes
CONDA = {"torch": "pytorch"}  # what conda-forge calls it


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.heavy
def test_wheel_and_sdist_are_small_and_hold_what_is_read_at_run_time(built: Path) -> None:
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.stat().st_size < MOST_OF_A_WHEEL
    assert sdist.stat().st_size < MOST_OF_AN_SDIST
    package = ROOT / "gradcheck_cli"
    wanted = {
        str(f.relative_to(ROOT))
        for f in package.rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    }
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert wanted <= inside
    assert not [name for name in inside if not name.startswith("gradcheck_cli")]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted | {"README.md", "LICENSE", "pyproject.toml", "tests/test_packaging.py"} <= names


@pytest.mark.heavy
@pytest.mark.parametrize(
    "check", [["twine", "check", "--strict"], ["check_wheel_contents"]], ids=lambda c: c[0]
)
def test_the_checkers_of_uploads_are_content(built: Path, check: list[str]) -> None:
    pytest.importorskip(check[0], reason="the extra heavy")
    files = built.glob("*.whl" if check[0] == "check_wheel_contents" else "*.*")
    command = [sys.executable, "-m", *check, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipe_for_conda_forge_asks_for_the_same_packages() -> None:
    text = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    asked = {line.replace(" ", "") for line in recipe["requirements"]["run"]}
    names = (re.fullmatch(r"([\w-]+)(.*)", line) for line in PROJECT["dependencies"])
    expected = {f"{CONDA.get(found[1], found[1])}{found[2]}" for found in names if found}
    assert asked == expected | {"python>=${{python_min}}"}
    assert recipe["context"]["version"] == PROJECT["version"]
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]


def test_every_python_that_is_promised_is_tested() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == promised
    assert promised[0] == PROJECT["requires-python"].removeprefix(">=")
