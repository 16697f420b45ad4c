"""What is changed in replays, one thing at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod, sqrt
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.causes.of_initialization import UNUSUAL
from gradcheck_cli.causes.of_training import HARD, at_fault, clipped
from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.freed import UNDECAYED, scaled_rates
from gradcheck_cli.examine.instead import bent_softmaxes, entropic
from gradcheck_cli.examine.order_counts import numbered
from gradcheck_cli.examine.passes_over import MOST_DROPPED, dropped, without_dropout
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.examine.superposition import bent, hidden
from gradcheck_cli.examine.variant import Variant
from gradcheck_cli.features.profile import late, typical, update_ratio
from gradcheck_cli.features.progress import State
from gradcheck_cli.ops import LOGIT_LOSSES, placed
from gradcheck_cli.records.trace import Layer, Role
from gradcheck_cli.remedies.activations import spelled
from gradcheck_cli.remedies.surgery import WEIGHTED
from gradcheck_cli.remedies.use_adam import RATES
from gradcheck_cli.remedies.weights import draw, gain_of

HIGHEST = {True: 0.1, False: 10.0}  # rates above are not tried: of adaptive optimizers, of others
OFF = 5.0  # from which size of inputs or targets on they are standardized, and its inverse
SLOW = 1e-4  # of the weights in a step: a tenth of what is usual (Karpathy 2019)
GROWN = 10.0  # times the weights of the start
UNSURE, SURE = 1.0, 3.0  # deviation of scores: below, a softmax leaves every class likely
COMPOUND = 100.0  # times the size of a signal, over all layers


def variants(scene: Scene) -> Iterator[Variant]:
    """Yield the changes that apply to this training, what is cheapest to believe first."""
    subject = scene.subject
    yield from _of_scale(scene)
    groups = [g for o in subject.optimizers for g in o.param_groups]
    if any(g.get("weight_decay") for g in groups):
        yield UNDECAYED
    yield from _of_loss(scene)
    share, kept = dropped(subject), ("dropout-too-strong",)
    undropped = Variant("without-dropout", "without dropout", kept, around=without_dropout)
    if share > MOST_DROPPED:
        yield undropped
    order = scene.answer("order-counts")
    if order is not None and order.supports:
        around, words = partial(numbered, subject.model), "with positions added to the embeddings"
        yield Variant("numbered-positions", words, order.supports, around=around)
    yield from _rates(scene)
    if 0 < share <= MOST_DROPPED:
        yield undropped
    yield from _smaller(scene)
    yield from larger(scene)
    linear = scene.answer("superposition")
    if linear is not None and linear.supports:
        bend = partial(bent, hidden(scene)[:-1])
        words = "with a ReLU between the layers"
        yield Variant("nonlinear-layers", words, linear.supports, around=bend)
    yield from redrawn(scene)


def _rates(scene: Scene) -> Iterator[Variant]:
    groups = [g for o in scene.subject.optimizers for g in o.param_groups]
    now = max((abs(float(g["lr"])) for g in groups if "lr" in g), default=0.0)
    diverges = scene.progress.state in {State.DIVERGING, State.BROKEN}
    lower = (0.1, 0.01, 1e-3) if diverges else (0.1,) if scene.trace.adaptive else (0.1, 0.01)
    sizes = (typical(late(scene.trace), x.path, update_ratio) for x in scene.trace.weight_layers)
    # what is most likely comes first: time may end
    slow = median([s for s in sizes if s] or [1.0]) < SLOW
    shrunk = not scene.trace.adaptive and (clipped(scene.trace) or 1.0) < HARD
    small = "clipping-too-strong" if shrunk else "learning-rate-too-low"
    for factor in (100.0, 10.0, *lower) if slow else (*lower, 10.0, 100.0):
        if not now or now * factor > HIGHEST[scene.trace.adaptive]:
            continue
        yield Variant(
            "rate-lower" if factor < 1 else "rate-higher",
            f"with {factor:g} times the learning rate",
            ("learning-rate-too-high" if factor < 1 else small,),
            partial(scaled_rates, factor=factor),
        )


def adaptive(scene: Scene) -> Iterator[Variant]:
    """Yield another optimizer: Adam learns with much that others need other rates, scales or patience for."""
    freed = (clipped(scene.trace) or 1.0) < HARD  # then it may help that nothing is clipped
    more = ", unclipped" if freed else ""
    for rate in () if scene.trace.adaptive else RATES:
        causes = ("clipping-too-strong",) if freed else at_fault(scene.trace, rate)
        yield Variant("adaptive-steps", f"with Adam at {rate:g}{more}", causes, adam=rate)


def _of_loss(scene: Scene) -> Iterator[Variant]:
    """Changes of what the loss is computed from."""
    subject = scene.subject
    with subject.at("start"):
        raw = subject.outputs(subject.batches[0])
        apart = subject.with_main(raw, subject.main(raw).detach())
        penalized = subject.loss(apart, subject.batches[0]).requires_grad
    if penalized:
        yield Variant(
            "without-penalty",
            "with the gradient of the data term alone",
            ("penalty-too-strong",),
            loss=_data_term(subject),
        )
    yield from filter(None, unfitting(scene))
    domain = scene.answer("loss-domain")
    fits: dict[str, Callable[[Tensor], Tensor]] = {
        "after-softmax": lambda x: x.softmax(1),
        "after-sigmoid": torch.sigmoid,
    }
    for name in domain.supports if domain is not None else ():
        if name in fits:
            yield Variant(
                "fitting-output",
                f"with outputs {name.replace('-', ' a ')}",
                ("output-outside-loss-domain",),
                outputs=fits[name],
                refitted=True,
            )


def unfitting(scene: Scene) -> tuple[Variant | None, ...]:
    """Return the run with what usually stands where squared errors of probabilities, or softmaxes, do."""
    return entropic(scene), bent_softmaxes(scene)


def _data_term(subject: Subject) -> Callable[[Any], Tensor]:
    """Return a loss whose gradient goes through the outputs only."""

    def loss(batch: Any) -> Tensor:
        raw = subject.outputs(batch)
        main = subject.main(raw)
        point = main.detach().requires_grad_()
        value = subject.loss(subject.with_main(raw, point), batch)
        [slope] = torch.autograd.grad(value, [point])
        return value.detach() + (main * slope).sum() - (main * slope).sum().detach()

    return loss


def standardized(scene: Scene) -> Variant | None:
    """Return the run on standardized inputs, where they are of an unusual size."""
    scales = scene.known.get("input-scales")
    if scales is None:
        return None
    changed = _standardized(scene.subject, scales)
    words = "with standardized inputs"
    return Variant("standardized-inputs", words, ("unnormalized-input",), inputs=changed)


def _of_scale(scene: Scene) -> Iterator[Variant]:
    subject = scene.subject
    if (scaled := standardized(scene)) is not None:
        yield scaled
    target = subject.targets(subject.batches[0])
    output = subject.main(_outputs(subject))
    if (
        isinstance(target, Tensor)
        and target.is_floating_point()
        and target.numel() == output.numel()
    ):
        values = torch.cat([subject.targets(b).float().flatten() for b in subject.batches])
        middle, spread = float(values.mean()), float(values.std(correction=0)) or 1.0
        if not 1 / OFF < spread < OFF or abs(middle) > OFF * spread:
            yield Variant(
                "standardized-targets",
                "with standardized targets",
                ("target-scale",),
                outputs=lambda x: x * spread + middle,
            )


def _smaller(scene: Scene) -> Iterator[Variant]:
    """Scores that begin at a usual size, where the first loss is many times that of a constant."""
    if scene.answer("first-loss") is None:
        return
    subject = scene.subject
    with subject.at("start"), torch.no_grad():
        spread = float(subject.main(subject.outputs(subject.batches[0])).float().std())
    if spread > 1:
        yield Variant(
            "smaller-scores",
            "with outputs that begin with a deviation of 1",
            ("init-too-large",),
            outputs=lambda x: x / spread,
        )


class _Scores(TorchFunctionMode):
    """Multiplies what a loss of classes is given, and notes its deviation before."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor, self.deviation = factor, 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, (args, kwargs) = getattr(func, "__name__", ""), placed(args, kwargs or {})
        if args and (name in LOGIT_LOSSES or name == "log_softmax"):
            self.deviation = float(args[0].detach().float().std())
            args = (args[0] * self.factor, *args[1:])
        return func(*args, **kwargs)


