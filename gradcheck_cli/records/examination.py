"""What an experiment on a training answered: plain data, one record per question."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What an answer means for the training."""

    FINE = "fine"  # it speaks for the training
    WRONG = "wrong"  # it speaks against it
    NOTED = "noted"  # worth knowing, and neither
    SKIPPED = "skipped"  # the question does not apply, or could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question that was put to a training, and what was measured.

    `supports` are names of causes that the answer speaks for; `seconds` is what the experiment cost,
    counted at its first answer.
    """

    name: str  # loss-prefers-right
    question: str
    outcome: Outcome
    said: str = ""  # one sentence with the numbers
    measured: float | None = None
    limit: float | None = None
    unit: str = ""
    reason: str = ""  # why it was skipped
    supports: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    seconds: float = 0.0
    unfinished: bool = False  # the time ended before it could be asked, or asked in full
