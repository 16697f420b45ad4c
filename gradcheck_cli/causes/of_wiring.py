"""Causes in how parts are connected: graph, optimizer, modules, output and loss."""

from dataclasses import replace

from gradcheck_cli.causes.attenuation import crossings, sharp
from gradcheck_cli.causes.base import Evidence, Support, cause, experiment, fact, signs
from gradcheck_cli.causes.shares import ENOUGH, OUTPUT
from gradcheck_cli.features.circumstances import flat_end, pinned_output
from gradcheck_cli.features.domains import outside_domain
from gradcheck_cli.features.mismatch import beyond_chances, broadcast, mismatch
from gradcheck_cli.features.profile import BLOWN, begun, first_logits, typical, whole_signal
from gradcheck_cli.ops import DETACHING, REGRESSION_LOSSES
from gradcheck_cli.records.trace import Cut, Layer, Reading
from gradcheck_cli.rules.answers import speaks_against
from gradcheck_cli.rules.base import counted, number

ROUNDING = 1e-6  # of their size: weights that differ by less were filled with one value
HARDLY = 1e-2  # sqrt(sum s^2) / |loss| of all gradients: the outputs hardly move the loss
_STUCK = "stalled-loss disconnected-parameter zero-gradient"


def _cuts(seen: Evidence, *, detaching: bool) -> list[Cut]:
    return [c for c in seen.trace.cuts if (c.operation in DETACHING) is detaching]


def _silent(seen: Evidence) -> list[Layer]:
    return [
        x
        for x in seen.trace.layers
        if x.parameters and x.called and x.trainable and not any(p.reached for p in x.parameters)
    ]


@cause(
    "detached-graph",
    f"{_STUCK} cut-gradient",
    "Remove the call and see whether the layers below it get a gradient.",
)
def detached_graph(seen: Evidence) -> Support | None:
    """A call cuts the graph: `detach`, `.data`, `no_grad`, a trip through numpy or Python numbers.

    Speaks for it  such a call in the forward pass, and layers below it without any gradient.
    Against it     stop-gradients on purpose, whose layers are reached in another way.
    Sources        PyTorch notes, Autograd mechanics.
    """
    cuts, silent = _cuts(seen, detaching=True), _silent(seen)
    if not cuts or not silent or not seen.has("disconnected-parameter", "stalled-loss"):
        return None
    cut = cuts[0]
    where = f" at {cut.at}" if cut.at else ""
    said = f"{cut.operation}{where} cuts the graph, and {counted(len(silent), 'gets', 'get')} no gradient"
    return fact(said, silent, at=cut.at)


@cause("non-differentiable-operation", _STUCK, "Replace the operation by a smooth one.")
def non_differentiable_operation(seen: Evidence) -> Support | None:
    """An operation without a useful derivative lies on the way: argmax, round, sign, a comparison.

    Speaks for it  such a call in the forward pass, and layers below with no or exactly zero gradient; or
                   layers without a gradient and no call that detaches.
    Against it     straight-through estimators, which hand the gradient on.
    Sources        Bengio, Leonard & Courville 2013, arXiv:1308.3432.
    """
    cuts = _cuts(seen, detaching=False)
    silent = _silent(seen)
    zero = set(seen.layers_of("zero-gradient"))
    layers = silent or [x for x in seen.trace.layers if x.path in zero]
    unused = all(x.depth is None for x in silent)  # that the loss does not use them is known
    if seen.has("disconnected-parameter") and silent and not seen.trace.cuts and not unused:
        return _by_elimination(seen, silent)
    if not cuts or not layers or not seen.has(*_STUCK.split()):
        return None
    cut = cuts[0]
    where = f" at {cut.at}" if cut.at else ""
    said = f"{cut.operation}{where} has a slope of zero, and {counted(len(layers), 'below gets', 'below get')} nothing"
    return fact(said, layers, at=cut.at)


def _by_elimination(seen: Evidence, silent: list[Layer]) -> Support | None:
    """Layers ran, the graph ends above them, and no call that detaches was seen."""
    if seen.trace.unregistered:
        return None
    compared = next(iter(seen.trace.comparisons), None)
    where = f" at {compared.at}" if compared and compared.at else ""
    said = (
        f"{counted(len(silent), 'ran and gets', 'ran and get')} no gradient, and no call was seen that detaches them: perhaps what "
        "follows them has no derivative (a choice, a cast to whole numbers)"
    )
    if compared is None:
        return signs([(True, said)], layers=silent)
    more = f"; what they compute is compared{where}, and yes or no has no slope"
    return fact(said + more, silent, at=compared.at)


