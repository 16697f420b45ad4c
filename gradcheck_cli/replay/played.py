"""Recorded steps as they are handed over once a run has ended."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import nn

from gradcheck_cli.probe.session import Session
from gradcheck_cli.replay.recording import Recording
from gradcheck_cli.replay.repeating import held_out_of
from gradcheck_cli.targets.repeatable import Repeatable

Again = Callable[[Session, nn.Module, str], Repeatable]  # its model, and why it is not played


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The recorded steps of a run, on which fixes are tried."""

    recording: Recording
    beside: bool = False  # several trainings at once, whose losses need not fall
    pace: float = 0.0  # seconds per step
    around: Callable[[], AbstractContextManager[object]] = nullcontext  # while arms are run
    again: Again | None = None  # how it is run again where it cannot be played

    @property
    def said(self) -> tuple[str, ...]:
        """What the report says of how fixes were tried."""
        recording = self.recording
        number = len(recording.units)
        kept = number - held_out_of(number)
        return (
            f"fixes were tried on {number} recorded steps, replayed in this process: the unchanged "
            f"replay reproduced their losses; {kept} are trained on again and again, the last "
            f"{number - kept} are held out",
            *recording.notes,
            *(
                [f"{recording.returning}: these values are those of the run"]
                if recording.returning
                else []
            ),
            *(
                ["inputs that depended on the model are those of the run"]
                if recording.is_chained
                else []
            ),
        )
