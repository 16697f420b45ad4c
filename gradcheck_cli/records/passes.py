"""What a counterfactual pass showed: one recorded step repeated with one thing changed."""

from dataclasses import dataclass
from enum import StrEnum


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
