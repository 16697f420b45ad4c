"""Whether the unchanged replay gives what was recorded: without that nothing is claimed."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Self

from gradcheck_cli.errors import THEIRS, wording
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.training import Training

# Relative difference of a loss that rounding may come to: on an accelerator, compiled.
ROUNDING = 1e-3
SLOW = (
    "a step takes {:.1f} s, too long for experiments that were not asked for; --verify makes them"
)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What the unchanged replay made of the recorded losses."""

    steps: int
    exact: bool
    different: int | None = None  # the first step that differs by more than rounding
    recorded: float = math.nan
    played: float = math.nan
    error: str = ""
    pace: float = 0.0  # seconds per step

    @property
    def succeeded(self) -> bool:
        """May anything be claimed from replays?"""
        return self.steps > 0 and self.different is None and not self.error

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.error:
            return f"the recorded steps could not be played again: {self.error}"
        if not self.steps:
            return "no complete training step was recorded"
        if self.different is not None:
            return (
                f"the steps played again differ from the run: step {self.different} has the loss "
                f"{self.played:.9g} instead of {self.recorded:.9g}"
            )
        how = "bit for bit" if self.exact else "within rounding"
        return f"the unchanged replay reproduced the losses of {self.steps} recorded steps {how}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded training that fixes are tried on, once the unchanged replay has shown that it may.

    `whole` plays all recorded steps, where `replay` lets only one of several trainings learn.
    """

    replay: Replay
    around: Callable[[], AbstractContextManager[object]] = nullcontext  # while arms are run
    said: tuple[str, ...] = ()  # of how fixes were tried
    maker: str = "replayed"
    whole: Replay | None = None
    seconds: float = math.inf  # that reproducing may take

    @property
    def seed(self) -> int:
        """The seed under which everything is as it was recorded."""
        return self.replay.seed

    @property
    def varies(self) -> bool:
        """Do other seeds give other runs?"""
        return self.replay.varies

    def on(self, samples: int | None) -> Self:  # noqa: ARG002 - of all trainings
        """The same training; recorded batches are played whole."""
        return self

    @contextmanager
    def borrowed(self, _: Callable[[str], None]) -> Iterator[str]:
        """Hold the live objects; all is put back at the end. Yields why nothing can be claimed."""
        whole = self.whole or self.replay
        with self.around():
            with whole:
                answer = reproduced(whole, self.seconds)
            slow = answer.pace > self.seconds / 2
            with self.replay:
                yield (
                    (SLOW.format(answer.pace) if slow else "") if answer.succeeded else str(answer)
                )

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make a training from the recorded steps, with these changes."""
        return self.replay.build(changes, seed=seed, hold_out=hold_out)


def reproduced(replay: Replay, seconds: float = math.inf) -> Reproduction:
    """Play the recorded steps as they were and compare the losses: bit for bit, or within rounding.

    Compiled steps are played as they were written, and round as such. After `seconds` those that were
    played have to do.
    """
    began = time.monotonic()
    units = replay.recording.units
    training = replay.build()
    exact, to_the_bit = True, training.device.type == "cpu" and not replay.recording.compiled
    with unchanged():
        for unit in units:
            try:
                played = float(training.step().loss)
            except THEIRS as error:  # the user's modules may refuse to run again
                return Reproduction(
                    len(units), False, unit.index, error=wording(error).splitlines()[0]
                )
            same = played == unit.value or (math.isnan(played) and math.isnan(unit.value))
            exact = exact and same
            near = abs(played - unit.value) <= ROUNDING * max(abs(unit.value), 1e-12)
            if not same and (to_the_bit or not near):
                return Reproduction(len(units), False, unit.index, unit.value, played)
            number, spent = unit.index + 1, time.monotonic() - began
            if spent > seconds or number == len(units):
                return Reproduction(number, exact, pace=spent / number)
    return Reproduction(0, exact)
