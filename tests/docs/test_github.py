"""The workflow and the issue templates fit the project they belong to."""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOW = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEMPLATES = sorted(p for p in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if p.stem != "config")


def steps() -> list[dict[str, object]]:
    return [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_the_matrix_has_every_python_that_is_promised() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised


def test_the_matrix_has_the_oldest_torch_that_is_promised() -> None:
    [torch] = [d for d in PROJECT["dependencies"] if d.startswith("torch")]
    oldest = torch.removeprefix("torch>=")
    assert f"{oldest}.*" in WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["torch"]


def test_what_the_workflow_runs_exists() -> None:
    said = "\n".join(str(step.get("run", "")) for step in steps())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", said)) <= targets
    assert (ROOT / ".ci" / "run").exists() == (".ci/run" in said)
    extras = {x for found in re.findall(r"\.\[([\w,]+)\]", said) for x in found.split(",")}
    assert extras
    assert extras <= PROJECT["optional-dependencies"].keys()


@pytest.mark.heavy
@pytest.mark.parametrize(("left", "said"), [(-1, "1 skipped"), (600, "1 passed")])
def test_when_the_time_of_a_run_is_over_no_test_begins_and_those_left_are_counted(
    left: int, said: str
) -> None:
    until = str(time.time() + left)
    one = "tests/docs/test_github.py::test_the_matrix_has_every_python_that_is_promised"
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one],
        cwd=ROOT,
        env={**os.environ, "GRADCHECK_TESTS_UNTIL": until},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said in told
    assert ("the time for heavy tests is over" in told) is (left < 0)


def test_the_workflow_may_only_read_and_no_expression_becomes_code() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [s for s in steps() if "${{" in str(s.get("run", ""))] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
def test_templates_have_what_github_asks_for(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    names = [entry["id"] for entry in form["body"]]
    assert len(names) == len(set(names))
    assert all(entry["attributes"]["label"] for entry in form["body"])


@pytest.mark.parametrize("name", ["bug", "wrong-diagnosis"])
def test_templates_ask_for_the_version(name: str) -> None:
    text = (GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8")
    assert "gradcheck --version --verbose" in text


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", sorted((GITHUB / "workflows").glob("*.yml"))),
        ("vendor.github-issue-forms", TEMPLATES),
    ],
)
def test_they_fit_githubs_schemas(schema: str, files: list[Path]) -> None:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