def larger(scene: Scene) -> Iterator[Variant]:
    """Scores that stay small with the largest weights: similarities, or scores times a temperature."""
    subject, batch = scene.subject, scene.subject.batches[0]
    now, grown = _Scores(), _Scores()
    with subject.at("start"), torch.no_grad():
        with now:
            subject.total(batch)
        for parameter in subject.model.parameters():
            parameter.mul_(GROWN)
        with grown:
            subject.total(batch)
    squashed = scene.trace.loss.activation_before is not None
    apart = scene.known["reference"].constant.value is not None
    if now.deviation > 0 and grown.deviation < UNSURE and not squashed:
        factor = SURE / now.deviation
        yield Variant(
            "larger-scores",
            f"with scores {factor:.3g} times as large (no weights make their deviation larger than "
            f"{grown.deviation:.2g}, so that no class can be sure)",
            ("constant-factor",),
            outputs=(lambda x: x) if apart else None,
            refitted=apart,  # a constant is not enlarged
            around=partial(_Scores, factor),
        )


def _outputs(subject: Subject) -> Any:
    with subject.at("now"), torch.no_grad():
        return subject.outputs(subject.batches[0])


def _standardized(
    subject: Subject, scales: dict[str, tuple[Tensor, Tensor]]
) -> Callable[[Any], Mapping[str, Tensor]]:
    def inputs(batch: Any) -> Mapping[str, Tensor]:
        named = subject.inputs(batch)
        return {n: (named[n] - low) / size for n, (low, size) in scales.items() if n in named}

    return inputs


