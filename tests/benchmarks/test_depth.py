"""benchmarks/depth.py times whole diagnoses of deep networks."""

import pytest

from benchmarks import depth
from tests.support.processes import ROOT, python


@pytest.mark.heavy
def test_it_prints_a_row_and_whether_the_goal_was_met() -> None:
    done = python(ROOT, "-m", "benchmarks.depth", "--layers", "10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2].startswith("| 10 | ")
    assert f"(goal {depth.GOAL:.0f}); met" in done.stdout


@pytest.mark.heavy
def test_a_diagnosis_without_a_report_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "SOURCE", "raise ValueError({layers})")
    with pytest.raises(RuntimeError, match="no report"):
        depth.seconds(10)
