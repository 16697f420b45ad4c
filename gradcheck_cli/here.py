"""Paths as a person says them who stands in the current folder, which may have been removed."""

import os


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
