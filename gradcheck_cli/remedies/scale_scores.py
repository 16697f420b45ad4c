"""Multiply the model's scores by a constant, so that they begin between 0.1 and 1.

Works because  A softmax or sigmoid has a scale: of scores around 1e-4 it makes equal chances whatever
               the input, and its gradient is multiplied by 1e-4 once more on the way back; scores in
               the hundreds leave one class at 1 and a gradient of 0.
Costs          Chances are less certain, or more, by the same factor.
Not for        Scores that begin at exactly 0 (a head that starts at zero); scores whose size comes from
               the last layer itself, which is to be started anew; temperatures on purpose.
Sources        Wang et al. 2017, arXiv:1704.06369, section 3.3 (a bound on the loss of scores without a
               scale); Hinton et al. 2015, arXiv:1503.02531, section 2 (temperature).
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from gradcheck_cli.features.profile import first_logits
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

SMALL, LARGE = 0.03, 30.0  # scores of a fresh network with a usual start lie well between
NEAR = 10.0
USUAL = (0.1, 1.0)  # of torch's own start, and of a head that keeps the variance
SURE = 3.0  # of scores that no weights make larger: a class can be sure

HELPER = '''class Scaled(nn.Module):
    """Multiplies what a model returns by a constant."""

    def __init__(self, model: nn.Module, factor: float) -> None:
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, *inputs, **named):
        """Return the scaled scores."""
        return self.factor * self.model(*inputs, **named)
'''


def _multiplied(factor: float) -> Change:
    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        return factor * output if isinstance(output, Tensor) else output

    def edit(model: nn.Module) -> None:
        model.register_forward_hook(hook)

    return Change(summary="scaled scores", model=edit)


def _of_last_layer(case: Case, scale: float) -> bool:
    """Does the last layer itself give scores of this size? Then its start, or one before, is wrong."""
    given = first_logits(case.trace)
    return given > 0 and 1 / NEAR < scale / given < NEAR


@remedy(
    "scale-scores",
    treats=("init-too-small", "init-too-large", "constant-factor"),
    risk=REVIEW,
    part="output",
)
def scale_scores(case: Case) -> Iterator[Draft]:
    """Draft the factors that bring the scores to where they usually begin."""
    scale = case.trace.loss.score_scale
    bounded = case.cause.name == "constant-factor" and "no weights make" in " ".join(
        case.cause.reasons
    )
    if not scale or (not bounded and (SMALL <= scale <= LARGE or _of_last_layer(case, scale))):
        return
    for usual in (SURE,) if bounded else USUAL:
        factor = float(f"{usual / scale:.1g}")
        yield Draft(
            summary=f"Multiply the model's scores by {factor:g}; they begin around {scale:.1g}.",
            code=f"scores = {factor:g} * scores  # before the loss",
            change=_multiplied(factor),
            size=1,
            edits=(Edit(act=Act.FINISH, new=f"Scaled({{model}}, {factor:g})", needs=HELPER),),
        )
