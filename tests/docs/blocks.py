"""The code blocks of a page, and how they ask to be run.

A comment before a block says what becomes of it:

    <!-- run -->                           a shell block that has to exit with 0
    <!-- run: exit 1, heavy, needs lightning -->
    <!-- not run: why -->

Python blocks run unless they are marked. A block with `title="net.py"` is a file that the other
blocks of the page find beside them. A light block must not need what a heavy one has left.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>(?:not )?run[^\n]*?) -->\n)?```(?P<kind>\w+)(?P<title> title=\"(?P<file>[^\"]+)\")?[^\n]*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
SHELL, PYTHON = {"sh", "bash", "shell"}, {"python", "py"}


@dataclass(frozen=True)
class Block:
    """One block that is code."""

    kind: str
    text: str
    mark: str = ""
    file: str = ""

    @property
    def runs(self) -> bool:
        """Does it run, as opposed to being shown or being a file?"""
        asked = self.mark.startswith("run") or (self.kind in PYTHON and not self.mark)
        return asked and not self.file

    @property
    def terms(self) -> list[str]:
        """What the mark says after `run:`."""
        return [term.strip() for term in self.mark.partition(":")[2].split(",") if term.strip()]

    @property
    def promised(self) -> int:
        """The exit code it has to end with."""
        return next((int(t.removeprefix("exit ")) for t in self.terms if t.startswith("exit ")), 0)

    @property
    def heavy(self) -> bool:
        """Does it take long?"""
        return "heavy" in self.terms

    @property
    def needs(self) -> list[str]:
        """Packages without which it is skipped."""
        return [t.removeprefix("needs ") for t in self.terms if t.startswith("needs ")]


def blocks(page: Path | str) -> Iterator[Block]:
    """Yield the shell and Python blocks of a page, and its files, in order."""
    text = page if isinstance(page, str) else page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if found["kind"] in SHELL | PYTHON or found["file"]:
            yield Block(found["kind"], found["text"], found["mark"] or "", found["file"] or "")
