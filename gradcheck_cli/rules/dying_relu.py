"""GC201 dying-relu."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import first, late, typical
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.features.promising import promising
from gradcheck_cli.records.trace import Role, Trace
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


@rule("GC201", "dying-relu")
def dying_relu(trace: Trace, *, dead: float = 0.6, nearly_all: float = 0.95) -> Iterator[Hit]:
    """Units of a ReLU layer are silent on every sample: they can not learn any more.

    Measures  per layer the share of units that were 0 on all samples of the last inspected batches.
    Reports   a share above `dead`.
    Matters   a unit that never fires has a gradient of exactly 0 and stays as it is for ever.
    Severity  error when more than `nearly_all` units of a layer are dead, or the loss grows; warning
              when it stands still and nothing promises that it will fall; else note.
    Not for   sparse activations: half of the *outputs* of a healthy ReLU layer are 0, its units are not.
    Sources   Maas, Hannun & Ng 2013 (leaky units); Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165.
    """
    shares = {
        x.path: share
        for x in trace.layers
        if x.role is Role.ACTIVATION
        and (share := typical(late(trace), x.path, lambda r: r.dead)) is not None
    }
    if not shares:
        raise CannotTellError("no layer with units that can die (ReLU and kin) was seen")
    state = progress(trace)
    sick = [x for x in trace.layers if shares.get(x.path, 0.0) > dead]
    if not sick:
        return
    worst = max(sick, key=lambda x: shares[x.path])
    share = shares[worst.path]
    severity = Severity.NOTE
    if not state.fine and share > nearly_all:
        severity = Severity.ERROR
    elif state.stuck and not promising(trace):
        severity = Severity.WARNING if state.state is State.STALLED else Severity.ERROR
    before = typical(first(trace), worst.path, lambda r: r.dead) or 0.0
    yield Hit(
        severity=severity,
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{number(100 * share)} % of the units of {worst.path} were silent on every sample seen; "
        f"{len(sick)} of {len(shares)} ReLU layers are like that.",
        layers=in_order(sick),
        evidence=(
            Evidence("share of units silent on every sample", share, dead),
            Evidence("share in the first steps", before, None),
        ),
    )
