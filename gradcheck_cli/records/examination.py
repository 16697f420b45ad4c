"""What experiments on a training answered, one record per question, and what its passes showed: plain data."""

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


class Moment(StrEnum):
    """When in the training a pass was made."""

    START = "start"  # before the first update
    LATE = "late"  # after the last observed step


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass. Losses of signal are in decades (powers of ten); 0 is nothing lost.

    `names` are the interventions of the pass, none for the unchanged one.
    """

    moment: Moment
    names: tuple[str, ...] = ()
    lost: float = 0.0  # starved layers against the strongest of the upper quarter, mean of decades
    weak: float = 0.0  # of sqrt(sum s^2) / |loss| below 1, s = norm(w) * norm(g)
    over_time: float = 0.0  # gradient at the first quarter of time steps below that at the last
    constant: float = 0.0  # of the outputs' dependence on the sample below 1
    above: float = 0.0  # of the loss above that of the best constant prediction
    touched: int = 0  # calls that the interventions changed
    factor: float | None = None  # median factor by which a scale was changed
    finite: bool = True  # the loss and all gradients are numbers
    reached: int = 0  # weight layers with a gradient above zero
    starved: tuple[str, ...] = ()  # layers that `lost` is about
    seconds: float = 0.0
