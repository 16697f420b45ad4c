"""What is changed in counterfactual passes: the list, in the order of the way a signal takes."""

from gradcheck_cli.examine.changing import Intervention
from gradcheck_cli.examine.scales import (
    BatchStatistics,
    Factors,
    Gates,
    Logits,
    Recurrence,
    Scores,
    Skips,
    Standardized,
    Weights,
)
from gradcheck_cli.examine.slopes import (
    BoundedSlopes,
    HiddenSoftmaxes,
    OneSidedSlopes,
    OutputSlopes,
    Reconnected,
)

# In the order of the way a signal takes: of two that restore the same, the first is the cause.
ALL: tuple[type[Intervention], ...] = (
    Reconnected,
    Factors,
    HiddenSoftmaxes,
    Scores,
    OutputSlopes,
    Logits,
    BatchStatistics,
    Gates,
    BoundedSlopes,
    OneSidedSlopes,
    Weights,
    Recurrence,
    Skips,
    Standardized,
)
