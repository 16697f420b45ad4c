"""What can be repeated with a change: built from its parts, played from recorded steps, or run again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, Self

from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.training import Training


class Repeatable(Protocol):
    """A training that can be repeated with a change, whichever way its arms are made."""

    @property
    def seed(self) -> int:
        """The seed of a build that names none."""

    @property
    def maker(self) -> str:
        """How its arms are made: 'built', 'replayed' or 're-run'."""

    @property
    def said(self) -> tuple[str, ...]:
        """What the report says of how fixes were tried on it."""

    def borrowed(self, say: Callable[[str], None]) -> AbstractContextManager[str]:
        """Hold it while arms are run; yields why nothing could be claimed from them, '' if it can.

        `say` is told what is done for it that takes time or runs code of the user's.
        """

    @property
    def varies(self) -> bool:
        """Do other seeds give other runs?"""

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make the training with these changes."""

    def on(self, samples: int | None) -> Self:
        """The same on that many samples of every batch."""


@dataclass(slots=True)
class Either:
    """The first way where something can be claimed from it, else the second, made for the reason."""

    first: Repeatable
    second: Callable[[str], Repeatable]
    chosen: Repeatable | None = None

    @property
    def _used(self) -> Repeatable:
        return self.chosen or self.first

    @property
    def seed(self) -> int:
        """That of the way that is used."""
        return self._used.seed

    @property
    def maker(self) -> str:
        """That of the way that is used."""
        return self._used.maker

    @property
    def said(self) -> tuple[str, ...]:
        """That of the way that is used."""
        return self._used.said

    @property
    def varies(self) -> bool:
        """That of the way that is used."""
        return self._used.varies

    @contextmanager
    def borrowed(self, say: Callable[[str], None]) -> Iterator[str]:
        """Hold the first that works."""
        with self.first.borrowed(say) as obstacle:
            if not obstacle:
                yield ""
                return
        self.chosen = self.second(obstacle)
        with self.chosen.borrowed(say) as obstacle:
            yield obstacle

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make the training in the way that is used."""
        return self._used.build(changes, seed=seed, hold_out=hold_out)

    def on(self, samples: int | None) -> Self:
        """The same on that many samples of every batch, where that can be."""
        self.first = self.first.on(samples)
        return self
