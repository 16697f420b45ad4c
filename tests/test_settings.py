from pathlib import Path
from typing import Any

import pytest
import yaml

from gradcheck_cli.declared import SETTINGS, Kind
from gradcheck_cli.errors import UsageError
from gradcheck_cli.settings import ConfigError, Settings, load
from gradcheck_cli.settings.located import read_yaml, scalar
from tests.conftest import Write


def settings(**options: Any) -> Settings:
    return load(options.pop("given", None), environ=options.pop("environ", {}), **options)


def test_defaults_where_nobody_says_anything(write: Write) -> None:
    [run] = settings().runs
    assert run["steps"] == 50
    assert run.values["steps"].origin == "default"
    assert run.target() == {"seed": 0, "device": "auto", "precision": "fp32", "accumulate": 1}


def test_command_line_goes_before_environment_before_file_before_default(write: Write) -> None:
    write("gradcheck.yaml", "model: net.py:Net\nlr: 1e-3\nsteps: 10\nseed: 3\n")
    found = settings(
        given={"lr": 0.5, "seed": None}, environ={"GRADCHECK_STEPS": "20", "GRADCHECK_LR": "1"}
    )
    [run] = found.runs
    assert [(run[name], run.values[name].origin) for name in ("lr", "steps", "seed", "device")] == [
        (0.5, "command line"),
        (20, "GRADCHECK_STEPS"),
        (3, "gradcheck.yaml:4"),
        ("auto", "default"),
    ]
    assert found.file == Path("gradcheck.yaml")


def test_the_nearest_file_upward_counts_whole_up_to_the_repository(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gradcheck.yaml", "lr: 1\nseed: 5\n")
    write("a/pyproject.toml", "[tool.other]\nx = 1\n")
    inner = write("a/b/gradcheck.yaml", "lr: 2\n").parent
    monkeypatch.chdir(inner)
    [run] = settings().runs
    assert (run["lr"], run["seed"]) == (2, 0)
    monkeypatch.chdir(inner.parent)
    [run] = settings().runs
    assert (run["lr"], run["seed"]) == (1, 5)


def test_paths_are_those_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("project/net.py", "")
    write("project/data.csv", "")
    write("project/sub/x.txt", "")
    write(
        "project/gradcheck.yaml",
        "model: net.py:Net(depth=3)\ndata: data.csv\nloss: cross_entropy\noutput: ['yaml:r.yaml', sarif]\n",
    )
    found = settings(config="project/gradcheck.yaml")
    [run] = found.runs
    assert run["model"] == "project/net.py:Net(depth=3)"
    assert run["data"] == "project/data.csv"
    assert run["loss"] == "cross_entropy"
    assert found["output"] == ["yaml:project/r.yaml", "sarif"]


def test_a_config_with_five_mistakes_prints_five_located_errors(write: Write) -> None:
    write(
        "gradcheck.yaml",
        "modle: net.py:Net\nlr: -1\nbatch_size: three\nprecision: fp8\nseed: 1\nseed: 2\n",
    )
    with pytest.raises(ConfigError) as caught:
        settings()
    assert str(caught.value).splitlines() == [
        "gradcheck.yaml:1:1: unknown key 'modle' (did you mean 'model'?)",
        "gradcheck.yaml:2:5: lr: input should be greater than 0, not -1",
        "gradcheck.yaml:3:13: batch_size: input should be a valid integer, unable to parse string "
        "as an integer, not 'three'",
        "gradcheck.yaml:4:12: precision: input should be 'fp32', 'bf16' or 'fp16', not 'fp8'",
        "gradcheck.yaml:6:1: key 'seed' stands twice (first in line 5)",
    ]


def test_mistakes_in_toml_have_their_place_too(write: Write) -> None:
    write(
        "pyproject.toml",
        '[project]\nname = "x"\n\n[tool.gradcheck]\nmodel = "net.py:Net"\nlr = 0\n\n'
        "[tool.gradcheck.model_args]\ndepth = 3\n\n[tool.black]\nlr = 3\n",
    )
    with pytest.raises(ConfigError) as caught:
        settings()
    assert str(caught.value) == "pyproject.toml:6:6: lr: input should be greater than 0, not 0"


def test_models_in_a_list_take_what_they_do_not_say_from_above(write: Write) -> None:
    write(
        "gradcheck.yaml",
        "data: data.py\nlr: 0.1\nmodels:\n  - {model: 'a.py:A', name: small}\n  - model: b.py:B\n    lr: 0.2\n",
    )
    small, other = settings().runs
    assert (small.name, small["model"], small["data"], small["lr"]) == (
        "small",
        "a.py:A",
        "data.py",
        0.1,
    )
    assert (other.name, other["lr"], other.values["lr"].origin) == (
        "b.py:B",
        0.2,
        "gradcheck.yaml:6",
    )
    assert [run["lr"] for run in settings(given={"lr": 7.0}).runs] == [7.0, 7.0]
    [only] = settings(given={"model": "c.py"}).runs
    assert only["model"] == "c.py"


def test_another_model_on_the_command_line_takes_no_arguments_of_the_file(write: Write) -> None:
    write("gradcheck.yaml", "model: a.py\nmodel_args: {depth: 3}\nweights: w.pt\nlr: 0.1\n")
    chosen = settings(given={"model": "c.py"}).runs[0].target()
    assert chosen["lr"] == 0.1
    assert chosen.keys().isdisjoint({"model_args", "weights"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: a.py\nmodels: [{model: b.py}]\n", "2:1: there is `model` too"),
        ("models: []\n", "2:1|1:9: models: list should have at least 1 item"),
        ("models: [{lr: 1}]\n", "1:10: names no model"),
        ("models: [{model: a.py, lrr: 1}]\n", r"1:24: unknown key 'lrr' \(did you mean 'lr'\?\)"),
        ("trust: true\n", "1:1: trust is taken from the command line only"),
        ("steps: soon\n", "1:8: steps: should be auto or a whole number from 1, not 'soon'"),
        ("lr: .inf\n", "1:5: lr: input should be a finite number"),
        ("timeout: .nan\n", "1:10: timeout: input should be a finite number"),
        ("- a\n", "a config is a mapping"),
        ("a: [", "not YAML"),
        ("a: !!python/object:os.system x\n", "unknown key 'a'"),
        ("model: {class_path: Net}\n", "'Net' names no module"),
        ("model: {init_args: {}}\n", "mapping with class_path or _target_"),
        ("model: {class_path: a.B, other: 1}\n", "beside class_path"),
        ("[" * 3000, "nested far too deeply|not YAML"),
    ],
)
def test_mistakes_have_their_place(write: Write, text: str, says: str) -> None:
    write("gradcheck.yaml", text)
    with pytest.raises(ConfigError, match=says):
        settings()


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (
            "{class_path: pkg.mod.Net, init_args: {depth: 3, act: relu}}",
            "pkg.mod:Net(depth=3, act='relu')",
        ),
        ("{class_path: 'net.py:Net'}", "net.py:Net()"),
        (
            "{_target_: pkg.Net, width: 1e-3, flags: [true, null]}",
            "pkg:Net(width=0.001, flags=[True, None])",
        ),
    ],
)
def test_dialects_of_other_tools(write: Write, text: str, reference: str) -> None:
    write("gradcheck.yaml", f"model: {text}\n")
    assert settings().runs[0]["model"] == reference


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("no", "no"), ("on", "on"), ("010", 10), ("1:30", "1:30"), ("0x1F", 31),
        ("true", True), ("~", None), ("", None), (".5", 0.5), ("1.", 1.0), ("2024-01-01", "2024-01-01"),
        ("-.inf", float("-inf")), ("1_000", "1_000"), ("+3", 3), ("0o17", 15),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_reading_changes_nothing_in_yaml_for_others(write: Write) -> None:
    write("gradcheck.yaml", "model_args: {a: no, b: 1e-3, c: '1'}\n")
    assert settings().runs[0]["model_args"] == {"a": "no", "b": 0.001, "c": "1"}
    assert yaml.safe_load("a: no") == {"a": False}


