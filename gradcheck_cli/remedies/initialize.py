"""Draw the weights again with the variance their activation asks for: He or Xavier.

Works because  A layer keeps the size of signals and gradients when fan * Var[w] is 1 (2 before a
               rectifier); PyTorch's default for Linear and Conv is 1/3, which loses a factor of
               up to 2.4 per layer.
Costs          Nothing at run time. Weights that were loaded from elsewhere would be lost.
Not for        Pretrained weights, and layers whose scale is set on purpose (zero-initialized
               residual branches, tied embeddings).
Sources        He et al. 2015, arXiv:1502.01852, eq. 10; Glorot & Bengio 2010, eq. 12.
"""

from collections.abc import Iterator, Mapping, Sequence

from gradcheck_cli.records.trace import Layer
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.remedies.weights import (
    draw,
    draw_written,
    drawable,
    gain_of,
    grouped,
    helper,
    setter,
    written,
)
from gradcheck_cli.remedies.wording import listed, names, paste, where
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


def written_code(matrices: Mapping[str, str]) -> str:
    """Return what to write for parameters of the user's own layers."""
    by_gain: dict[float, list[str]] = {}
    for name, activation in matrices.items():
        by_gain.setdefault(gain_of(activation), []).append(name)
    return paste(
        *(
            f"for name in {listed(found)}:\n"
            f"    nn.init.xavier_normal_(model.get_parameter(name), gain={gain:.3g})"
            for gain, found in by_gain.items()
        )
    )


def changes(
    layers: Sequence[Layer], matrices: Mapping[str, str], after: str | None = None
) -> Iterator[Change]:
    """Yield the draws in memory."""
    if layers:
        yield Change(summary="layers", model=draw(layers, after))
    if matrices:
        yield Change(summary="matrices", model=draw_written(matrices))


def edits(case: Case, layers: Sequence[Layer], after: str | None = None) -> tuple[Edit, ...]:
    """Return the edit of the source that does the same, where one function can do it."""
    lines = list(dict.fromkeys(setter(a)[1] for a in grouped(layers, after)))
    needs = helper(case, layers, lines, "Keep the size of signals and gradients.")
    new = "{model}.apply(initialize)"
    return (Edit(act=Act.FINISH, new=new, needs=needs),) if needs else ()


@remedy(
    "initialize",
    treats=(
        "init-too-small",
        "init-too-large",
        "symmetric-init",
        "depth-without-normalization",
        "saturating-activation",
        "dead-relu",
    ),
    risk=SAFE,
    part="initialization",
)
def initialize(case: Case) -> Iterator[Draft]:
    """Draft one draw for all linear and convolutional layers."""
    layers, matrices = drawable(case), written(case)
    if not layers and not matrices:
        return
    kinds = {"He" if "kaiming" in setter(a)[1] else "Xavier" for a in grouped(layers)}
    kinds |= {"Xavier"} if matrices else set()
    drawn = [*(x.path for x in layers), *matrices]
    yield Draft(
        summary=f"Initialize {names(drawn)} after {' and '.join(sorted(kinds))}.",
        code=paste(code(layers), written_code(matrices)),
        change=together("initialize", changes(layers, matrices)),
        layers=tuple(drawn),
        size=2,
        edits=() if matrices else edits(case, layers),
    )
