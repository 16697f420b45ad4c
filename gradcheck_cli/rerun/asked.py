"""What the two processes tell each other: plain data, and a change in a form that travels."""

import os
import random
import sys
from dataclasses import dataclass, field
from typing import Any

from gradcheck_cli.probe.launching import Program


@dataclass(slots=True)
class Scene:
    """A script as it began: where, with which arguments, and where chance stood that nobody seeds."""

    program: Program
    arguments: tuple[str, ...] = ()
    folder: str = field(default_factory=os.getcwd)
    python: Any = field(default_factory=random.getstate)
    numpy: Any = None

    def numpy_is_here(self) -> None:
        """Numpy has just been imported: note where its global generator stands."""
        self.numpy = sys.modules["numpy"].random.get_state()

    def restore_numpy(self) -> None:
        """Put it there again, in the process that runs the script again."""
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is run again, and what was seen of the training that is looked for in it."""

    scene: Scene
    names: tuple[str, ...]  # of the models, under which a change looks for layers
    shapes: tuple[tuple[str, tuple[int, ...]], ...]  # of all parameters of the first model


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The training was reached: nothing of it has happened yet."""

    varies: bool  # are its weights drawn at random?
    forks: bool  # can further arms begin from here?


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Be an arm. `changes` is pickled; `number` is how the arm introduces itself."""

    number: int
    changes: bytes
    seed: int | None  # None: the script's own chance


@dataclass(frozen=True, slots=True)
class Go:
    """Train until `steps` steps are taken, and look into the first `watch` of them."""

    steps: int
    watch: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the script could not be run again, in one line."""

    reason: str


@dataclass(slots=True)
class Curve:
    """The losses of an arm so far."""

    losses: list[float] = field(default_factory=list)
    sent: int = 0

    def fresh(self) -> tuple[float, ...]:
        """Return what was not yet told."""
        new, self.sent = tuple(self.losses[self.sent :]), len(self.losses)
        return new