@cause("unregistered-modules", "disconnected-parameter stalled-loss")
def unregistered_modules(seen: Evidence) -> Support | None:
    """Modules are kept in a plain list or dict, or weights are no parameters: `parameters()` does not return them.

    Speaks for it  attributes that hold modules, or tensors that gradients reach, which the model does not know.
    Against it     nothing.
    Sources        PyTorch documentation, torch.nn.ModuleList.
    """
    loose = seen.trace.unregistered or tuple(x.path for x in seen.trace.strays)
    if not loose:
        return None
    what = "modules in plain lists" if seen.trace.unregistered else "weights that are no parameters"
    return replace(fact(f"{what}: {', '.join(loose)}"), layers=loose, first_layer=loose[0])


@cause("optimizer-misses-parameters", "not-in-optimizer stalled-loss update-too-small")
def optimizer_misses_parameters(seen: Evidence) -> Support | None:
    """The optimizer was given other parameters than the model's.

    Speaks for it  parameters with gradients that no optimizer holds.
    Against it     frozen parameters.
    Sources        PyTorch documentation, torch.optim.
    """
    missed = [
        x
        for x in seen.trace.layers
        if x.parameters and x.trainable and not any(p.optimized for p in x.parameters)
    ]
    if not missed or not seen.has("not-in-optimizer", "stalled-loss"):
        return None
    return fact(f"{len(missed)} trainable layers are in no optimizer", missed)


@cause("frozen-parameters", "stalled-loss frozen-parameter update-too-small held-back")
def frozen_parameters(seen: Evidence) -> Support | None:
    """Layers that should learn have `requires_grad=False`.

    Speaks for it  a large share of the parameters frozen, and a loss that does not fall; frozen weights that look
                   as they were drawn, and a run that learns far more when they are trained.
    Against it     fine-tuning, where the loss falls all the same.
    Sources        PyTorch notes, Autograd mechanics (requires_grad).
    """
    owning = [x for x in seen.trace.layers if x.parameters]
    frozen = [x for x in owning if not x.trainable]
    if not frozen or not seen.has("stalled-loss", "update-too-small"):
        return None
    whole = max(sum(p.numel for x in owning for p in x.parameters), 1)
    share = sum(p.numel for x in frozen for p in x.parameters) / whole
    said = f"{number(100 * share)} % of the parameters are frozen and the loss stalls"
    return signs([(True, said), (share > 0.5, "that is most of them")], layers=frozen)


@cause(
    "symmetric-init",
    "poor-initialization stalled-loss vanishing-gradient exploding-gradient diverging-loss non-finite "
    "worse-than-constant collapsed-features update-too-large large-first-loss",
)
def symmetric_init(seen: Evidence) -> Support | None:
    """All units of a layer start with the same weights: they work as one, and may stay so for ever.

    Speaks for it  identical rows in a weight matrix at the end of the run; a hidden layer all of whose weights
                   start at one value other than zero.
    Against it     zero-initialized last layers, whose rows part after the first step.
    Sources        Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 8.4.
    """
    if any("identical" in e.what for f in seen.findings for e in f.evidence):
        twins = [
            x for x in seen.trace.weight_layers if x.weight is not None and x.weight.rows_identical
        ]
        return fact(f"all units of {len(twins)} layers have identical weights", twins)
    alike = [x for x in seen.trace.weight_layers if _starts_alike(seen, x)]
    if not alike:
        return None
    said = f"all weights of {alike[0].path} start at the same value, so that its units compute the same"
    return fact(said, alike)


def _starts_alike(seen: Evidence, layer: Layer) -> bool:
    """Do all weights of a hidden layer start at one value, which is not zero?"""
    weight = layer.weight
    if weight is None or not layer.depth or len(weight.shape) < 2 or weight.shape[0] < 2:
        return False
    size = typical(begun(seen.trace), layer.path, _size_before)
    drawn = weight.std > ROUNDING * (size or 0.0)
    return bool(size) and not drawn and weight.trainable and weight.optimized


def _size_before(reading: Reading) -> float | None:
    """Return how large weights were at least before the update: after it, an explosion has replaced them."""
    after, update = reading.weight, reading.update
    if after is None or not after.norm or update is None:
        return None if after is None else after.rms
    return after.rms * max(1 - update.norm / after.norm, 0.0)