def test_aliases_cannot_swell(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    file = write("bomb.yaml", "\n".join(lines))
    with pytest.raises(ConfigError, match="far too many values"):
        read_yaml(file)


def test_two_configs_side_by_side_are_a_mistake(write: Write) -> None:
    write("gradcheck.yaml", "lr: 1\n")
    write("pyproject.toml", "[tool.gradcheck]\nlr = 1\n")
    with pytest.raises(ConfigError, match=r"there is also .*pyproject\.toml"):
        settings()


def test_bad_variables_and_files_are_named(write: Write) -> None:
    with pytest.raises(UsageError, match="GRADCHECK_LR=fast: input should be a valid number"):
        settings(environ={"GRADCHECK_LR": "fast"})
    with pytest.raises(UsageError, match="GRADCHECK_LR=inf: input should be a finite number"):
        settings(environ={"GRADCHECK_LR": "inf"})
    with pytest.raises(UsageError, match=r"--config x\.yaml: no such file"):
        settings(config="x.yaml")
    with pytest.raises(UsageError, match=r"GRADCHECK_CONFIG y\.yaml: no such file"):
        settings(environ={"GRADCHECK_CONFIG": "y.yaml"})
    write("z.toml", "[tool.x]\n")
    with pytest.raises(ConfigError, match=r"has no \[tool.gradcheck\]"):
        settings(config="z.toml")


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.kind is Kind.NUMBER])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_no_number_is_infinite_or_negative(write: Write, name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"^{SETTINGS[name].flag} {value}: input should be"):
        settings(given={name: value})
    assert SETTINGS[name].problem(value).startswith(f"{name} is {value}; it must be")


def test_an_empty_config_says_nothing(write: Write) -> None:
    write("gradcheck.yaml", "# nothing yet\n")
    assert settings().runs[0]["steps"] == 50
