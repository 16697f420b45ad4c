"""Settings from a file: the model need not be said, several models each get their own report."""

from pathlib import Path

import pytest

from gradcheck_cli.cli.training_options import arguments_of
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.yamlfile import read
from tests.cli.test_diagnose import GOOD, RAISES
from tests.cli.test_edge import gradcheck

BASE = "verify: false\nsteps: 3\nbatch_size: 16\noutput: ['yaml:r.yaml']\n"


def project(folder: Path, config: str, **files: str) -> Path:
    """Write a project with a config."""
    (folder / "gradcheck.yaml").write_text(BASE + config)
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def test_a_config_names_the_model_and_the_command_line_wins(tmp_path) -> None:
    project(tmp_path, "model: m.py\n", m=GOOD)
    assert gradcheck("diagnose", cwd=tmp_path).returncode in {0, 1}
    assert read(tmp_path / "r.yaml").run.steps == 3
    gradcheck("diagnose", "--steps", "2", cwd=tmp_path)
    assert read(tmp_path / "r.yaml").run.steps == 2


def test_several_models_each_get_a_report_and_the_gravest_code_wins(tmp_path) -> None:
    config = "models:\n- {name: good, model: m.py}\n- {name: b a/d, model: 'bad.py:build_model', data: 'm.py:data'}\n"
    project(tmp_path, config, m=GOOD, bad=RAISES)
    done = gradcheck("diagnose", cwd=tmp_path)
    assert done.returncode == 3
    assert "no weights here" in done.stderr
    assert read(tmp_path / "r-good.yaml").run.steps == 3
    assert not (tmp_path / "r-b-a-d.yaml").exists()


def test_several_models_can_not_share_stdout(tmp_path) -> None:
    project(tmp_path, "models:\n- {model: m.py}\n- {model: m.py}\n", m=GOOD)
    done = gradcheck("diagnose", "-o", "yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "with several models it needs a path" in done.stderr


def test_every_mistake_of_a_config_has_a_line_of_its_own(tmp_path) -> None:
    project(tmp_path, "modell: m.py\nlr: -1\n")
    done = gradcheck("diagnose", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: gradcheck.yaml:5:1: unknown key 'modell'")
    assert lines[1].strip().startswith("gradcheck.yaml:6:")


def test_without_a_model_the_way_is_shown(tmp_path) -> None:
    done = gradcheck("diagnose", cwd=tmp_path)
    assert done.returncode == 2
    assert "gradcheck diagnose MODEL" in done.stderr


def test_arguments_of_a_model(tmp_path) -> None:
    (tmp_path / "m.py").write_text(GOOD)
    args = ("--no-verify", "--steps", "2", "--batch-size", "16", "-o", "yaml:r.yaml")
    done = gradcheck("diagnose", "m.py:build_model", "--model-arg", "width=5", *args, cwd=tmp_path)
    assert done.returncode in {0, 1}, done.stderr
    assert read(tmp_path / "r.yaml").run.parameters == 4 * 5 + 5 + 5 * 3 + 3
    with pytest.raises(UsageError, match="expected NAME=VALUE"):
        arguments_of(["width"])


@pytest.mark.parametrize("command", ["fix", "init", "config"])
def test_the_other_commands_are_there(command: str) -> None:
    assert gradcheck(command, "--help").returncode == 0
