"""Paths as a person says them who stands in the current folder, which may have been removed."""

import os
import sys


def below_here(path: str | os.PathLike[str]) -> str:
    """Return the path relative to the current folder where it lies below it, else as it is."""
    whole = os.fspath(path)
    return whole if is_gone() else whole.removeprefix(os.path.join(os.getcwd(), ""))  # noqa: PTH109, PTH118


def is_gone() -> bool:
    """Was the current folder removed? The user's code may do that."""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return True
    return False


def why_missing(name: str) -> str:
    """Say why the module `name` could not be imported by a script, and what to do about it."""
    top = name.partition(".")[0]
    if not is_gone() and any(os.path.exists(where) for where in (top, f"{top}.py")):  # noqa: PTH110
        return f"{top!r} lies in the current folder, where the script does not look; set PYTHONPATH=. for it"
    return (
        f"{name!r} is not installed for {sys.executable}, which runs the script; install it there, or "
        "name the project's interpreter: gradcheck --python FILE COMMAND ..."
    )