def redrawn(scene: Scene) -> Iterator[Variant]:
    """Weights drawn anew where those of the start do not keep the size of signals."""
    subject = scene.subject
    layers = [x for x in scene.trace.weight_layers if x.role is Role.LINEAR and x.trainable]
    modules = {x.path: m for x in layers if (m := _drawable(subject.model, x.path)) is not None}
    layers = [x for x in layers if x.path in modules]
    if not layers:
        return
    with subject.at("start"):
        cause = _of_start(layers, modules)
    yield Variant(
        "redrawn-weights",
        "with initial weights drawn anew (He, Xavier)",
        (cause,) if cause else (),
        lambda _: draw(layers)(subject.model),
    )


def _drawable(model: nn.Module, path: str) -> nn.Module | None:
    try:
        module = model.get_submodule(path)
    except AttributeError:
        return None
    return module if isinstance(module, WEIGHTED) else None


def _of_start(layers: Sequence[Layer], modules: Mapping[str, nn.Module]) -> str:
    """Return the cause that a cure by new weights speaks for, by what is unusual in the old ones."""
    factors = []
    for layer in layers:
        weight = modules[layer.path].weight
        assert isinstance(weight, Tensor)
        rows = weight.detach().float().flatten(1)
        if len(rows) > 1 and layer.depth and bool((rows == rows[0]).all()):
            return "symmetric-init"
        fan = max(rows.shape[1], 1)
        factors.append(
            float(rows.square().mean().sqrt()) * sqrt(fan) / gain_of(spelled(layer.activation))
        )
    largest, smallest, whole = max(factors), max(min(factors), 1e-12), prod(factors)
    if largest > UNUSUAL and largest * smallest > 1:
        return "init-too-large"
    small = smallest < 1 / UNUSUAL or whole < 1 / COMPOUND
    return "init-too-small" if small else "init-too-large" if whole > COMPOUND else ""
