"""Replace saturating hidden activations by LeakyReLU, GELU or SELU.

Works because  The slope of LeakyReLU is 1 on one side and never 0, while |sigmoid'| <= 1/4 and
               tanh' < 1 away from 0 shrink a gradient by up to 4^-k over k layers, and a softmax
               between layers makes what it hands on nearly alike.
Costs          Hidden outputs are no longer bounded.
Not for        Gates of LSTM and GRU, attention, and an output that must lie in a range.
Sources        Glorot & Bengio 2010, section 3; Maas et al. 2013; Hendrycks & Gimpel,
               arXiv:1606.08415; Klambauer et al., arXiv:1706.02515.
"""

from collections.abc import Callable, Iterator, Sequence

from torch import nn
from torch.nn import functional

from gradcheck_cli.ops import BOUNDED, SOFTMAX_KINDS
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.remedies.activations import hidden, is_call, outermost, owner, reachable, spelled
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.calls import exchange_calls
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import exchange, together
from gradcheck_cli.remedies.wording import names, paste, substituted, where
from gradcheck_cli.targets.change import Change

CHOICES: dict[str, tuple[Callable[[], nn.Module], Callable[..., object], str]] = {
    "LeakyReLU": (lambda: nn.LeakyReLU(0.01), functional.leaky_relu, "leaky_relu"),
    "GELU": (nn.GELU, functional.gelu, "gelu"),
    "SELU": (nn.SELU, functional.selu, "selu"),
}


def swapped(layers: Sequence[Layer], choice: str) -> Change:
    """Return the change that puts `choice` where these nonlinearities are."""
    make, function, _ = CHOICES[choice]
    modules = [x.path for x in layers if not is_call(x)]
    parts = [Change(summary=choice, model=exchange(modules, lambda _: make()))] if modules else []
    calls = {
        (x.built_at, spelled(x.kind)): function
        for x in layers
        if is_call(x) and x.built_at is not None
    }
    if calls:
        parts.append(Change(summary=choice, model=exchange_calls(calls)))
    return together(f"{len(layers)} x {choice}", parts)


def code(layers: Sequence[Layer], choice: str) -> str:
    """Return what to write in this model."""
    modules = [x for x in layers if not is_call(x)]
    written = CHOICES[choice][2]
    block = substituted([x.path for x in modules], f"nn.{choice}()")
    calls = [
        f"# in the forward of {owner(x) or 'the model'}: torch.nn.functional.{written}(x)"
        f" instead of {x.kind}(x)"
        for x in layers
        if is_call(x)
    ]
    return paste(where(layers), block, *dict.fromkeys(calls))


def edits(layers: Sequence[Layer], choice: str) -> tuple[Edit, ...]:
    """Return the edits of the source that do the same; none where a place is not known."""
    made = []
    for layer in layers:
        if layer.built_at is None:
            return ()
        if is_call(layer):
            new = f"nn.functional.{CHOICES[choice][2]}"
            made.append(Edit(act=Act.CALL, at=layer.built_at, old=spelled(layer.kind), new=new))
        else:
            new = f"nn.{choice}()"
            made.append(Edit(act=Act.REPLACE, at=layer.built_at, old=layer.kind, new=new))
    return tuple(dict.fromkeys(made))


def _softmaxes(trace: Trace) -> Iterator[Layer]:
    """Yield softmaxes that stand where an activation does: modules between layers with weights."""
    outer = outermost(trace)
    for layer in trace.layers:
        if spelled(layer.kind) in SOFTMAX_KINDS and not is_call(layer) and layer.path not in outer:
            yield layer


@remedy(
    "swap-activation",
    treats=("saturating-activation", "depth-without-normalization", "double-softmax"),
    risk=REVIEW,
    part="activation",
)
def swap_activation(case: Case) -> Iterator[Draft]:
    """Draft one swap per replacement, the usual one first."""
    flattened = case.cause.name == "double-softmax"
    found = _softmaxes(case.trace) if flattened else hidden(case.trace, BOUNDED)
    layers = tuple(reachable(found))
    if not layers:
        return
    kinds = "/".join(dict.fromkeys(x.kind for x in layers))
    for choice in CHOICES:
        yield Draft(
            summary=f"Replace {kinds} by {choice} in {names([x.path for x in layers])}.",
            code=code(layers, choice),
            change=swapped(layers, choice),
            layers=tuple(x.path for x in layers),
            size=3,
            edits=edits(layers, choice),
        )
