"""Which single change lets the run learn?"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import repriced
from gradcheck_cli.examine.passes_over import evaluating, losses, without_dropout
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.progress import ENOUGH, State

STEPS = 60
HIGHEST = {
    True: 0.1,
    False: 10.0,
}  # learning rates above are not tried: adaptive optimizers, others
OFF = 5.0  # from which size of inputs or targets on they are standardized, and its inverse


@dataclass(frozen=True, slots=True)
class Variant:
    """The run with one thing changed."""

    name: str  # of the answer
    words: str  # with a tenth of the learning rate
    supports: tuple[str, ...]
    edit: Callable[[Subject], None] = lambda _: None  # of the optimizer's groups
    loss: Callable[[Any], Tensor] | None = None
    neutral: Callable[[Any], Tensor] | None = None  # what outputs that say nothing cost then
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


@experiment(
    "replays",
    "Which single change lets the run learn?",
    doubtful=True,
    rate_lower="Does it learn with a smaller learning rate?",
    rate_higher="Does it learn with a larger learning rate?",
    without_decay="Does it learn without weight decay?",
    without_dropout="Does it learn without dropout?",
    without_penalty="Does it learn without the penalty in the loss?",
    standardized_inputs="Does it learn when inputs are standardized?",
    standardized_targets="Does it learn when targets are standardized?",
    fitting_output="Does it learn when outputs are brought into the loss's domain?",
)
def replays(scene: Scene) -> Iterator[Said]:
    """Train from the start again, a short while, with one thing changed at a time.

    Procedure  60 steps on the same batches, unchanged and with: the learning rate x 0.1 (x 0.01 where it diverges),
               x 10 and x 100; no weight decay; no dropout; the gradient of the data term alone; inputs standardized;
               targets standardized; outputs through the function that the loss expects.
    Answers    wrong: with the change the loss of the fixed batches ends clearly below the best constant
               (12 % of what can be gained) and clearly below the unchanged run: what was changed keeps the
               run from learning. Fine: the change makes no such difference.
    Costs      60 training steps for each change that applies.
    Sources    an effect is what an intervention changes (Pearl 2009, ch. 3); Smith 2017, arXiv:1506.01186.
    """
    scene.require_sense()
    reference: Reference | None = scene.known.get("reference")
    if reference is None:
        raise NotApplicableError("there is no loss of a constant prediction to compare with")
    batches = list(islice(scene.subject.more(), STEPS))
    scene.afford(len(batches))
    unchanged = _share(scene, Variant("", "", ()), batches, reference)
    best: dict[str, tuple[float, Variant]] = {}
    for variant in _variants(scene):
        try:
            scene.afford(len(batches))
        except NotApplicableError:
            break
        share = _share(scene, variant, batches, reference)
        if variant.name not in best or share > best[variant.name][0]:
            best[variant.name] = share, variant
    for share, variant in best.values():
        yield _said(variant, share, unchanged, len(batches))


def _said(variant: Variant, share: float, unchanged: float, steps: int) -> Said:
    cured = share >= ENOUGH and share - max(unchanged, 0.0) >= ENOUGH
    return Said(
        about=variant.name,
        outcome=Outcome.WRONG if cured else Outcome.FINE,
        said=f"{variant.words}, {steps} steps bring the loss to {_words(share)} the best constant; unchanged, to "
        f"{_words(unchanged)} it",
        measured=100 * share,
        limit=100 * max(unchanged + ENOUGH, ENOUGH),
        unit="%",
        supports=variant.supports if cured else (),
    )


def _words(share: float) -> str:
    if not isfinite(share):
        return "no number, not below"
    return f"{number(abs(100 * share))} % {'below' if share > 0 else 'above'}"


def _share(scene: Scene, variant: Variant, batches: list[Any], reference: Reference) -> float:
    """Return how far below the best constant the changed run ends, as a share of what can be gained."""
    subject = scene.subject
    with subject.at("start"), variant.around():
        variant.edit(subject)
        for batch in batches:
            if not isfinite(subject.step(batch, variant.loss)):
                return float("-inf")
        ends = [_mean_loss(subject, variant)]
        with evaluating(subject.model):
            ends.append(_mean_loss(subject, variant))
            level = _level(subject, variant, reference)
    finite = [e for e in ends if isfinite(e)]
    scale = reference.scale if variant.neutral is None else level
    return (level - min(finite)) / (scale or 1.0) if finite else float("-inf")


def _level(subject: Subject, variant: Variant, reference: Reference) -> float:
    """Return what saying nothing costs, at the present weights and in the way that outputs are read."""
    if variant.neutral is None:
        return mean(repriced(subject, reference.constant))
    with torch.no_grad():
        return mean(float(variant.neutral(batch)) for batch in subject.batches)


def _mean_loss(subject: Subject, variant: Variant) -> float:
    if variant.loss is None or variant.name == "without-penalty":
        return mean(losses(subject))
    with torch.no_grad():
        return mean(float(variant.loss(batch)) for batch in subject.batches)


def _variants(scene: Scene) -> Iterator[Variant]:
    subject = scene.subject
    yield from _of_scale(scene)
    groups = [g for o in subject.optimizers for g in o.param_groups]
    if any(g.get("weight_decay") for g in groups):
        yield Variant(
            "without-decay", "without weight decay", ("weight-decay-too-strong",), _no_decay
        )
    if _drops(subject):
        yield Variant(
            "without-dropout",
            "without dropout",
            ("dropout-too-strong",),
            around=without_dropout,
        )
    yield from _of_loss(scene)
    yield from _rates(scene)


def _rates(scene: Scene) -> Iterator[Variant]:
    groups = [g for o in scene.subject.optimizers for g in o.param_groups]
    now = max((abs(float(g["lr"])) for g in groups if "lr" in g), default=0.0)
    diverges = scene.progress.state in {State.DIVERGING, State.BROKEN}
    for factor in (0.1, *((0.01,) if diverges else ()), 10.0, 100.0):
        if not now or now * factor > HIGHEST[scene.trace.adaptive]:
            continue
        lower = factor < 1
        yield Variant(
            "rate-lower" if lower else "rate-higher",
            f"with {factor:g} times the learning rate",
            ("learning-rate-too-high" if lower else "learning-rate-too-low",),
            _scaled(factor),
        )


def _scaled(factor: float) -> Callable[[Subject], None]:
    def edit(subject: Subject) -> None:
        for optimizer in subject.optimizers:
            for group in optimizer.param_groups:
                if "lr" in group:
                    group["lr"] = group["lr"] * factor

    return edit


def _no_decay(subject: Subject) -> None:
    for optimizer in subject.optimizers:
        for group in optimizer.param_groups:
            if "weight_decay" in group:
                group["weight_decay"] = 0.0


def _drops(subject: Subject) -> bool:
    """Does anything get dropped in a training pass?"""
    with subject.at("start"), torch.no_grad(), without_dropout() as seen:
        subject.total(subject.batches[0])
    return bool(seen.dropped)


def _of_loss(scene: Scene) -> Iterator[Variant]:
    """Changes of what the loss is computed from."""
    subject = scene.subject
    with subject.at("start"):
        with torch.no_grad():
            raw = subject.outputs(subject.batches[0])
        penalized = subject.loss(raw, subject.batches[0]).requires_grad
    if penalized:
        yield Variant(
            "without-penalty",
            "with the gradient of the data term alone",
            ("penalty-too-strong",),
            loss=_data_term(subject),
        )
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
                loss=_through(subject, fits[name]),
                neutral=_through(subject, _silenced(fits[name])),
            )


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


def _silenced(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: change(torch.zeros_like(x))


def _through(subject: Subject, change: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    def loss(batch: Any) -> Tensor:
        raw = subject.outputs(batch)
        return subject.loss(subject.with_main(raw, change(subject.main(raw))), batch)

    return loss


def _of_scale(scene: Scene) -> Iterator[Variant]:
    subject = scene.subject
    scales = scene.known.get("input-scales")
    if scales is not None:
        yield Variant(
            "standardized-inputs",
            "with standardized inputs",
            ("unnormalized-input",),
            loss=_standardized(subject, scales),
        )
    target = subject.targets(subject.batches[0])
    output = subject.main(_outputs(subject))
    if (
        isinstance(target, Tensor)
        and target.is_floating_point()
        and target.numel() == output.numel()
    ):
        values = torch.cat([subject.targets(b).float().flatten() for b in subject.batches])
        middle, spread = float(values.mean()), float(values.std()) or 1.0
        if not 1 / OFF < spread < OFF or abs(middle) > OFF * spread:
            yield Variant(
                "standardized-targets",
                "with standardized targets",
                ("target-scale",),
                loss=_through(subject, lambda x: x * spread + middle),
            )


def _outputs(subject: Subject) -> Any:
    with subject.at("now"), torch.no_grad():
        return subject.outputs(subject.batches[0])


def _standardized(
    subject: Subject, scales: dict[str, tuple[Tensor, Tensor]]
) -> Callable[[Any], Tensor]:
    def loss(batch: Any) -> Tensor:
        named = subject.inputs(batch)
        changed = {n: (named[n] - low) / size for n, (low, size) in scales.items() if n in named}
        return subject.loss(subject.outputs(batch, changed), batch)

    return loss
