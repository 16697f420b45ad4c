"""What is said where no step of a script could be measured, or the last one only in part."""

import sys
from pathlib import Path

import pytest
from torch import nn

from gradcheck_cli.probe.launching import Ending
from gradcheck_cli.probe.unmeasured import why_nothing
from gradcheck_cli.rules.engine import judge
from tests.support.loops import adam, batch, watched


def test_a_package_that_is_missing_names_the_interpreter_and_the_way_to_another() -> None:
    error = ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    said = why_nothing(None, Ending(code=1, error=error))
    assert f"'matplotlib' is not installed for {sys.executable}" in said
    assert "gradcheck --python FILE" in said


def test_a_module_of_the_current_folder_is_said_to_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    said = why_nothing(None, Ending(code=1, error=ModuleNotFoundError(name="mine.model")))
    assert "'mine' lies in the current folder" in said
    assert "PYTHONPATH=." in said


def test_any_other_exception_is_to_be_mended_first() -> None:
    said = why_nothing(None, Ending(code=1, error=ValueError("x")))
    assert "the script ended with ValueError" in said


@pytest.mark.parametrize("before", [0, 3])
def test_a_backward_pass_that_raises_says_nothing_of_gradients(before: int) -> None:
    def loop() -> None:
        lower, upper = nn.Linear(6, 16), nn.Linear(16, 3)
        optimizer = adam(nn.Sequential(lower, upper))
        for step in range(before + 1):
            x, y = batch()
            hidden = lower(x).sigmoid()
            scores = upper(hidden)
            if step == before:
                hidden.mul_(2)  # what the backward pass of the sigmoid needs
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, y).backward()
            optimizer.step()

    def ended() -> None:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loop()

    [session] = watched(ended)
    assert judge(session.trace()).findings == ()
    assert len(session.trace().steps) == before + 1


def test_a_script_that_misses_its_arguments_is_told_where_they_belong() -> None:
    assert "its own arguments come after `--`" in why_nothing(None, Ending(code=2))
    assert "`--`" not in why_nothing(None, Ending(code=1))
