"""What can be repeated with a change: built from its parts, played from recorded steps, or run again."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self

from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.training import Training


class Repeatable(Protocol):
    """A training that can be repeated with a change, built from its parts or played from recorded steps."""

    @property
    def seed(self) -> int:
        """The seed of a build that names none."""

    @property
    def maker(self) -> str:
        """How its arms are made: 'built again', 'replayed' or 're-run'."""

    def borrowed(self) -> AbstractContextManager[str]:
        """Hold it while arms are run; yields why nothing could be claimed from them, '' if it can."""

    @property
    def varies(self) -> bool:
        """Do other seeds give other runs?"""

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make the training with these changes."""

    def on(self, samples: int | None) -> Self:
        """The same on that many samples of every batch."""
