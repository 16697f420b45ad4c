"""Draw the weights again with the variance their activation asks for: He or Xavier.

Works because  A layer keeps the size of signals and gradients when fan * Var[w] is 1 (2 before a
               rectifier); PyTorch's default for Linear and Conv is 1/3, which loses a factor of
               up to 2.4 per layer.
Costs          Nothing at run time. Weights that were loaded from elsewhere would be lost.
Not for        Pretrained weights, and layers whose scale is set on purpose (zero-initialised
               residual branches, tied embeddings).
Sources        He et al. 2015, arXiv:1502.01852, eq. 10; Glorot & Bengio 2010, eq. 12.
"""

from collections.abc import Iterator, Sequence

from gradcheck_cli.records.trace import Layer
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.weights import draw, drawable, grouped, helper, setter
from gradcheck_cli.remedies.wording import first_site, listed, names, paste, where
from gradcheck_cli.targets.change import Change


def code(layers: Sequence[Layer], after: str | None = None) -> str:
    """Return what to write in this model."""
    blocks = [
        f"for name in {listed(paths)}:\n"
        "    layer = model.get_submodule(name)\n"
        f"    {setter(activation)[1]}\n"
        "    if layer.bias is not None:\n"
        "        nn.init.zeros_(layer.bias)"
        for activation, paths in grouped(layers, after).items()
    ]
    return paste(where(layers), *blocks)


def edits(case: Case, layers: Sequence[Layer], after: str | None = None) -> tuple[Edit, ...]:
    """Return the edit of the source that does the same, where one function can do it."""
    lines = list(dict.fromkeys(setter(a)[1] for a in grouped(layers, after)))
    needs = helper(case, layers, lines, "Keep the size of signals and gradients.")
    new = "{model}.apply(initialise)"
    return (Edit(act=Act.FINISH, new=new, needs=needs),) if needs else ()


@remedy(
    "initialise",
    treats=(
        "init-too-small",
        "init-too-large",
        "symmetric-init",
        "depth-without-normalization",
        "saturating-activation",
        "dead-relu",
    ),
    risk=SAFE,
    part="initialisation",
)
def initialise(case: Case) -> Iterator[Draft]:
    """Draft one draw for all linear and convolutional layers."""
    layers = drawable(case)
    if not layers:
        return
    kinds = {"He" if "kaiming" in setter(a)[1] else "Xavier" for a in grouped(layers)}
    yield Draft(
        summary=f"Initialise {names([x.path for x in layers])} after {' and '.join(sorted(kinds))}.",
        code=code(layers),
        change=Change(summary="initialise", model=draw(layers)),
        layers=tuple(x.path for x in layers),
        at=first_site(layers),
        size=2,
        edits=edits(case, layers),
    )
