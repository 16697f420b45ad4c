"""What a public program is, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

StandIn = Callable[[Path], None]  # writes files below the root of a checkout


@dataclass(frozen=True, slots=True)
class Program:
    """One program of a repository, its command, and what stands in for what it would download."""

    name: str
    area: str
    repository: str
    commit: str
    command: tuple[str, ...]  # after `python` or `gradcheck run`
    folder: str = "."  # in which it is started
    data: tuple[StandIn, ...] = ()
    path: tuple[str, ...] = ()  # put on PYTHONPATH
    files: tuple[str, ...] = ("*.py",)  # taken from the commit
    environment: tuple[tuple[str, str], ...] = ()
    sick: str = ""  # what is wrong with it by itself: findings of these names are right
    note: str = ""
