"""Settings from a file: the model need not be said, several models each get their own report."""

import json
from pathlib import Path

import pytest

from gradcheck_cli.cli.joint_runs import own_specs
from gradcheck_cli.cli.options import as_settings
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


@pytest.mark.heavy
def test_a_config_names_the_model_and_the_command_line_wins(tmp_path) -> None:
    project(tmp_path, "model: m.py\n", m=GOOD)
    assert gradcheck("diagnose", cwd=tmp_path).returncode in {0, 1}
    assert read(tmp_path / "r.yaml").run.steps == 3
    gradcheck("diagnose", "--steps", "2", cwd=tmp_path)
    assert read(tmp_path / "r.yaml").run.steps == 2


@pytest.mark.heavy
def test_several_models_have_one_report_and_the_gravest_code_wins(tmp_path) -> None:
    config = (
        "models:\n- {name: good, model: m.py}\n- {name: still, model: m.py, lr: 1e-12}\n"
        "- {name: b a/d, model: 'bad.py:build_model', data: 'm.py:data'}\n"
    )
    project(tmp_path, config, m=GOOD, bad=RAISES)
    done = gradcheck("diagnose", "-o", "yaml:r.yaml", "-o", "yaml:r-{model}.yaml", cwd=tmp_path)
    assert done.returncode == 3
    assert "no weights here" in done.stderr
    whole = read(tmp_path / "r.yaml")
    assert "GC401" in {f.code for f in whole.findings if f.subject == "still"}
    assert "GC401" not in {f.code for f in whole.findings if f.subject == "good"}
    assert {x.path.partition(".")[0] for x in whole.layers} == {"good", "still"}
    assert ("the model b a/d", "it could not be diagnosed (exit code 3)") in [
        (gap.what, gap.reason) for gap in whole.gaps
    ]
    assert "Not diagnosed: b a/d." in whole.headline
    own = read(tmp_path / "r-still.yaml")
    assert {f.subject for f in own.findings} == {None}
    assert own.run.steps == 3
    assert (tmp_path / "r-good.yaml").exists()
    assert not (tmp_path / "r-b-a-d.yaml").exists()


def test_one_report_over_several_models_may_go_to_stdout(tmp_path) -> None:
    project(tmp_path, "exit_zero: true\nmodels:\n- {model: m.py}\n- {model: m.py}\n", m=GOOD)
    done = gradcheck("diagnose", "-o", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    paths = [layer["path"] for layer in json.loads(done.stdout)["layers"]]
    assert {path.rpartition(".")[0] for path in paths} == {"m.py", "m.py-2"}


@pytest.mark.heavy
def test_a_baseline_counts_for_all_models_of_one_report(tmp_path) -> None:
    config = (
        "fail_on: note\nlr: 1e-12\nmodels:\n- {name: a, model: m.py}\n- {name: b, model: m.py}\n"
    )
    project(tmp_path, config, m=GOOD)
    assert gradcheck("diagnose", cwd=tmp_path).returncode == 1
    gradcheck("baseline", "write", "r.yaml", cwd=tmp_path)
    done = gradcheck("diagnose", "--baseline", "gradcheck-baseline.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accepted by gradcheck-baseline.yaml" in done.stderr


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
        as_settings({"model_args": ["width"]})


@pytest.mark.parametrize("command", ["fix", "init", "config"])
def test_the_other_commands_are_there(command: str) -> None:
    assert gradcheck(command, "--help").returncode == 0


def test_outputs_with_a_model_in_their_path_are_those_of_one_model() -> None:
    specs = ["yaml", "html:all.html", "html:out/{model}.html"]
    assert own_specs(specs, "net.py:Net(depth=3)") == ["html:out/net.py-Net-depth-3.html"]
    assert own_specs(specs[:2], "a") == []


def test_models_that_would_write_to_one_file_are_refused_before_any_work(tmp_path) -> None:
    config = "models:\n- {name: a b, model: m.py}\n- {name: a-b, model: m.py}\n"
    project(tmp_path, config, m=GOOD)
    done = gradcheck("diagnose", "-o", "yaml:{model}.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "two outputs would be written" in done.stderr
