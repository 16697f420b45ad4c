"""GC204 saturated-attention."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import late, typical
from gradcheck_cli.features.progress import FALLING, State, progress
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


@rule("GC204", "saturated-attention")
def saturated_attention(trace: Trace, *, entropy: float = 0.05) -> Iterator[Hit]:
    """Attention looks at one single position: its softmax is flat.

    Measures  the mean entropy of attention rows relative to that of uniform attention.
    Reports   a value below `entropy` late in the run; scores that begin large, where smaller ones learn faster.
    Matters   a softmax that has decided passes no gradient to queries and keys.
    Severity  error when the loss does not fall, note when it does; warning for what an experiment shows.
    Not for   attention over a single position; heads that have learned to be sharp.
    Sources   Zhai et al. 2023, arXiv:2303.06296 (attention entropy collapse).
    """
    large = speaks_against(trace, "attention-scores")
    if large is not None:
        yield hit_of(large, Severity.WARNING)
        return
    measured = [
        (x, value)
        for x in trace.layers
        if x.role is Role.ATTENTION
        and (value := typical(late(trace), x.path, lambda r: r.entropy)) is not None
    ]
    if not measured:
        raise CannotTellError("no attention weights were visible")
    sharp = [(x, value) for x, value in measured if value < entropy]
    if not sharp:
        return
    state = progress(trace)
    falling = state.state is State.SLOW and state.trend < FALLING
    layer, worst = min(sharp, key=lambda pair: pair[1])
    yield Hit(
        severity=Severity.NOTE if state.fine or falling else Severity.ERROR,
        confidence=Confidence.MEDIUM,
        message=f"Attention in {layer.path} looks at one position only (entropy {number(worst)} of "
        "uniform), so queries and keys get no gradient.",
        layers=in_order([x for x, _ in sharp]),
        evidence=(Evidence("entropy of attention relative to uniform", worst, entropy),),
    )
