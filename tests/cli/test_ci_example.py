"""The worked example of docs/ci.md does what it says, and the CI files are what their tools accept."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gradcheck_cli.records import baseline
from tests.support import a_report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEP = ACTION["runs"]["steps"][0]


def commands() -> list[tuple[str, int]]:
    """Return the commands of the worked example and the exit codes they promise."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.partition("## A worked example")[2], re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        command, _, promise = line.partition("# exit ")
        found.append((command.strip(), int(promise or 0)))
    return found


def environment() -> dict[str, str]:
    """Put this Python's commands first and leave CI out."""
    bin_folder = str(Path(sys.executable).parent)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI"))}
    return {**kept, "PATH": f"{bin_folder}{os.pathsep}{kept['PATH']}", "OMP_NUM_THREADS": "1"}


@pytest.mark.heavy
def test_the_worked_example_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_models", tmp_path / "sample_models")
    assert len(commands()) > 8
    for command, promised in commands():
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        assert done.returncode == promised, (command, done.stdout, done.stderr)
    left = {entry.code for entry in baseline.read(tmp_path / "gradcheck-baseline.yaml")}
    assert "GC101" not in left


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's script as the runner would, with a stand-in for gradcheck's Python."""
    python = folder / "python"
    python.write_text(
        '#!/bin/bash\nif [ "$2" = -c ]; then exit 0; fi\nprintf "%s\\n" "$@" > args\n'
    )
    python.chmod(0o755)
    values = {key: value.get("default", "") for key, value in ACTION["inputs"].items()}
    values |= {"model": "train.py", "python": "./python", **inputs}
    names = {k: re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", v)[1] for k, v in STEP["env"].items()}
    env = {key: values[name] for key, name in names.items()}
    return subprocess.run(
        ["bash", "-c", STEP["run"]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(folder / "outputs"), **env},
    )


def test_the_action_passes_what_it_was_given(tmp_path: Path) -> None:
    done = run_action(tmp_path, baseline="b.yaml", args="--data\ntrain.py:load(a='x y')\n")
    assert done.returncode == 0, done.stderr
    args = (tmp_path / "args").read_text().splitlines()
    assert args[:4] == ["-P", "-m", "gradcheck_cli", "diagnose"]
    assert args[-2:] == ["--", "train.py"]
    assert args[args.index("--data") + 1] == "train.py:load(a='x y')"
    assert args[args.index("--baseline") + 1] == "b.yaml"
    assert "sarif=gradcheck-report.sarif" in (tmp_path / "outputs").read_text()


@pytest.mark.parametrize(
    "evil",
    [
        "$(touch hacked)",
        "`touch hacked`",
        "; touch hacked",
        '" && touch hacked "',
        "--fail-on=never",
    ],
)
@pytest.mark.parametrize("name", ["model", "args", "baseline", "report", "fail-on"])
def test_no_input_of_the_action_becomes_code_or_options_elsewhere(
    tmp_path: Path, evil: str, name: str
) -> None:
    run_action(tmp_path, **{name: evil})
    assert not (tmp_path / "hacked").exists()
    args = (tmp_path / "args").read_text().splitlines()
    if name == "model":
        assert args[-2:] == ["--", evil]


@pytest.mark.parametrize("report", ["r\nyaml=evil", "r\r", "\nr"])
def test_a_line_break_in_the_report_of_the_action_is_refused(tmp_path: Path, report: str) -> None:
    done = run_action(tmp_path, report=report)
    assert done.returncode == 2
    assert "has a line break in it" in done.stderr
    assert not (tmp_path / "args").exists()
    assert not (tmp_path / "outputs").exists()


def test_inputs_reach_the_script_through_the_environment_only() -> None:
    assert "${{" not in STEP["run"]


@pytest.mark.heavy
def test_the_arguments_of_the_action_and_the_hook_exist(tmp_path: Path) -> None:
    from tests.cli.test_edge import gradcheck

    text = gradcheck("diagnose", "--help", COLUMNS="200").stdout
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
    options = set(re.findall(r"--[a-z][a-z-]+", STEP["run"] + hook["entry"] + PAGE)) - {"--quiet"}
    options |= set(re.findall(r"--[a-z][a-z-]+", (ROOT / "docs" / "gitlab-ci.yml").read_text()))
    assert {o for o in options if o not in text} == set()


def test_the_formats_of_the_gitlab_job_exist(tmp_path: Path) -> None:
    from gradcheck_cli.cli.outputs import parse

    job = yaml.safe_load((ROOT / "docs" / "gitlab-ci.yml").read_text())["gradcheck"]
    specs = re.findall(r"--output (\w+):(\S+)", job["script"][1])
    wanted = parse([f"{name}:{tmp_path / path}" for name, path in specs])
    written = {path.name for path in wanted.write(a_report.sick())}
    reports = job["artifacts"]["reports"]
    assert {reports["junit"], reports["codequality"], *job["artifacts"]["paths"]} == written


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.gitlab-ci", "docs/gitlab-ci.yml"),
    ],
)
def test_the_ci_files_fit_their_schemas(schema: str, file: str) -> None:
    pytest.importorskip("check_jsonschema")
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        schema,
        str(ROOT / file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.heavy
def test_pre_commit_accepts_the_hook() -> None:
    pytest.importorskip("pre_commit")
    command = [
        sys.executable,
        "-m",
        "pre_commit",
        "validate-manifest",
        str(ROOT / ".pre-commit-hooks.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_on_the_page_is_yaml_and_uses_inputs_that_exist() -> None:
    workflow = yaml.safe_load(re.search(r"```yaml\n(name: gradcheck.*?)```", PAGE, re.DOTALL)[1])
    [step] = [s for s in workflow["jobs"]["gradcheck"]["steps"] if s.get("id") == "gradcheck"]
    assert step["with"].keys() <= ACTION["inputs"].keys()
