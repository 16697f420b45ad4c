"""The gate in the config file: what counts, per rule and per layer, and who has the last word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gradcheck_cli.errors import UsageError
from gradcheck_cli.rules import RULES
from gradcheck_cli.settings import ConfigError, Settings, load
from gradcheck_cli.settings.drafting import others


@dataclass(frozen=True)
class Described:
    """What settings have to know of a rule."""

    code: str
    name: str
    thresholds: Mapping[str, float] = field(default_factory=dict)


KNOWN = (
    Described("GC101", "vanishing-gradient", {"attenuation": 1e-3, "wall": 0.05}),
    Described("GC403", "stalled-loss", {"least_steps": 20}),
    Described("GC501", "non-finite"),
)
WHOLE = """\
model: net.py:Net
select: [GC1, stalled-loss]
extend-select: GC5
ignore: [gc403]
per-module-ignores:
- {modules: head.*, rules: GC1, reason: frozen on purpose}
- {modules: ['a', 'b'], ignore: [non-finite]}
rules:
  GC101: {severity: warning, attenuation: 1e-4}
  stalled-loss: {least-steps: 5}
baseline: accepted.yaml
exit-zero: true
"""
TOML = """\
[tool.gradcheck]
model = "net.py:Net"
select = ["GC1", "stalled-loss"]
extend-select = "GC5"
ignore = ["gc403"]
baseline = "accepted.yaml"
exit-zero = true

[[tool.gradcheck.per-module-ignores]]
modules = "head.*"
rules = "GC1"
reason = "frozen on purpose"

[[tool.gradcheck.per-module-ignores]]
modules = ["a", "b"]
ignore = ["non-finite"]

[tool.gradcheck.rules.GC101]
severity = "warning"
attenuation = 1e-4

