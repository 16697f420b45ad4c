"""Whether the unchanged replay gives what was recorded: without that nothing is claimed."""

import math
from dataclasses import dataclass

from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.randomness import unchanged

ROUNDING = 1e-3  # relative difference of a loss that rounding on an accelerator may come to


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What the unchanged replay made of the recorded losses."""

    steps: int
    exact: bool
    different: int | None = None  # the first step that differs by more than rounding
    recorded: float = math.nan
    played: float = math.nan
    error: str = ""

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


def reproduced(replay: Replay) -> Reproduction:
    """Play all recorded steps as they were and compare the losses."""
    units = replay.recording.units
    training = replay.build()
    exact, cpu = True, training.device.type == "cpu"
    with unchanged():
        for unit in units:
            try:
                played = float(training.step().loss)
            except Exception as error:  # noqa: BLE001 - the user's modules may refuse to run again
                return Reproduction(len(units), False, unit.index, error=_first_line(error))
            same = played == unit.value or (math.isnan(played) and math.isnan(unit.value))
            exact = exact and same
            near = abs(played - unit.value) <= ROUNDING * max(abs(unit.value), 1e-12)
            if not same and (cpu or not near):
                return Reproduction(len(units), False, unit.index, unit.value, played)
    return Reproduction(len(units), exact)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
