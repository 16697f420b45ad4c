"""Change activation, initial weights and normalization together.

Works because  Where several things shrink the signal, curing one of them leaves the others: a slope
               near 1, weights of the matching variance and normalized inputs support each other.
Costs          The sum of the single changes: unbounded outputs, two vectors per layer.
Not for        Models for which one of the single changes suffices: that one is shown first.
Sources        He et al. 2015, arXiv:1502.01852; Ioffe & Szegedy 2015, arXiv:1502.03167.
"""

from collections.abc import Iterator

from gradcheck_cli.ops import BOUNDED, DYING
from gradcheck_cli.records.trace import Layer
from gradcheck_cli.remedies import initialize, insert_normalization, swap_activation
from gradcheck_cli.remedies.activations import hidden, reachable
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Edit
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.remedies.weights import drawable, written
from gradcheck_cli.remedies.wording import names, paste

CHOICE = "LeakyReLU"
AFTER = "leaky_relu"


def _draft(
    case: Case, acts: tuple[Layer, ...], drawn: tuple[Layer, ...], normed: tuple[Layer, ...]
) -> Draft:
    """Draft the given parts together; each may be empty."""
    said, changes, code = [], [], []
    edits: list[Edit] = []
    complete = True
    if acts:
        said.append(f"{CHOICE} in {names([x.path for x in acts])}")
        changes.append(swap_activation.swapped(acts, CHOICE))
        code.append(swap_activation.code(acts, CHOICE))
        edits += swap_activation.edits(acts, CHOICE)
    after = AFTER if acts else None
    matrices = {name: after or activation for name, activation in written(case).items()}
    if drawn or matrices:
        said.append("matching initial weights")
        changes += initialize.changes(drawn, matrices, after)
        code += [initialize.code(drawn, after), initialize.written_code(matrices)]
        made = () if matrices else initialize.edits(case, drawn, after)
        complete = bool(made)
        edits += made
    if normed:
        batch = insert_normalization.by_batch(case, normed)
        said.append(f"normalization after {names([x.path for x in normed])}")
        changes.append(insert_normalization.normalized(normed, batch=batch))
        code.append(insert_normalization.code(case, normed, batch=batch))
        edits += insert_normalization.edits(case, normed, batch=batch)
    layers = tuple(dict.fromkeys(x.path for x in (*acts, *drawn, *normed)))
    return Draft(
        summary="Together: " + ", ".join(said) + ".",
        code=paste(*code),
        change=together(", ".join(said), changes),
        layers=layers,
        size=2 + len(said),
        edits=tuple(edits) if complete else (),
    )


@remedy(
    "rebuild-layers",
    treats=(
        "saturating-activation",
        "depth-without-normalization",
        "init-too-small",
        "init-too-large",
        "dead-relu",
    ),
    risk=REVIEW,
    part="all",
)
def rebuild_layers(case: Case) -> Iterator[Draft]:
    """Draft activation + weights, then all three, then weights + normalization."""
    kinds = BOUNDED | DYING if case.cause.name == "dead-relu" else BOUNDED
    acts = tuple(reachable(hidden(case.trace, kinds)))
    drawn = drawable(case)
    normed = insert_normalization.targets(case)
    weights = bool(drawn or written(case))
    if acts and weights:
        yield _draft(case, acts, drawn, ())
    if acts and weights and normed:
        yield _draft(case, acts, drawn, normed)
    if weights and normed:
        yield _draft(case, (), drawn, normed)
