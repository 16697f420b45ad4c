"""A place in the user's source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceSite:
    """Where in the user's source something was built or called; columns count from 1."""

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
