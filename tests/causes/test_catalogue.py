"""The causes: each has a manual, explains findings that exist, and is one of the contract's."""

import re
from importlib import import_module
from itertools import chain
from pkgutil import iter_modules

import pytest

from gradcheck_cli import causes
from gradcheck_cli.causes import CAUSES
from gradcheck_cli.causes.base import CauseRule
from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import OF_THE_LOOP

CONTRACT = {
    "saturating-activation", "init-too-small", "init-too-large", "depth-without-normalization",
    "dead-relu", "unnormalized-input", "double-softmax", "detached-graph", "long-recurrence",
    "learning-rate-too-low", "learning-rate-too-high", "labels-without-signal", "low-precision",
    "weight-decay-too-strong", "frozen-parameters", "optimizer-misses-parameters",
    "symmetric-init", "wrong-output-activation", "non-differentiable-operation",
    "unregistered-modules", "target-shape-broadcast", "clipping-too-strong", "degenerate-data",
}  # fmt: skip
SECTIONS = ["Speaks for it", "Against it", "Sources"]
every_cause = pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.name)


def test_the_causes_of_the_contract_are_spelled_as_agreed() -> None:
    names = [c.name for c in CAUSES]
    assert set(names) >= CONTRACT
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_every_cause_of_the_folder_is_in_the_list() -> None:
    modules = (import_module(f"{causes.__name__}.{m.name}") for m in iter_modules(causes.__path__))
    defined = {c.name for m in modules for c in vars(m).values() if isinstance(c, CauseRule)}
    missing = sorted(defined - {c.name for c in CAUSES})
    assert not missing, f"add {missing} to CAUSES in gradcheck_cli/causes/__init__.py"


@every_cause
def test_the_manual_says_what_speaks_for_and_against_it_and_where_it_is_from(
    cause: CauseRule,
) -> None:
    heads = re.findall(r"^(Speaks for it|Against it|Sources)\b", cause.card, re.MULTILINE)
    assert heads == SECTIONS, f"sections of the docstring, in this order: {SECTIONS}"
    assert cause.card.partition("\n")[0].endswith(".")


@every_cause
def test_it_explains_findings_that_rules_can_make(cause: CauseRule) -> None:
    assert cause.explains
    strange = sorted(set(cause.explains) - {r.name for r in RULES})
    assert not strange, f"{cause.name} explains {strange}: no rule has that name"
    assert len(set(cause.explains)) == len(cause.explains)


def test_every_grave_finding_has_a_cause_that_could_explain_it() -> None:
    self_evident = {"frozen-parameter", "never-called", "drifted-replicas"}
    explained = set(chain.from_iterable(c.explains for c in CAUSES))
    weighed = {r.name for r in RULES if not r.code.startswith(OF_THE_LOOP)}
    open_ = sorted(weighed - self_evident - explained)
    assert not open_, f"add {open_} to the second argument of `@cause` of what explains it"
