"""Start each residual branch at zero, so that every block begins as the identity.

Works because  x + f(x) keeps the size of signals and gradients at any depth when f is 0 at first; what
               a branch adds, it then learns at its own rate. Strong branches double the variance per
               block instead.
Costs          Nothing at run time; the inner layers of a branch get no gradient in the first step.
Not for        Pretrained weights, and branches that are gated already.
Sources        Zhang et al. 2019, arXiv:1901.09321 (Fixup); De & Smith 2020, arXiv:2002.10444
               (SkipInit); Goyal et al. 2017, arXiv:1706.02677, section 5.1 (zero gamma).
"""

from collections.abc import Iterator

from torch import Tensor, nn

from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import touch
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

FEWEST = 2  # branches
ENDS = {Role.LINEAR, Role.ATTENTION, Role.NORMALIZATION}


def ends(trace: Trace) -> Iterator[Layer]:
    """Yield the last layer with weights of every branch that is added to its own input.

    Such a layer is read together with a layer that it was itself computed from, and ends the branch
    when nothing else that is read there was computed from it.
    """
    if not trace.skips:
        return
    layers = {layer.path: layer for layer in trace.layers}
    found: set[str] = set()
    for reader in trace.layers:
        before = {path: _before(path, layers) for path in reader.reads if path in layers}
        added = {path for path in before if before[path] & (before.keys() - {path})}
        inner = set().union(*(before[path] for path in added))
        found |= {path for path in added - inner if layers[path].role in ENDS}
    yield from sorted((layers[path] for path in found), key=lambda layer: layer.order)


def _before(path: str, layers: dict[str, Layer]) -> set[str]:
    """Return everything that a layer was computed from when it first ran: a shared one runs again."""
    seen: set[str] = set()
    todo = [path]
    while todo:
        reader = layers[todo.pop()]
        earlier = {x for x in reader.reads if x in layers and layers[x].order < reader.order}
        todo.extend(earlier - seen)
        seen |= earlier
    return seen


def _close(module: nn.Module) -> None:
    for parameter in module.parameters(recurse=False):
        parameter.zero_()


def _last(case: Case, layer: Layer) -> str:
    """Return the path of the module whose weight and bias end a branch, '' where there is none."""
    module, path = case.module(layer), layer.path
    if isinstance(module, nn.MultiheadAttention):
        module, path = module.out_proj, f"{path}.out_proj"
    return path if isinstance(getattr(module, "weight", None), Tensor) else ""


def _helper(paths: list[str]) -> str:
    return (
        "def zero_init_residual(model: nn.Module) -> nn.Module:\n"
        '    """Start every residual block as the identity."""\n'
        f"    for name in {listed(paths)}:\n"
        "        for parameter in model.get_submodule(name).parameters(recurse=False):\n"
        "            nn.init.zeros_(parameter)\n"
        "    return model\n"
    )


@remedy(
    "zero-init-residual",
    treats=("init-too-large", "depth-without-normalization", "learning-rate-too-high"),
    risk=SAFE,
    part="initialization",
)
def zero_init_residual(case: Case) -> Iterator[Draft]:
    """Draft zeros at the end of all branches."""
    layers = [x for x in ends(case.trace) if x.trainable and _last(case, x)]
    if len(layers) < FEWEST:
        return
    paths = [_last(case, x) for x in layers]
    yield Draft(
        summary=f"Start the residual branches that end in {names(paths)} at zero.",
        code=paste(where(layers), _helper(paths), "model = zero_init_residual(model)"),
        change=Change(summary="closed branches", model=touch(paths, _close)),
        layers=tuple(x.path for x in layers),
        size=2,
        edits=(Edit(act=Act.FINISH, new="zero_init_residual({model})", needs=_helper(paths)),),
    )
