"""Let a penalty in the loss pull less.

Works because  A penalty whose gradient is larger than that of the data shrinks the weights, whatever the
               data says: the network goes to a constant.
Costs          Less regularization; watch the held-out loss.
Not for        Runs that overfit.
Sources        Krogh & Hertz 1992; Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 7.1.
"""

from collections.abc import Iterator

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

FACTORS = (0.1, 0.01, 0.001)


@remedy("weigh-penalty-less", treats=("penalty-too-strong",), risk=REVIEW, part="decay")
def weigh_penalty_less(case: Case) -> Iterator[Draft]:
    """Draft a tenth of it and less, where it was seen to be added to the loss."""
    places = case.training.penalties
    code = "loss = loss_fn(output, target) + {:g} * penalty"
    for factor in FACTORS if places else ():
        yield Draft(
            summary=f"Weigh the penalty by {factor:g} of what it is.",
            code=code.format(factor) + "  # times the weight that it has now",
            change=Change(summary=f"penalty times {factor:g}", penalty=factor),
            at=places[0][0],
            edits=tuple(
                Edit(act=Act.WEIGH, at=at, name=("left", "right")[part], new=f"{factor:g}")
                for at, part in places
            ),
        )
    if not places:
        yield Draft(
            summary="Weigh the penalty less: it pulls harder than the data.",
            code=code.format(1e-5),
            cannot="where it is added to the loss was not seen",
        )
