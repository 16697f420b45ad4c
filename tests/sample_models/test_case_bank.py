"""The case bank is large enough, split without looking, and labeled by what was measured."""

import json
from collections import Counter

import pytest
import yaml

pytest.importorskip("sklearn")
pytest.importorskip("transformers")

from benchmarks import label
from benchmarks.cases import CASES, EVIDENCE, SETS

pytestmark = pytest.mark.heavy


def test_names_are_unique_and_all_are_labeled():
    assert len({case.name for case in CASES}) == len(CASES)
    assert not [case.name for case in CASES if case.label == "unlabeled"]


def test_every_case_of_a_set_apart_is_there_and_in_no_other():
    sets = yaml.safe_load(SETS.read_text(encoding="utf-8"))
    named = [case for cases in sets.values() for case in cases]
    assert len(set(named)) == len(named)
    assert set(named) <= {case.name for case in CASES}


def test_there_are_enough_of_each_kind_in_each_half():
    counts = Counter((case.label.split(":")[0], case.half) for case in CASES)
    for half in ("development", "held-back"):
        assert counts["healthy", half] >= 40
        assert counts["vanishing", half] >= 40
        assert counts["other", half] >= 20
    assert counts["healthy", "fresh"] >= 25
    assert counts["vanishing", "fresh"] >= 25
    assert counts["other", "fresh"] >= 15
    for apart in ("unseen", "later", "latest"):
        assert counts["healthy", apart] >= 15
        assert counts["vanishing", apart] >= 12
        assert counts["other", apart] >= 8


def test_labels_follow_from_the_stored_evidence():
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    for case in CASES:
        stored = evidence[case.name]
        found = label.verdict(case, stored["runs"])
        assert found == (stored["label"], stored["reason"])


def test_what_was_measured_is_what_is_planted_now():
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    for case in CASES:
        assert evidence[case.name]["planted"] == [case.group, case.finding, case.cause]


@pytest.mark.parametrize("case", CASES[::20], ids=lambda case: case.name)
def test_the_same_seed_gives_the_same_run(case):
    def first_loss():
        problem = case.problem(3)
        model = problem.build()
        return problem.loss_of(model, next(problem.batches()))[0].item()

    assert first_loss() == first_loss()
