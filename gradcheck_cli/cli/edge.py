"""The edge: every exception becomes one clear message on stderr and its exit code."""

import functools
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

from rich.text import Text

from gradcheck_cli.cli.consoles import err
from gradcheck_cli.cli.user_frames import told
from gradcheck_cli.errors import ExitCode, GradcheckError, ToldElsewhereError, UserCodeError
from gradcheck_cli.renderers.words import clean

P = ParamSpec("P")


def command(function: Callable[P, int]) -> Callable[P, None]:
    """Make a function that returns an exit code a command: its errors become messages and codes."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        import typer  # `explain` does without

        raise typer.Exit(code_of(functools.partial(function, *args, **kwargs)))

    return run


def code_of(call: Callable[[], int]) -> int:
    """Return the exit code of `call`; what it raises is told on stderr."""
    try:
        return call()
    except UserCodeError as error:
        _say("error", error.doing)
        _plain(told(error.cause))
        if error.hint:
            _say("hint", error.hint)
        return error.exit_code
    except ToldElsewhereError as error:
        return error.exit_code
    except GradcheckError as error:
        _say("error", str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted", "nothing was measured yet")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; nobody is left to tell
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001  # the last edge: nothing may leave as a bare traceback
        _plain("".join(traceback.format_exception(error)))
        _say(
            "bug", f"this is a bug in gradcheck, not in your model: {type(error).__name__}: {error}"
        )
        _plain("Please report it with the lines above.\n")
        return ExitCode.BUG


def _say(label: str, message: str) -> None:
    """Print a line, however long it is; the further lines of a message stand below its first."""
    first, *others = message.splitlines() or [""]
    style = "bold" if label == "hint" else "bold red"
    err().print(Text.assemble((f"{label}: ", style), clean(first)), soft_wrap=True)
    for line in others:
        err().print(Text(" " * (len(label) + 2) + clean(line)), soft_wrap=True)


def _plain(text: str) -> None:
    """Print lines as they are, except for control characters."""
    for line in text.splitlines():
        err().print(Text(clean(line.expandtabs(4))), soft_wrap=True)
