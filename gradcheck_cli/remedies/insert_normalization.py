"""Put a normalization between the weights and the activation.

Works because  Whatever the weights do to the scale, the activation receives inputs of mean 0 and
               variance 1, where its slope is large; the next layer's gradient no longer depends on
               the scale of the weights below.
Costs          Two vectors per layer and about one more pass over the activations. BatchNorm makes
               samples of a batch depend on each other and needs running statistics.
Not for        BatchNorm: batches below 16, sequences, networks that train with one sample at a time.
Sources        Ioffe & Szegedy 2015, arXiv:1502.03167; Ba et al. 2016, arXiv:1607.06450; Wu & He
               2018, arXiv:1803.08494.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from gradcheck_cli.records.trace import Layer, Role
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import CONVOLUTIONS, exchange, like
from gradcheck_cli.remedies.wording import listed, names, paste, sites, where
from gradcheck_cli.targets.change import Change

SMALL_BATCH = 16
GROUPS = 8


def targets(case: Case) -> tuple[Layer, ...]:
    """Return the hidden linear and convolutional layers without a normalization behind them."""
    return tuple(
        x
        for x in case.trace.weight_layers
        if x.role is Role.LINEAR
        and isinstance(case.module(x), (nn.Linear, *CONVOLUTIONS))
        and not x.normalized
        and (x.activation is not None or case.trace.skips)
        and (x.depth is None or x.depth > 0)
    )


def by_batch(case: Case, layers: Sequence[Layer]) -> bool:
    """Can statistics of these layers' outputs be taken over the batch?"""
    trace, sequential = case.trace, {Role.RECURRENT, Role.ATTENTION, Role.EMBEDDING}
    return (
        (trace.data.batch_size or 0) >= SMALL_BATCH
        and not any(x.role in sequential for x in trace.layers)
        and not any(_at_many_places(case, x) for x in layers)
    )


def _at_many_places(case: Case, layer: Layer) -> bool:
    """Is it a linear layer of which a sample has several outputs? BatchNorm1d takes them for channels."""
    module = case.module(layer)
    if not isinstance(module, nn.Linear):
        return False
    readings = [step.readings.get(layer.path) for step in case.trace.observed]
    most = max(
        (r.output.count for r in readings if r is not None and r.output is not None), default=0
    )
    return most > (case.trace.data.batch_size or 1) * module.out_features * layer.calls


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalization, written and not yet built: of thousands of layers only the text is needed."""

    kind: type[nn.Module]
    sizes: tuple[int, ...]

    def __str__(self) -> str:
        """Return how it is written."""
        return f"nn.{self.kind.__name__}({', '.join(map(str, self.sizes))})"

    def build(self) -> nn.Module:
        """Return it as a module."""
        return self.kind(*self.sizes)


def norm_for(module: nn.Module, *, batch: bool) -> Norm:
    """Return a normalization for the outputs of `module`."""
    if isinstance(module, nn.Linear):
        return Norm(nn.BatchNorm1d if batch else nn.LayerNorm, (module.out_features,))
    assert isinstance(module, CONVOLUTIONS)
    channels, dims = module.out_channels, len(module.kernel_size)
    if batch:
        kinds = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
        return Norm(kinds[dims], (channels,))
    return Norm(nn.GroupNorm, (next(g for g in (GROUPS, 4, 2, 1) if channels % g == 0), channels))


def normalized(layers: Sequence[Layer], *, batch: bool) -> Change:
    """Return the change that normalizes the outputs of these layers."""

    def wrap(module: nn.Module) -> nn.Module:
        return nn.Sequential(module, like(norm_for(module, batch=batch).build(), module))

    return Change(summary="normalize", model=exchange([x.path for x in layers], wrap))


def code(case: Case, layers: Sequence[Layer], *, batch: bool) -> str:
    """Return what to write in this model."""
    by_norm: dict[str, list[str]] = {}
    for layer in layers:
        module = case.module(layer)
        assert module is not None
        by_norm.setdefault(str(norm_for(module, batch=batch)), []).append(layer.path)
    blocks = [
        f"for name in {listed(paths)}:\n"
        f"    layer = model.get_submodule(name)\n"
        f"    model.set_submodule(name, nn.Sequential(layer, {norm}))"
        for norm, paths in by_norm.items()
    ]
    return paste(where(layers), *blocks)


def _by_width(written: str) -> str:
    """Return `nn.LayerNorm({width})` for nn.LayerNorm(64): one place may build several widths."""
    head, _, arguments = written.partition("(")
    *groups, _ = arguments.rstrip(")").split(", ")
    return f"{head}({', '.join([*groups, '{width}'])})"


def edits(case: Case, layers: Sequence[Layer], *, batch: bool) -> tuple[Edit, ...]:
    """Return the edits of the source that do the same."""
    made = []
    for site in sites(layers):
        layer = next(x for x in layers if x.built_at == site)
        module = case.module(layer)
        assert module is not None
        written = str(norm_for(module, batch=batch))
        made.append(Edit(act=Act.FOLLOW, at=site, old=layer.kind, new=_by_width(written)))
    return tuple(made)


@remedy(
    "insert-normalization",
    treats=(
        "depth-without-normalization",
        "saturating-activation",
        "init-too-small",
        "init-too-large",
        "dead-relu",
        "unnormalized-input",
    ),
    risk=REVIEW,
    part="normalization",
)
def insert_normalization(case: Case) -> Iterator[Draft]:
    """Draft the kind that suits the batch first, then LayerNorm or GroupNorm."""
    layers = targets(case)
    if not layers:
        return
    for batch in (True, False) if by_batch(case, layers) else (False,):
        module = case.module(layers[0])
        assert module is not None
        kind = norm_for(module, batch=batch).kind.__name__
        yield Draft(
            summary=f"Put {kind} after {names([x.path for x in layers])}, before the activation.",
            code=code(case, layers, batch=batch),
            change=normalized(layers, batch=batch),
            layers=tuple(x.path for x in layers),
            size=3,
            edits=edits(case, layers, batch=batch),
        )
