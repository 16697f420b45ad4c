"""Exceptions at the edge: the user's own frames, one line for ours, a plea for bugs."""

import linecache

import pytest

from gradcheck_cli.blame import OURS
from gradcheck_cli.cli.edge import command, told
from gradcheck_cli.errors import CannotDiagnoseError, UsageError, UserCodeError


def raised_by(source: str, path: str = "/home/someone/model.py") -> BaseException:
    """Run `source` as if it were the user's file and return what it raises."""
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    try:
        exec(compile(source, path, "exec"), {"__name__": "model"})
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("it did not raise")


def code_of(error: BaseException) -> int:
    """Return the exit code of a command that raises `error`."""

    @command
    def fails() -> int:
        raise error

    with pytest.raises(SystemExit) as done:
        fails()
    return done.value.code


def test_only_the_users_frames_are_shown() -> None:
    error = raised_by("import json\ndef load():\n    return json.loads('{')\nload()\n")
    text = told(error)
    assert '"/home/someone/model.py", line 3, in load' in text
    assert "return json.loads('{')" in text
    assert "json/decoder.py" not in text
    assert "test_user_errors" in text  # the caller here is a file of a user, too
    assert text.endswith(
        "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
    )


def test_local_values_are_not_shown() -> None:
    error = raised_by("def f():\n    secret = 'hunter' + '2'\n    raise ValueError('no')\nf()\n")
    assert "hunter2" not in told(error)


def test_a_syntax_error_shows_the_line() -> None:
    text = told(raised_by("def f(:\n"))
    assert "def f(:" in text
    assert "SyntaxError" in text


def test_an_exception_without_frames_is_told_too() -> None:
    assert told(ValueError("x")) == "ValueError: x\n"


def test_the_users_error_says_what_was_being_done_and_gives_a_hint(capsys) -> None:
    cause = raised_by("raise RuntimeError('mat1 and mat2')\n")
    assert code_of(UserCodeError("forward failed", cause, hint="the batch has shape (64, 8)")) == 3
    text = capsys.readouterr().err
    assert text.startswith("error: forward failed\n")
    assert "RuntimeError: mat1 and mat2" in text
    assert "hint: the batch has shape (64, 8)" in text
    assert "edge.py" not in text


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("no such file"), 2), (CannotDiagnoseError("no step ran"), 3)]
)
def test_our_errors_are_one_line(capsys, error, code) -> None:
    assert code_of(error) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_bug_says_that_it_is_ours(capsys) -> None:
    assert code_of(raised_by("raise KeyError('x')", f"{OURS}rules/some.py")) == 4
    assert (
        "bug: this is a bug in gradcheck, not in your model: KeyError: 'x'"
        in capsys.readouterr().err
    )


def test_an_interruption_before_anything_was_measured(capsys) -> None:
    assert code_of(KeyboardInterrupt()) == 130
    assert "interrupted" in capsys.readouterr().err


def test_messages_with_escape_sequences_are_made_visible(capsys) -> None:
    code_of(UsageError("no file \x1b[31mred [bold]x[/bold]"))
    assert capsys.readouterr().err == "error: no file \\x1b[31mred [bold]x[/bold]\n"