[tool.gradcheck.rules.stalled-loss]
least-steps = 5
"""
MEANT = {
    "select": ["GC1", "stalled-loss"],
    "extend_select": ["GC5"],
    "ignore": ["gc403"],
    "per_module_ignores": [
        {"modules": ["head.*"], "rules": ["GC1"], "reason": "frozen on purpose"},
        {"modules": ["a", "b"], "rules": ["non-finite"], "reason": ""},
    ],
    "rules": {
        "GC101": {"severity": "warning", "attenuation": 1e-4},
        "GC403": {"least_steps": 5},
    },
    "baseline": "accepted.yaml",
    "exit_zero": True,
}


def settings(text: str = "", *, name: str = "gradcheck.yaml", **options: Any) -> Settings:
    if text:
        Path(name).write_text(text)
    environ = options.pop("environ", {})
    return load(options or None, environ=environ, rules=KNOWN)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gradcheck.yaml", WHOLE),
        ("gradcheck.yaml", WHOLE.replace("-module-", "_module_").replace("nd-s", "nd_s")),
        ("pyproject.toml", TOML),
    ],
)
def test_everything_of_the_gate_may_stand_in_the_file(project: Path, name: str, text: str) -> None:
    found = settings(text, name=name)
    assert {key: found[key] for key in MEANT} == MEANT
    assert isinstance(found["rules"]["GC403"]["least_steps"], int)


def test_the_baseline_lies_beside_the_file_that_names_it(project: Path) -> None:
    (project / "project").mkdir()
    (project / "project" / "gradcheck.yaml").write_text("baseline: old.yaml\n")
    found = load({}, config="project/gradcheck.yaml", environ={})
    assert found["baseline"] == "project/old.yaml"


def test_without_a_word_every_rule_counts(project: Path) -> None:
    found = settings()
    assert (found["select"], found["exit_zero"]) == (("ALL",), False)
    assert found.values["select"].origin == "default"


def test_select_of_the_command_line_is_the_base_and_the_others_add(project: Path) -> None:
    found = settings(
        "select: [GC1]\nignore: [GC101]\nextend_select: [GC5]\n",
        environ={"GRADCHECK_IGNORE": "GC403,GC5"},
        select=["GC4"],
        ignore=["GC2"],
    )
    assert found["select"] == ["GC4"]
    assert found["extend_select"] == ["GC5"]
    assert found["ignore"] == ["GC101", "GC403", "GC5", "GC2"]
    assert found.values["ignore"].origin == "gradcheck.yaml:2 + GRADCHECK_IGNORE + command line"


def test_settings_of_a_rule_are_joined_and_the_command_line_wins(project: Path) -> None:
    found = settings(
        "rules: {GC101: {severity: note, wall: 0.1}}\n",
        rules={"vanishing-gradient": {"wall": 0.2}, "GC403": {"severity": "error"}},
    )
    assert found["rules"] == {
        "GC101": {"severity": "note", "wall": 0.2},
        "GC403": {"severity": "error"},
    }


def test_the_environment_turns_the_gate_off_and_the_command_line_on(project: Path) -> None:
    environ = {"GRADCHECK_EXIT_ZERO": "true", "GRADCHECK_BASELINE": "b.yaml"}
    assert settings(environ=environ)["exit_zero"] is True
    assert settings(environ=environ)["baseline"] == "b.yaml"
    assert settings(environ=environ, exit_zero=False)["exit_zero"] is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select: [GC11]\n", "1:10: select: no rule fits 'GC11' (did you mean 'GC101'?)"),
        ("ignore: [GC1, stale-loss]\n", "1:15: ignore: no rule fits 'stale-loss' (did you mean 's"),
        ("extend-ignore: GC9\n", "1:16: extend_ignore: no rule fits 'GC9'"),
        ("rules: {GC105: {wall: 1}}\n", "1:9: no rule is called 'GC105' (did you mean 'GC101'?)"),
        ("rules: {X: {}}\n", "1:9: no rule is called 'X'; `gradcheck rules` lists them"),
        (
            "rules:\n  GC101:\n    atenuation: 1\n",
            "3:17: GC101 vanishing-gradient has no threshold 'atenuation' (did you mean "
            "'attenuation'?); it has: attenuation, wall, severity",
        ),
        ("rules: {GC501: {x: 1}}\n", "non-finite has no threshold 'x'; it has: severity"),
        ("rules: {GC403: {least_steps: 2.5}}\n", "1:30: GC403.least_steps: should be a whole num"),
        ("rules: {GC101: {wall: -1}}\n", "1:23: rules.GC101.wall: should be a number from 0, n"),
        ("rules: {GC101: {wall: yes}}\n", "should be a number from 0, not 'yes'"),
        ("rules: {GC101: {wall: .nan}}\n", "should be a number from 0, not nan"),
        ("rules: {GC101: {severity: fatal}}\n", "1:27: rules.GC101.severity: input should be 'er"),
        ("per-module-ignores: [{modules: a}]\n", "1:22: per_module_ignores.0: say which rules"),
        ("per-module-ignores: [{rules: GC1}]\n", "per_module_ignores.0.modules: field required"),
        (
            "per-module-ignores: [{modules: a, rule: GC1}]\n",
            "1:35: unknown key 'rule' (did you mean 'rules'?)",
        ),
        (
            "per-module-ignores: [{modules: a, rules: [GC1, GC7]}]\n",
            "1:48: per_module_ignores: no rule fits 'GC7'",
        ),
        ("exit-zero: maybe\n", "1:12: exit_zero: input should be a valid boolean"),
        ("ignore: 3\n", "1:9: ignore: input should be a valid list, not 3"),
        ("exit-zero: true\nexit_zero: false\n", "2:1: key 'exit_zero' stands twice, with - and w"),
    ],
)
def test_mistakes_of_the_gate_have_their_place(project: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(text)
    assert said in str(caught.value)


def test_unknown_rules_are_told_together_with_all_other_mistakes(project: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings("lr: -1\nselect: [GC9]\nmodle: x\nrules: {GC999: {}, GC101: {wal: 1}}\n")
    places = [line.split(": ")[0] for line in str(caught.value).splitlines()]
    assert [place.removeprefix("gradcheck.yaml:") for place in places] == [
        "1:5",
        "2:10",
        "3:1",
        "4:9",
        "4:33",
    ]


def test_in_toml_an_unknown_threshold_has_its_line(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2:7: GC101 .* no threshold 'wal'"):
        settings("[tool.gradcheck.rules.GC101]\nwal = 1\n", name="pyproject.toml")


def test_an_unknown_rule_on_the_command_line_is_a_mistake_too(project: Path) -> None:
    with pytest.raises(UsageError, match="no rule is called 'GC999'"):
        settings(rules={"GC999": {"severity": "note"}})


def test_every_threshold_of_every_rule_may_stand_in_a_config(project: Path) -> None:
    lines = [
        f"  {rule.code}: {{{', '.join(f'{k}: {v}' for k, v in rule.thresholds.items())}}}"
        for rule in RULES
    ]
    Path("gradcheck.yaml").write_text("rules:\n" + "\n".join(lines) + "\n")
    found = load({}, environ={}, rules=RULES)["rules"]
    assert found == {rule.code: rule.thresholds for rule in RULES}


def test_what_the_draft_says_of_defaults_and_the_gate_is_a_config_without_its_marks(
    project: Path,
) -> None:
    entries = [line.removeprefix("# ") for line in others()]
    Path("gradcheck.yaml").write_text("\n".join(entries))
    found = load({}, environ={}, rules=RULES)
    assert found["ignore"] == ["GC402", "stalled-loss"]
    assert found["rules"] == {"GC101": {"severity": "warning", "attenuation": 1e-4}}
