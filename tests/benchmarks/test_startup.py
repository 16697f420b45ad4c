"""benchmarks/startup.py times whole processes that do what they should."""

import pytest

from benchmarks import startup
from tests.support.processes import ROOT, python


def test_what_is_slower_than_its_goal_is_missed_and_nothing_else() -> None:
    medians = dict.fromkeys(startup.COMMANDS, 9.0) | {
        "gradcheck --help": 0.150,
        "gradcheck explain": 0.201,
    }
    assert startup.missed(medians) == ["gradcheck explain"]


def test_a_process_that_ends_in_another_way_is_no_measurement() -> None:
    assert startup.seconds(["-c", "pass"], 0) > 0
    with pytest.raises(RuntimeError, match="ended with 3"):
        startup.seconds(["-c", "raise SystemExit(3)"], 0)


def test_the_last_line_states_the_figures_and_their_goals() -> None:
    done = python(ROOT, "-m", "benchmarks.startup", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("startup: gradcheck --help ")
    assert "(goal 150)" in last
    assert "(goal 200)" in last
    assert done.stdout.count("| gradcheck ") == 4
