"""Which single change lets the run learn, and which two where no single one does?"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations, islice
from math import isfinite
from statistics import mean
from typing import Any

from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.chance import PATIENCE
from gradcheck_cli.examine.longer import Extended
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.variant import Variant, share_of
from gradcheck_cli.examine.variants import adaptive, larger, variants
from gradcheck_cli.features.progress import ENOUGH, LITTLE
from gradcheck_cli.records.examination import Outcome

TRIPLES = frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss"})
NAMES = ("anchor", "positive", "negative")


class Exchanged(TorchFunctionMode):
    """Hands these losses what is to be far in the place of what is to be near."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__name__", "") in TRIPLES:
            named = {**dict(zip(NAMES, args, strict=False)), **given}
            first, near, far = (named.pop(name) for name in NAMES)
            return func(first, far, near, *args[len(NAMES) :], **named)
        return func(*args, **given)


def of_triples(scene: Scene, others: Iterator[Variant]) -> Iterator[Variant]:
    """Yield the other changes; of a loss over triples this one first, and scores alone where outputs cannot be parted."""
    if scene.trace.loss.kind not in TRIPLES:
        try:
            yield from others
        except NotApplicableError:
            if not (scores := list(larger(scene))):
                raise
            yield from scores
        return
    words = "with positive and negative samples exchanged"
    yield Variant("exchanged-samples", words, ("flipped-loss",), around=Exchanged)
    with suppress(NotApplicableError):
        yield from others


STEPS = 60
HELD_BACK = 2.0  # times what the whole extension gained; the change has a fraction of its steps
OPPOSED = {"rate-lower", "rate-higher"}
ASTRAY = 10.0  # times what can be gained, above the constant: to come below it is a cure
ARRIVED = 1.0  # times it, above the constant: what comes so near when it goes on was only far away
PAIRED = 4  # changes that are tried in pairs where none helps alone: those that came furthest

Tried = tuple[float, Variant]


@experiment(
    "replays",
    "Which single change lets the run learn?",
    doubtful=True,
    rate_lower="Does it learn with a smaller learning rate?",
    rate_higher="Does it learn with a larger learning rate?",
    adaptive_steps="Does it learn with an adaptive optimizer?",
    without_decay="Does it learn without weight decay?",
    without_dropout="Does it learn without dropout?",
    without_penalty="Does it learn without the penalty in the loss?",
    standardized_inputs="Does it learn when inputs are standardized?",
    standardized_targets="Does it learn when targets are standardized?",
    fitting_output="Does it learn when outputs are brought into the loss's domain?",
    smaller_scores="Does it learn when its outputs begin small?",
    larger_scores="Does it learn when its scores can be large?",
    nonlinear_layers="Does it learn with nonlinearities between its layers?",
    redrawn_weights="Does it learn from other initial weights?",
    cross_entropy="Does it learn with cross entropy for the gradient?",
    numbered_positions="Does it learn when positions are added to its embeddings?",
    without_softmax="Does it learn with a ReLU in place of softmaxes between its layers?",
    exchanged_samples="Does it learn with positive and negative samples exchanged?",
    two_changes="Which two changes together let the run learn?",
)
def replays(scene: Scene) -> Iterator[Said]:
    """Train from the start again, a short while, with one thing changed at a time.

    Procedure  60 steps on the same batches, unchanged and with: the learning rate x 0.1 (x 0.01 without
               an adaptive optimizer, x 0.001 where it diverges), x 10 and x 100; no weight decay; no
               dropout; the gradient of the data term alone; inputs standardized; targets standardized; a
               ReLU between layers that have nothing nonlinear between them, or a softmax; the gradient of cross entropy,
               where errors of probabilities are squared; outputs through the function
               that the loss expects; initial weights drawn
               anew; outputs of deviation 1 where the first loss is large; scores of deviation 3 where no
               weights can make them as large as 1; positive and negative samples exchanged in a loss over triples; positions
               added to embeddings that attention sees without any. Where none helps, Adam in
               place of an optimizer that is not adaptive (also of a run that learns, where that takes ten passes
               over the data), and the best four in pairs.
    Answers    wrong: with the change the loss of the fixed batches ends clearly below the best constant
               (12 % of what can be gained) and clearly below the unchanged run: what was changed keeps the
               run from learning. Where the unchanged run ends above the constant by ten times what can be gained, and does not come
               near it when it goes on, any loss below it is enough.
               Where the unchanged run ends in NaN or Inf, a fall by 12 % is enough, and where it begins there, a loss 3 % below the constant. Where the unchanged run learns after all when it goes on, the change has to
               gain twice as much in its few steps; so it is asked of dropout of more than a half, too, where the
               run learns soon but its loss in training is hardly below the constant. Fine: no such difference.
    Costs      60 training steps for each change that applies.
    Sources    an effect is what an intervention changes (Pearl 2009, ch. 3); Smith 2017, arXiv:1506.01186;
               Zhang et al. 2017, arXiv:1611.03530, fig. 1 (random labels are learned in about ten passes).
    """
    scene.require_sense()
    reference: Reference = scene.reference
    extended: Extended | None = scene.known.get("extended")
    learns = extended is not None and extended.learns
    soon = scene.soon
    if soon and not scene.hidden_by_dropout:
        raise NotApplicableError("the run learns when it goes on")
    batches = list(islice(scene.subject.more(), STEPS))
    scene.afford(len(batches))
    unchanged = share_of(scene.subject, Variant(), batches, reference)
    bound = max(unchanged, 0.0) + ENOUGH if isfinite(unchanged) else _falling(reference)
    arrives = extended is not None and extended.share > -ARRIVED
    if isfinite(unchanged) and unchanged < -ASTRAY and not arrives:
        bound = 0.0
    if extended is not None and learns:
        bound = max(bound, HELD_BACK * extended.share)
    best: dict[str, Tried] = {}

    def tried(variant: Variant) -> bool:
        """Note how far a change comes; is there time for another one?"""
        try:
            scene.afford(len(batches))
            share = share_of(scene.subject, variant, batches, reference)
        except NotApplicableError:
            return scene.remaining > len(batches) * scene.step_seconds
        if variant.name not in best or share > best[variant.name][0]:
            best[variant.name] = share, variant
        return True

    new = (v for v in of_triples(scene, variants(scene)) if scene.answer(v.name) is None)
    all(map(tried, (v for v in new if not soon or v.name == "without-dropout")))
    for more, asked in (
        (adaptive(scene), not learns or _slow(scene, extended)),
        (_pairs(list(best.values())), not learns),
    ):
        if asked and all(share < bound for share, _ in best.values()):
            all(map(tried, more))
    for share, variant in best.values():
        yield told(reference, variant, (share, unchanged, bound), len(batches))


