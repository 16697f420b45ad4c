"""Every rule shows a piece of code that it finds, and what to write instead."""

import ast

import pytest

from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import Rule
from gradcheck_cli.rules.examples import examples

MOST_LINES = 5


def test_there_are_examples_of_rules_that_exist_and_no_others() -> None:
    codes = {rule.code for rule in RULES}
    missing = sorted(codes - examples().keys())
    assert not missing, (
        f"add [{missing[0]}] with `bad` and `good` to rules/examples.toml: {missing}"
    )
    assert examples().keys() == codes


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_both_pieces_are_code_short_and_different(rule: Rule) -> None:
    bad, good = examples()[rule.code]
    for code in (bad, good):
        ast.parse(code)
        assert len(code.splitlines()) <= MOST_LINES
        assert max(map(len, code.splitlines())) <= 110
    assert ast.dump(ast.parse(bad)) != ast.dump(ast.parse(good))
