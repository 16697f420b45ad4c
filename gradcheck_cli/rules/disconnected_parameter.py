"""GC601 disconnected-parameter."""

from collections.abc import Iterator, Sequence
from functools import partial

from gradcheck_cli.features.profile import late, moved_rms, typical
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Layer, Stray, Trace
from gradcheck_cli.rules.answers import eased
from gradcheck_cli.rules.base import (
    A_FEW,
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    counted,
    in_order,
    rule,
)

A_PART = 0.25  # of all weights: more than a pooler, or a head that nobody asked


@rule("GC601", "disconnected-parameter")
def disconnected_parameter(trace: Trace) -> Iterator[Hit]:
    """Parameters with requires_grad=True never receive a gradient: the graph is cut on the way to them.

    Measures  per layer whether any of its trainable parameters received a gradient in any step, and
              whether its output is part of what the loss is computed from.
    Reports   layers that ran, feed the loss or lie behind a cut (`detach`, `no_grad`, ...), and received
              none; modules kept in plain lists, which no optimizer can see; attributes that hold weights and are no
              parameters: gradients reach them, no optimizer holds them, and they were there before the model ran.
    Matters   everything below the cut keeps its initial weights.
    Severity  error; for layers whose output nothing uses a note, or a warning where one has the shape of the last
              layer: the loss of one head was computed from another's output; and where a run that stalls never uses what more than
              a quarter of its weights compute, as of an encoder; or a plain tensor is no parameter while the loss falls.
    Not for   frozen layers (GC603), layers that were not called (GC604), targets moved by averaging, what a forward pass keeps,
              tensors that a derivative is taken by or that change.
    Sources   PyTorch notes, Autograd mechanics (locally disabling gradient computation).
    """
    if not trace.observed:
        raise CannotTellError("no step was observed")
    silent = [x for x in trace.layers if _silent(trace, x)]
    serious = [x for x in silent if x.depth is not None or trace.cuts]
    if serious:
        cut = next((c for c in trace.cuts if c.at is not None), None)
        where = f" The graph is cut by {cut.operation} at {cut.at}." if cut else ""
        yield Hit(
            severity=Severity.ERROR,
            message=f"{counted(len(serious), 'never receives', 'never receive')} a gradient although the loss depends on them.{where}",
            layers=in_order(serious),
            evidence=(Evidence("layers without a gradient", float(len(serious)), 0.0),),
        )
    if unused := [x for x in silent if x.depth is None and not trace.cuts]:
        head, used = next(_heads(trace, unused), (None, None))
        said = f"; {head.path} is as large as {used.path}, whose output is" if head and used else ""
        yield Hit(
            severity=Severity.WARNING if said or unread(trace, unused) else Severity.NOTE,
            confidence=Confidence.MEDIUM,
            message=f"{counted(len(unused), 'gives', 'give')} an output that is not used by the loss{said}.",
            layers=in_order(unused),
            evidence=(Evidence("layers whose output is not used", float(len(unused)), 0.0),),
        )
    if trace.unregistered:
        names = ", ".join(trace.unregistered[:A_FEW])
        yield Hit(
            severity=Severity.ERROR,
            message=f"Modules are kept in a plain list or dict ({names}): `parameters()` does not see them, so "
            "no optimizer trains them.",
            layers=trace.unregistered,
            evidence=(
                Evidence("containers of unregistered modules", float(len(trace.unregistered)), 0.0),
            ),
        )
    yield from map(partial(_astray, trace), trace.strays)


def _astray(trace: Trace, stray: Stray) -> Hit:
    """Return what is said of a weight that is no parameter."""
    name, where = stray.path.rpartition(".")[2], f" ({stray.at})" if stray.at else ""
    source = "a Parameter" if stray.parameter else "a tensor with requires_grad=True"
    if stray.computed:
        what = f"was computed from {source} when the model was built, and is no Parameter itself"
        advice = f"make the Parameter of the finished tensor: `self.{name} = nn.Parameter(...)` around all of it"
    elif stray.contained:
        what = f"keeps {source} in a plain list, tuple or dict"
        advice = "use nn.ParameterList or nn.ParameterDict"
    else:
        what = "is a plain tensor with requires_grad=True"
        advice = f"wrap it: `self.{name} = nn.Parameter(...)`"
    return Hit(
        severity=Severity.ERROR if stray.parameter else eased(trace),
        message=f"{stray.path}{where} {what}: `parameters()` does not hold it and no optimizer trains it, although "
        f"gradients reach it; {advice}.",
        layers=(stray.path,),
        evidence=(Evidence("attributes with weights that are no parameters", 1.0, 0.0),),
        at=stray.at,
    )


def _heads(trace: Trace, unused: list[Layer]) -> Iterator[tuple[Layer, Layer]]:
    """Yield layers that nothing uses beside last layers of the same shape, which get gradients."""
    last = [x for x in trace.layers if x.depth == 0 and any(p.reached for p in x.parameters)]
    yield from (
        (x, y) for x in unused for y in last if (shape := _narrows(x)) and shape == _narrows(y)
    )


def _narrows(layer: Layer) -> tuple[int, ...] | None:
    """Return the shape of its weights where they give fewer numbers than they take, as a head's do."""
    shapes = (p.shape for p in layer.parameters)
    return next((s for s in shapes if len(s) > 1 and s[0] < s[1]), None)


def unread(trace: Trace, unused: Sequence[Layer]) -> bool:
    """Does a run that stalls never use what a good part of its weights compute?"""
    whole = sum(p.numel for x in trace.layers for p in x.parameters)
    share = sum(p.numel for x in unused for p in x.parameters) / max(whole, 1)
    return share > A_PART and progress(trace).stuck


def _silent(trace: Trace, layer: Layer) -> bool:
    asks = [p for p in layer.parameters if p.trainable and p.optimized]
    if not layer.called or not asks or any(p.reached for p in asks):
        return False
    moved = typical(late(trace), layer.path, moved_rms)
    return not moved
