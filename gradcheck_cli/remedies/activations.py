"""Which nonlinearities of a traced model are hidden ones, and how each is called."""

from collections.abc import Iterable, Iterator

from gradcheck_cli.ops import RECTIFIERS, SQUASHING
from gradcheck_cli.records.trace import Layer, Role, Trace

SPELLINGS = {
    "leakyrelu": "leaky_relu",
    "logsigmoid": "log_sigmoid",
    "hard_sigmoid": "hardsigmoid",
    "hard_tanh": "hardtanh",
}


def spelled(kind: str | None) -> str:
    """Return `leaky_relu` for LeakyReLU, `sigmoid` for Sigmoid, '' for none."""
    low = (kind or "").lower().strip("_")
    return SPELLINGS.get(low, low)


def effective(trace: Trace) -> dict[str, str]:
    """Return what each nonlinearity computes: a class of the user's may hold a sigmoid."""
    seen = {x.activated_by: x.activation for x in trace.weight_layers if x.activated_by}
    known = RECTIFIERS | SQUASHING | {"selu", "celu", "softplus"}
    return {
        x.path: own if (own := spelled(x.kind)) in known else spelled(seen.get(x.path)) or own
        for x in trace.layers
    }


def is_call(layer: Layer) -> bool:
    """Is it a functional call in somebody's forward, not a module?"""
    return ":" in layer.path or layer.kind == layer.kind.lower()


def owner(layer: Layer) -> str:
    """Return the path of the module in whose forward a functional call stands."""
    return layer.path.partition(":")[0] if ":" in layer.path else ""


def outermost(trace: Trace) -> frozenset[str]:
    """Return the paths of nonlinearities after the last weights: those that shape the output."""
    last = max((x.order for x in trace.weight_layers), default=-1)
    named = {x.activated_by for x in trace.weight_layers if x.depth == 0 and x.activated_by}
    kinds = {Role.ACTIVATION, Role.ATTENTION}  # a softmax module counts as attention
    after = {x.path for x in trace.layers if x.role in kinds and x.order > last}
    return frozenset(named | after)


def gates(trace: Trace) -> tuple[Layer, ...]:
    """Return the weight layers that are called gates and go through a sigmoid."""
    return tuple(
        x
        for x in trace.weight_layers
        if "gate" in x.path.rpartition(".")[2].lower() and spelled(x.activation) == "sigmoid"
    )


def hidden(trace: Trace, kinds: Iterable[str]) -> Iterator[Layer]:
    """Yield the hidden nonlinearities of these kinds, in execution order; never those of gates."""
    wanted = frozenset(kinds)
    gating = {x.activated_by for x in gates(trace)}
    outer, kinds_of = outermost(trace), effective(trace)
    for layer in trace.layers:
        if (
            layer.role is Role.ACTIVATION
            and kinds_of[layer.path] in wanted
            and layer.path not in outer | gating
            and layer.called
        ):
            yield layer


def reachable(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Leave out functional calls whose place in the source is not known."""
    return (x for x in layers if not is_call(x) or x.built_at is not None)


def shaping(trace: Trace, kinds: Iterable[str] = SQUASHING) -> tuple[Layer, ...]:
    """Return the nonlinearities of these kinds that shape the model's output."""
    outer, kinds_of = outermost(trace), effective(trace)
    wanted = frozenset(kinds)
    return tuple(x for x in trace.layers if x.path in outer and kinds_of[x.path] in wanted)
