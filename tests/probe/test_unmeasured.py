"""What is said where no step of a script could be measured."""

import sys

from gradcheck_cli.probe.launching import Ending
from gradcheck_cli.probe.unmeasured import why_nothing


def test_a_package_that_is_missing_names_the_interpreter_and_the_way_to_another() -> None:
    error = ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    said = why_nothing(None, Ending(code=1, error=error))
    assert f"'matplotlib' is not installed for {sys.executable}" in said
    assert "gradcheck --python FILE" in said


def test_any_other_exception_is_to_be_mended_first() -> None:
    said = why_nothing(None, Ending(code=1, error=ValueError("x")))
    assert "the script ended with ValueError" in said
