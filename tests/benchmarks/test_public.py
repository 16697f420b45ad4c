"""The list of public programs, what counts as the same result, and the page that is made of rows."""

import re

from benchmarks.programs import PROGRAMS
from benchmarks.programs.page import page
from benchmarks.programs.running import Ran, differences, found_in, said


def row(**given: object) -> dict[str, object]:
    same = dict.fromkeys(("same_output", "same_warnings", "same_files"), True)
    known = {"program": "p", "area": "text", "commit": "0" * 8, "cost": 1.2, "codes": [0, 0]}
    found = {"errors": [], "warnings": [], "lost": False, "said": "fine", "verdict": "healthy"}
    return {**same, **known, **found, **given}


def test_at_least_sixty_programs_are_listed_each_at_one_commit_under_one_name() -> None:
    assert len(PROGRAMS) >= 60
    assert len({p.name for p in PROGRAMS}) == len(PROGRAMS)
    assert all(re.fullmatch(r"[0-9a-f]{40}", p.commit) for p in PROGRAMS)
    assert all("--" not in p.repository and p.repository.count("/") == 1 for p in PROGRAMS)


def test_times_do_not_count_as_output_and_losses_do() -> None:
    assert said("step 3 | 12.5ms | loss 0.5") == said("step 3 | 9.1ms | loss 0.5")
    assert said("epoch 1 took 0:00:03") == said("epoch 1 took 0:00:07")
    assert said("loss 0.5001") != said("loss 0.5002")


def test_a_difference_of_output_warnings_files_or_code_is_named() -> None:
    one = Ran(0, "loss 0.5\n", "x.py:3: UserWarning: old\n", 2.0, {"w.pt": "a"})
    other = Ran(1, "loss 0.6\n", "", 3.0, {"w.pt": "b"})
    found = differences(one, other)
    assert found["differs"] == ["loss 0.5", "loss 0.6"]
    assert not found["same_warnings"]
    assert found["files_differ"] == ["w.pt"]
    assert found["codes"] == [0, 1]
    assert found["cost"] == 1.5
    assert "differs" not in differences(one, one)


def test_a_run_without_a_report_is_lost() -> None:
    assert found_in(None, Ran(0, "", "killed\n", 1.0, {}))["lost"]


def test_the_page_counts_what_a_program_does_not_deserve() -> None:
    rows = [
        row(errors=["vanishing-gradient"]),
        row(program="q", errors=["dying-relu"], sick="dying-relu: most units are dead"),
        row(program="r", same_output=False, differs=["a", "b"]),
        row(program="s", warnings=["stalled-loss"], lost=True),
        {"program": "t", "commit": "0", "not_run": "the repository is not at hand"},
    ]
    text = page(rows, 70, 9)  # type: ignore[arg-type]
    assert "| programs with a false error | 1 | 0 |" in text
    assert "| programs with a false warning | 1 (25.0%) | 2 % |" in text
    assert "| lost reports | 1 | 0 |" in text
    assert "| programs with another result | 1 (r) | 0 |" in text
    assert "- t (`0`): the repository is not at hand" in text
    assert "- 65 more, which were not tried" in text


def test_the_page_says_whether_recorded_steps_play_again() -> None:
    text = page([row(replay="the unchanged replay reproduced the losses")], 1, 1)  # type: ignore[arg-type]
    assert "| p | the unchanged replay reproduced the losses |" in text
    assert "## Played again" not in page([row()], 1, 1)  # type: ignore[arg-type]
