"""The catalogue: every rule is in it, in order, with a manual that names what exists."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import gradcheck_cli.rules
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import Rule
from tests.rules.test_answers import ASKED

FOLDER = Path(gradcheck_cli.rules.__file__).parent
SECTIONS = ["Measures", "Reports", "Matters", "Severity", "Not for", "Sources"]
CONTRACT = {
    "vanishing-gradient", "exploding-gradient", "zero-gradient", "dying-relu",
    "saturated-activation", "stalled-loss", "non-finite", "precision-underflow",
    "poor-initialization", "update-too-small", "update-too-large", "disconnected-parameter",
}  # fmt: skip
TESTED_HERE = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
TESTED_HERE |= {name.replace("-", "_") for name in ASKED}
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)


def defined() -> dict[str, Rule]:
    """Return the rules that files of the folder define, by file, or by function where a file has several."""
    found = {}
    for path in FOLDER.glob("*.py"):
        if path.stem == "__init__":
            continue
        module = importlib.import_module(f"gradcheck_cli.rules.{path.stem}")
        own = [
            x
            for x in vars(module).values()
            if isinstance(x, Rule) and x.function.__module__ == module.__name__
        ]
        found |= {path.stem if len(own) == 1 else r.function.__name__: r for r in own}
    return found


def test_every_file_that_defines_a_rule_is_in_the_catalogue() -> None:
    missing = sorted({r.name for r in defined().values()} - {r.name for r in RULES})
    assert not missing, f"add {missing} to RULES in gradcheck_cli/rules/__init__.py"
    assert len(defined()) == len(RULES)


def test_files_are_called_after_what_they_find() -> None:
    """One with several rules is called after what they have in common, and its functions after what each finds."""
    other = {file: r.name for file, r in defined().items() if file.replace("_", "-") != r.name}
    assert not other, f"a file has the name of its rule; rename what differs: {other}"


def test_every_rule_has_its_tests() -> None:
    untested = sorted(set(defined()) - TESTED_HERE)
    assert not untested, f"write tests/rules/test_NAME.py, NAME being each of {untested}"


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [r.code for r in RULES]
    assert codes == sorted(set(codes)), "RULES stands in the order of codes, each of them once"
    assert all(re.fullmatch(r"GC\d{3}", code) for code in codes)
    assert len({r.name for r in RULES}) == len(RULES)


def test_the_names_of_the_contract_are_spelled_as_agreed() -> None:
    assert {r.name for r in RULES} >= CONTRACT


@every_rule
def test_the_manual_has_its_sections_in_order(rule: Rule) -> None:
    heads = re.findall(
        r"^(Measures|Reports|Matters|Severity|Not for|Sources)\b", rule.card, re.MULTILINE
    )
    assert heads == SECTIONS, f"sections of the docstring, in this order: {SECTIONS}"
    assert re.match(r"\S.*\.$", rule.summary), "the first line is a sentence"


@every_rule
def test_the_manual_names_thresholds_that_exist_and_all_of_them(rule: Rule) -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", rule.card))
    unnamed = sorted(set(rule.thresholds) - named)
    assert not unnamed, f"say in the docstring, in backquotes, what {unnamed} limits"
    code = {"detach", "no_grad", "requires_grad"}
    words = set(re.findall(r"`([a-z_]+)`", rule.card)) - code
    others = sorted(words - set(rule.thresholds))
    assert not others, f"backquotes in the docstring are for thresholds: {others} is none"


@every_rule
def test_the_manual_says_how_grave_it_can_be(rule: Rule) -> None:
    assert re.search(r"^Severity\s+(error|warning|note)", rule.card, re.MULTILINE)
    assert rule.severity in Severity


@every_rule
def test_thresholds_are_positive_numbers(rule: Rule) -> None:
    assert all(isinstance(v, (int, float)) and v > 0 for v in rule.thresholds.values())
    parameters = list(inspect.signature(rule.function).parameters)
    assert parameters == ["trace", *rule.thresholds]


@every_rule
def test_an_unknown_threshold_is_refused_with_the_known_ones(rule: Rule) -> None:
    from gradcheck_cli.records.trace import Trace

    with pytest.raises(TypeError, match=f"{rule.code} has no threshold.*shrnk.*it has: "):
        rule(Trace(), {"shrnk": 1.0})
