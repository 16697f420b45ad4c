"""Paths as a person says them who stands in the current folder, which may have been removed."""

import os


def below_here(path: str | os.PathLike[str]) -> str:
    """Return the path relative to the current folder where it lies below it, else as it is."""
    whole = os.fspath(path)
    try:
        here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - prefixes are strings
    except FileNotFoundError:  # the user's code may remove the folder that it stands in
        return whole
    return whole.removeprefix(here)


def is_gone() -> bool:
    """Was the current folder removed?"""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return True
    return False