def _slow(scene: Scene, extended: Extended | None) -> bool:
    """Did it take many passes over the data until the run was clearly better than a constant?"""
    taken, one = scene.trace.taken, scene.subject.steps_per_pass
    return extended is not None and one is not None and taken + extended.steps >= PATIENCE * one


def _falling(reference: Reference) -> float:
    """Return the share of a run that has fallen by 12 % from its start; from no number, to below the constant."""
    start = mean(reference.start)
    if not isfinite(start):
        return LITTLE  # whatever lets it be a number at all
    return min(ENOUGH, (reference.level - start + ENOUGH * abs(start)) / (reference.scale or 1.0))


def _pairs(tried: list[Tried]) -> Iterator[Variant]:
    """Yield the changes that came furthest in pairs."""
    furthest = [v for share, v in sorted(tried, key=lambda pair: -pair[0]) if isfinite(share)]
    # That no weights make scores large was measured without training: it leads.
    for first, second in combinations(
        sorted(furthest[:PAIRED], key=lambda v: v.name != "larger-scores"), 2
    ):
        if {first.name, second.name} == OPPOSED:
            continue
        if (both := first.beside(second)) is not None:
            yield both


def told(
    reference: Reference, variant: Variant, shares: tuple[float, float, float], steps: int
) -> Said:
    """Say how far the run comes with the change and without it, both in one unit."""
    share, unchanged, bound = shares
    cured = share >= bound
    changed, usual = (
        reference.beside(one, other) if isfinite(one) else "no number, not below"
        for one, other in ((share, unchanged), (unchanged, share))
    )
    return Said(
        about=variant.name,
        outcome=Outcome.WRONG if cured else Outcome.FINE,
        said=f"{'yes' if cured else 'no'}: {variant.words}, {steps} steps bring the loss to {changed} the best "
        f"constant; unchanged, to {usual} it",
        measured=100 * share,
        limit=100 * bound,
        unit="%",
        supports=variant.supports if cured else (),
    )
