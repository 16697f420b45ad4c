"""A unified diff as replacements of whole lines, which is what machine formats carry."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines `start` to `end` (exclusive) of `file` become `text`."""

    file: str
    start: int
    end: int
    text: str


def replacements(diff: str) -> Iterator[Replacement]:
    """Yield one replacement per hunk; what is no diff yields nothing.

    The counts in a hunk's head say where it ends: its lines may look like heads themselves.
    """
    file = ""
    lines = iter(diff.split("\n"))
    for line in lines:
        if line.startswith("+++ "):
            file = line[4:].split("\t")[0].removeprefix("b/").strip()
        elif file and (head := HUNK.match(line)):
            start, old, new = int(head[1]), int(head[2] or 1), int(head[3] or 1)
            first = start if old else start + 1  # an insertion names the line before it
            yield Replacement(file, first, first + old, _new_text(lines, old, new))


def _new_text(lines: Iterator[str], old: int, new: int) -> str:
    """Take a hunk's lines and return those of the new file."""
    kept = []
    while old > 0 or new > 0:
        line = next(lines, None)
        if line is None:
            break
        old -= line[:1] != "+"
        if line[:1] != "-":
            new -= 1
            kept.append(line[1:] + "\n")
    return "".join(kept)
