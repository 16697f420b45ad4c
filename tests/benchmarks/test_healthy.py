"""The known healthy trainings: what is kept of them, what is asked next, and what may be named."""

from pathlib import Path

import pytest

from benchmarks import healthy
from benchmarks.healthy import Healthy, asked, chosen, forget, keep, kept, shown, trainings

NOW = {"date": "2026-01-02", "commit": "bbb", "judge": "now"}


def row(of: str, name: str, **given: object) -> dict[str, object]:
    known = {"verdict": "healthy", "said": "fine", "errors": [], "warnings": [], "seconds": 2.0}
    return {"set": of, "name": name, **known, **NOW, **given}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthy, "KEPT", tmp_path / "healthy.jsonl")


def test_all_healthy_cases_and_architectures_are_there_each_once() -> None:
    every = [(one.set, one.name) for one in trainings()]
    assert len(set(every)) == len(every)
    assert sum(of == "architectures" for of, _ in every) == 84
    assert sum(of.startswith("bank") for of, _ in every) == sum(
        case.label == "healthy" for case in healthy.CASES
    )


def test_a_run_goes_on_with_what_this_judge_was_not_asked_the_new_ones_first() -> None:
    open_ = [one.name for one in chosen("architectures", 1, "now")]
    done, older = open_[0], open_[1]
    keep(row("architectures", older, judge="before"))
    keep(row("architectures", done))
    left = [one.name for one in chosen("architectures", 1, "now")]
    assert left == [*open_[2:], older]
    assert len(chosen("architectures", 4, "now")) == 20


def test_an_answer_replaces_the_older_one_of_the_same_training() -> None:
    keep(row("samples", "a", errors=["stalled-loss"], judge="before"))
    keep(row("samples", "a"))
    assert [one["errors"] for one in kept().values()] == [[]]


def test_what_is_labeled_healthy_no_more_is_forgotten() -> None:
    keep(row("bank, fresh", "relabeled", errors=["stalled-loss"]))
    keep(row("architectures", "bert"))
    forget()
    assert [one["name"] for one in kept().values()] == ["bert"]


def test_a_training_without_a_report_counts_as_an_error() -> None:
    def broken() -> None:
        raise ValueError("no such layer")

    found = asked(Healthy("samples", "a", broken))  # type: ignore[arg-type]
    assert found["errors"] == ["no report"]
    assert found["said"] == "ValueError: no such layer"


def test_alarms_are_counted_in_each_set_and_named_where_it_may_be_looked_at() -> None:
    keep(row("samples", "a", warnings=["stalled-loss"]))
    keep(row("bank, closing", "b", errors=["dying-relu"], verdict="sick", date="2026-01-03"))
    text = shown()
    assert "| samples | 1 of 24 | 0 | 1 | 1 | 2026-01-02 | bbb |" in text
    assert "| bank, closing | 1 of 13 | 1 | 0 | 0 | 2026-01-03 | bbb |" in text
    assert "architectures" not in text
    named = {one["set"]: healthy.alarms(one) for one in kept().values()}
    assert named == {"samples": ["stalled-loss"], "bank, closing": []}
