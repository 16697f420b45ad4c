"""GC203 collapsed-features."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import late, typical
from gradcheck_cli.features.progress import FALLING, progress
from gradcheck_cli.features.promising import parting, promising
from gradcheck_cli.records.trace import Role, Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    in_order,
    number,
    rule,
)


@rule("GC203", "collapsed-features")
def collapsed_features(
    trace: Trace, *, spread: float = 1e-5, alive: float = 1e-3, rounding: float = 1e-12
) -> Iterator[Hit]:
    """The outputs of a layer hardly depend on the input any more.

    Measures  v = variance across the batch / mean square, summed over units, at each weight layer.
    Reports   v below `spread` somewhere although the first layer's v is above `alive`; v below `rounding` at all last
              layers; a loss of several views of a sample that has fallen, and is hardly higher with views of other
              samples, now or when the run goes on.
    Matters   every sample looks the same to the layers above, so all they can learn is a constant.
    Severity  error when the loss does not fall and nothing promises that it will, or when all outputs are the same but for
              rounding and do not come apart, so that it falls to that of a constant at most; note else, or when outputs
              above depend on the sample all the same, which a way around the layer brings there.
    Not for   batches of one sample, or data that is constant itself (GC701).
    Sources   Schoenholz et al. 2017, arXiv:1611.01232 (ordered phase); Daneshmand et al. 2020,
              arXiv:2003.01652 (rank collapse).
    """
    for name in ("pairs-matter", "stay-apart"):
        if (answer := speaks_against(trace, name)) is not None:
            yield hit_of(answer, Severity.ERROR)
            return
    kinds = {Role.LINEAR, Role.RECURRENT, Role.ATTENTION}
    measured = [
        (x, v)
        for x in trace.layers
        if x.role in kinds and (v := typical(late(trace), x.path, lambda r: r.spread)) is not None
    ]
    if len(measured) < 2:
        raise CannotTellError(
            "the variance across the batch was not measured (batches of one sample?)"
        )
    collapsed = [(x, v) for x, v in measured if v < spread and x.depth is not None]
    if not collapsed or max(v for _, v in measured) < alive:
        return
    state = progress(trace)
    end = min(x.depth or 0 for x, _ in measured if x.depth is not None)
    passed_by = trace.skips and max(v for x, v in measured if x.depth == end) > alive
    same = all(v < rounding for x, v in measured if x.depth == end)
    constant = same and parting(trace) <= -FALLING
    lost = constant or (state.stuck and not promising(trace))
    layer, worst = min(collapsed, key=lambda pair: pair[1])
    yield Hit(
        severity=Severity.ERROR if lost and not passed_by else Severity.NOTE,
        confidence=Confidence.HIGH if lost else Confidence.LOW,
        message=f"The output of {layer.path} is {_alike(worst)} "
        f"({len(collapsed)} of {len(measured)} layers)"
        + (
            ", and so are all outputs: the loss falls to that of a constant at most."
            if constant
            else "."
        ),
        layers=in_order([x for x, _ in collapsed]),
        evidence=(Evidence("share of the output that depends on the sample", worst, spread),),
    )


def _alike(share: float) -> str:
    if not share:
        return "exactly the same for every sample"
    return f"nearly the same for every sample: only {number(share)} of its mean square differs between samples"
