"""Published faults are built or left out with a reason, and every figure is a look that was kept."""

import pytest

from benchmarks.looks import first_looks, looks, splits
from benchmarks.published import bank, page
from benchmarks.published.bank import HERE, MEASURED, TRAININGS, Fault
from benchmarks.published.measuring import label
from gradcheck_cli.causes import CAUSES
from gradcheck_cli.rules import RULES

FAULTS = bank.faults()
SEALED = [bank.home_of(name) for name in splits()["sealed"]]
FAULT = Fault("f", "o", "p", "wrong", "a.py buggy", "a.py fixed", ("double-softmax",))


def test_every_fault_is_built_or_says_why_not():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) > 90
    for fault in FAULTS:
        assert bool(fault.left_out) != bool(fault.script and fault.twin and fault.causes), fault.id
        for call in filter(None, (fault.script, fault.twin)):
            assert (HERE / TRAININGS / call.split()[0]).is_file(), fault.id
        assert fault.script != fault.twin or fault.left_out


def test_planted_causes_are_words_that_gradcheck_can_say():
    words = {cause.name for cause in CAUSES} | {rule.name for rule in RULES}
    planted = [*FAULTS, *(fault for home in SEALED for fault in bank.faults(home))]
    assert {cause for fault in planted for cause in fault.causes} - words - {"none"} == set()


@pytest.mark.parametrize("home", SEALED, ids=lambda home: home.name)
def test_a_sealed_set_was_measured_before_it_is_opened(home):
    scores = bank.kept(home / MEASURED)
    for fault in bank.faults(home):
        healthy = fault.script == fault.twin  # one that looks odd, and learns
        assert label(fault, scores) == ("not worse" if healthy else "sick"), fault.id
        assert fault.causes, fault.id
        for call in (fault.script, fault.twin):
            assert (home / TRAININGS / call.split()[0]).is_file(), call


def test_a_label_is_what_was_measured():
    def of(sick: list[float], twin: list[float]) -> str:
        return label(FAULT, {FAULT.script: sick, FAULT.twin: twin})

    assert of([0.0, 0.1], [0.9, 0.8]) == "sick"
    assert of([0.0, 0.75], [0.9, 0.8]) == "not worse"
    assert of([0.0, 0.0], [0.9, 0.2]) == "twin does not learn"
    assert label(FAULT, {}) == ""


def test_notes_are_no_detection_and_the_first_cause_counts():
    said = {"verdict": "healthy", "findings": {"stalled-loss": "note"}, "causes": ["x"]}
    missed = page.Row(FAULT, "sick", said)
    assert (missed.detected, missed.healthy, missed.named) == (False, True, False)
    found = page.Row(
        FAULT,
        "sick",
        {"verdict": "sick", "findings": {"a": "error"}, "causes": ["double-softmax", "x"]},
    )
    assert (found.detected, found.healthy, found.named) == (True, False, True)


def test_each_set_has_one_first_look_before_all_others():
    dates = [str(look["date"]) for look in looks()]
    assert dates == sorted(dates)
    for name in {look["set"] for look in looks()}:
        kinds = [look["look"] for look in looks(name)]
        assert kinds[0] == "first"
        assert set(kinds[1:]) <= {"later"}
        assert first_looks().count(f"\n| {name} |") == 1


def test_a_set_is_for_one_thing():
    kinds = splits()
    sets = [name for names in kinds.values() for name in names]
    assert list(kinds) == ["tune", "validate", "sealed"]
    assert len(sets) == len(set(sets))
    assert {look["set"] for look in looks()} <= set(sets)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if "softmax" in f.fault][:2], ids=lambda f: f.id
)
def test_a_fault_learns_nothing_and_its_twin_does(fault):
    from benchmarks.published.measuring import learns, measured

    rows = {call: measured(HERE / TRAININGS, call) for call in (fault.script, fault.twin)}
    assert label(fault, rows) == "sick"
    assert learns(rows[fault.twin])
