"""Look at the data: no change of the network can help.

Works because  A network can learn only what its inputs tell about its labels. Where all inputs look
               the same, or labels belong to other inputs, guessing is the best that can be done.
Costs          Your time.
Not for        -
Sources        Zhang et al. 2017, arXiv:1611.03530: random labels can be memorized, not learned.
"""

from collections.abc import Iterator

from gradcheck_cli.features.profile import few_drawn, rescaled
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy

CODE = """\
for inputs, target in loader:      # what the model really receives
    print(inputs.min(), inputs.max(), inputs.std(dim=0).mean())  # 0: all samples look alike
    print(inputs[:3], target[:3])  # do these pairs belong together?
    break"""

WEIGHTS = """\
weights = class_weights[labels]    # as many as there are samples
sampler = WeightedRandomSampler(weights, num_samples=len(labels))"""

COPY = "x = (self.data[index] - mean) / std  # instead of x = self.data[index]; x -= mean; x /= std"

MISSING = """\
missing = inputs[:, column] == code   # before any scaling
inputs[missing, column] = inputs[~missing, column].mean()
inputs = torch.cat([inputs, missing[:, None].float()], dim=1)"""


@remedy("check-data", treats=("labels-without-signal", "degenerate-data"), risk=REVIEW, part="data")
def check_data(case: Case) -> Iterator[Draft]:
    """Say what to look for."""
    if few_drawn(case.trace) is not None:
        yield Draft(
            summary="Let the sampler draw from all samples, with a weight for each of them.",
            code=WEIGHTS,
            cannot="only its author knows which samples the sampler is to draw",
            size=1,
        )
        return
    degenerate = case.cause.name == "degenerate-data"
    if degenerate and rescaled(case.trace) is not None:
        yield Draft(
            summary="Work on a copy of each sample, not on the data itself.",
            code=COPY,
            cannot="what the data were before is not recorded",
            size=1,
        )
        return
    if degenerate and case.trace.answer("values-measured") is not None:
        yield Draft(
            summary="Replace codes for missing values before inputs are scaled, and say where they were.",
            code=MISSING,
            cannot="only its author knows what stands for a missing value",
            size=1,
        )
        return
    if degenerate:
        summary = (
            "Inputs or targets carry no information; find where it is lost before they are batched."
        )
    else:
        summary = (
            "Inputs and labels do not belong together; check how they are paired and shuffled."
        )
    yield Draft(
        summary=summary,
        code=CODE,
        cannot="no change of the network can help: the data must be repaired",
        size=1,
    )
