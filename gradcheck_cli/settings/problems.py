"""Mistakes in a config file, all of them at once, each with its place."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck_cli.errors import UsageError
from gradcheck_cli.here import below_here


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column, counted from 1."""

    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: Path
    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.position.line}:{self.position.column}: {self.message}"


class ConfigError(UsageError):
    """A config that cannot be used; `str()` has one line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.position))
        super().__init__("\n".join(map(str, self.problems)))


def refused(file: Path, message: str, position: Position = Position(1)) -> ConfigError:
    """Return the error of a file with one mistake."""
    return ConfigError([Problem(file, position, message)])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)`, or nothing when no known name is close."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def shown(path: Path) -> Path:
    """Return the path relative to the working folder where it lies below it."""
    return Path(below_here(path))