def _misfitting(seen: Evidence) -> str:
    """Return what does not fit: the operation before the loss, or what the finding says where none is known."""
    loss, known = seen.trace.loss, mismatch(seen.trace)
    if known is not None and known[1] is not None and seen.has("mismatched-loss"):
        return known[0].rstrip(".")  # how far the targets lie beyond the output's range
    if loss.kind and loss.activation_before:
        return f"{loss.kind} is computed from the result of {loss.activation_before}"
    found = next((f.message for f in seen.findings if f.name == "mismatched-loss"), "")
    return found.rstrip(".") or "the loss does not fit the outputs it is computed from"


@cause("double-softmax", "stalled-loss mismatched-loss update-too-small vanishing-gradient")
def double_softmax(seen: Evidence) -> Support | None:
    """A softmax before a loss that applies one itself.

    Speaks for it  the loss's input is the result of a softmax.
    Against it     nothing: the second softmax can not undo the first.
    Sources        PyTorch documentation, torch.nn.CrossEntropyLoss (expects unnormalized logits).
    """
    loss = seen.trace.loss
    if loss.kind == "cross_entropy" and loss.activation_before in {"softmax", "gumbel_softmax"}:
        reason = "cross_entropy applies a softmax to probabilities that went through one already"
        return fact(reason)
    between = crossings(seen.trace)
    if not between or not seen.has("vanishing-gradient"):
        return None
    softmaxes = [x.softmax for x in between]
    said = f"{len(between)} softmaxes stand between weight layers"
    if sharp(between):
        sharp_ones = "but they are sharp rather than flat: what enters them is too large"
        return signs([(True, said)], [(True, sharp_ones)], softmaxes)
    return fact(said, softmaxes)


@cause(
    "wrong-output-activation",
    "stalled-loss mismatched-loss saturated-activation dying-relu vanishing-gradient zero-gradient",
)
def wrong_output_activation(seen: Evidence) -> Support | None:
    """The model's last nonlinearity does not fit the loss or the range of the targets.

    Speaks for it  logits that went through a sigmoid or ReLU; targets outside what the output can reach.
    Against it     outputs whose range covers the targets.
    Sources        Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 6.2.2.
    """
    flat = flat_end(seen.trace)
    misfit = seen.has("mismatched-loss") or _pinned_output(seen)
    at_start = seen.at_start
    passed = at_start is not None and at_start[OUTPUT].value >= ENOUGH
    if broadcast(seen.trace) or not (misfit or flat or passed):
        return None
    before, kind = seen.trace.loss.activation_before, seen.trace.loss.kind
    if kind == "cross_entropy" and before in {"softmax", "gumbel_softmax"}:
        return None
    alike = speaks_against(seen.trace, "outputs-differ") is not None
    if outside_domain(seen.trace) or (before is None and (alike or beyond_chances(seen.trace))):
        return None  # wiring or targets are at fault, and not what the output goes through
    last = [
        x
        for x in seen.trace.layers
        if x.kind.lower() == (before or "") or x.path.endswith(f":{before}")
    ]
    if at_start and passed and not misfit:
        return experiment(at_start, OUTPUT, last[-1:])
    driven = first_logits(seen.trace) > BLOWN and not seen.has("mismatched-loss")
    if misfit and not driven:
        return fact(_misfitting(seen), last[-1:])
    flat_said = (
        "no gradient at all reaches the last layer: what stands between it and the loss is flat"
    )
    large = "but the first outputs are so large that anything bounded is at its end"
    return signs(
        [(flat, flat_said), (misfit, _misfitting(seen))],
        [(driven, large)],
        last[-1:],
    )


def _pinned_output(seen: Evidence) -> bool:
    """A squared error behind a bounded output that sits at its end, or hardly moves the loss."""
    trace = seen.trace
    before = trace.loss.activation_before
    if trace.loss.kind not in REGRESSION_LOSSES or before not in {
        "sigmoid",
        "tanh",
        "softmax",
        "hardtanh",
        "hardsigmoid",
    }:
        return False
    if not seen.has("vanishing-gradient", "stalled-loss", "saturated-activation"):
        return False
    signal = whole_signal(trace)
    return pinned_output(trace) or (signal is not None and signal < HARDLY)


@cause("target-shape-broadcast", "stalled-loss mismatched-loss")
def target_shape_broadcast(seen: Evidence) -> Support | None:
    """Output and target, or a sample's loss and its weight, have shapes of which one is stretched over the other.

    Speaks for it  shapes such as [32, 1] against [32], or class numbers [32, 1] against outputs [32, 10].
    Against it     nothing.
    Sources        PyTorch documentation, broadcasting semantics; the warning of mse_loss.
    """
    found = broadcast(seen.trace)
    return None if found is None else fact(found[0], at=found[1])
