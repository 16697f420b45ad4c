"""Does the model do better than the best constant prediction?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isclose, isfinite
from statistics import mean
from typing import Any

import torch

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.chance import fit
from gradcheck_cli.examine.constants import Constant, best_constant, class_dimension
from gradcheck_cli.examine.ideal import least
from gradcheck_cli.examine.passes_over import MOST_DROPPED, dropped, evaluating, losses, paired
from gradcheck_cli.examine.subject import NotApplicableError, Only, Subject
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import number

ALIKE = 2.0  # at the start they differ by the batches and by chance
MOST = 16  # outputs that are compared with each other
FEWEST = 8  # samples that tell whether they differ
EVEN = 5e-4  # of what can be gained: the digits that are printed of both losses do not show it
MANY = 2.0  # times the loss of the constant; beyond it percentages are hard to read
ALMOST = 0.01  # what can be gained is the loss of the constant, but for a percent
HALF = 0.5  # of what can be gained: so much is hardly gone by chance, however batches differ
WIDE = 32  # further batches, where the fixed ones leave it open
PASSES = 2  # as long as so many steps with each of them: forward passes, and the search for their constant
SHARE = 0.2  # of the time that is left
MUCH = 5.0  # times the reference: a first loss beyond it costs more than saying nothing at all


@dataclass(frozen=True, slots=True)
class Reference:
    """The loss of the fixed batches: of the best constant, at the start, and now in both modes."""

    constant: Constant
    start: list[float]
    training: list[float]
    least: float | None  # what outputs made from the targets cost; None where they cannot be made
    evaluation: list[float]

    @property
    def level(self) -> float:
        """The mean loss of the best constant."""
        return mean(self.constant.losses)

    @property
    def scale(self) -> float:
        """How far the loss can fall from there: to that of right outputs, or to zero."""
        known = self.least is not None and self.least < self.level
        return self.level - (self.least or 0.0) if known else abs(self.level)

    def share(self, now: list[float], constant: list[float] | None = None) -> tuple[float, float]:
        """Return which share of that has gone, and three standard errors of it.

        `constant` is what the constant costs at the weights of `now`, where they moved on.
        """
        gain, error = paired(now, constant or self.constant.losses)
        return gain / (self.scale or 1.0), error / (self.scale or 1.0)

    def beside(self, share: float, other: float = 0.0) -> str:
        """Say where a loss stands beside the constant's, from its share of what can be gained.

        In percent of the constant's loss where that is what can be gained, and not many times it; else
        as a difference of losses: where the scale is small a percentage says nothing. `other` stands in the
        same sentence.
        """
        if abs(share) < EVEN:
            return "as high as"
        word = "below" if share > 0 else "above"
        most = max(abs(x) for x in (share, other) if isfinite(x))
        if most <= MANY and isclose(self.scale, abs(self.level), rel_tol=ALMOST):
            return f"{number(abs(100 * share))} % {word}"
        return f"{number(abs(share) * (self.scale or 1.0))} {word}"

    @property
    def gain(self) -> float:
        """Which share has gone by now."""
        return self.share(self.best)[0]

    @property
    def certain(self) -> bool:
        """Is the loss of now on one side of the constant's, beyond three standard errors over batches?"""
        share, error = self.share(self.best)
        return abs(share) > error

    @property
    def best(self) -> list[float]:
        """The losses of now, in the mode that does better."""
        return min(self.training, self.evaluation, key=_size)


@experiment(
    "against-constant",
    "Does the model do better than the best constant prediction?",
    first_loss="Does the model begin near the loss of a constant prediction?",
    outputs_differ="Does each output say something of its own?",
)
def against_constant(scene: Scene) -> Iterator[Said]:
    """Compare the loss of the same batches with that of the best constant output.

    Procedure  the constant is searched under the user's own loss, at each output position (the same for
               all positions of a sequence of classes), with what else the loss holds, such as penalties,
               as it is now; where the loss is not made of one output (two views of a sample, for instance) it
               is the constant of the comparisons that were observed. The model is measured on the same batches
               in training and in evaluation mode. Of a few outputs with targets of their own: are two always
               the same number?
               Where they leave it open, further batches are taken, each once.
    Answers    fine: at least 12 % below the constant, beyond three standard errors over batches, or costing less than
               after each of 200 exchanges of outputs between the samples of a batch, in fewer than ten passes over the data. Wrong:
               not below it, for certain. Noted: between the two, or far below it and yet not for certain.
    Costs      four passes over the fixed batches, and some hundred evaluations of the loss alone; 2 s at most where batches differ.
    Sources    the constant predictor of R^2 and of the entropy of classes (Cover & Thomas 2006, sec. 2.1).
    """
    scene.require_right_outputs()
    reference = measured(scene.subject, scene.trace)
    scene.known["reference"] = reference
    found = judged(reference, reference.best)
    open_yet = found.outcome is not Outcome.FINE and not reference.certain
    wide = _widely(scene) if open_yet else None
    told = wide or reference
    where = f"on {len(told.start)} batches" if wide else "on the same batches"
    with scene.subject.at("now"):
        fits = fit(scene, scene.trace.taken, judged(told, told.best))
    found = judged(told, told.best, where=where, fits=fits)
    scene.known["gain"] = told.gain if told.certain else 0.0
    in_training = judged(reference, reference.training).outcome
    noisy = in_training is not Outcome.FINE
    scene.known["hidden_by_dropout"] = noisy and dropped(scene.subject) > MOST_DROPPED
    yield found
    yield from _alike(scene.subject)
    first, level = mean(reference.start), reference.level
    if level > 0 and isfinite(first) and first > MUCH * level:
        yield Said(
            about="first-loss",
            outcome=Outcome.NOTED,
            said=f"the first loss is {number(first)}, {number(first / level)} times that of a constant "
            f"prediction ({number(level)})",
            measured=first / level,
            limit=MUCH,
            unit="times",
        )


def _alike(subject: Subject) -> Iterator[Said]:
    """Say which outputs are the same number for every sample, though their targets differ."""
    batch = subject.batches[0]
    with subject.at("now"), evaluating(subject.model), torch.no_grad():
        output, target = subject.main(subject.outputs(batch)).detach(), subject.targets(batch)
    told = isinstance(target, torch.Tensor) and target.shape == output.shape
    if not told or output.ndim != 2 or not 2 <= output.shape[1] <= MOST or len(output) < FEWEST:
        return
    for first, second in combinations(range(output.shape[1]), 2):
        column = output[:, first]
        same = torch.equal(column, output[:, second]) and bool(column.std() > 0)
        if same and not torch.equal(target[:, first], target[:, second]):
            yield Said(
                about="outputs-differ",
                outcome=Outcome.WRONG,
                said=f"outputs {first} and {second} are the same number for every sample, though their targets "
                "differ: does one layer give both, as in `[layer] * n`?",
            )
            return


def _widely(scene: Scene) -> Reference | None:
    """Measure on further batches; None without any, or without time."""
    others = scene.subject.further(WIDE)
    cost = PASSES * len(others) * scene.step_seconds
    if len(others) <= len(scene.subject.batches) or cost > SHARE * scene.remaining:
        return None
    wide: Any = Only(scene.subject, others)
    return measured(wide, scene.trace)


def measured(subject: Subject, trace: Trace) -> Reference:
    """Measure the reference; raises NotApplicableError where the loss is not separate."""
    with subject.at("start"):
        start = losses(subject)
    with subject.at("now"):
        training = losses(subject)
        with evaluating(subject.model):
            evaluation = losses(subject)
    sound = all(map(isfinite, (*training, *evaluation)))
    bottom: float | None = None
    try:
        with subject.at("now" if sound else "start"), evaluating(subject.model):
            with torch.no_grad():
                raw = [subject.outputs(batch) for batch in subject.batches]
            _refuse_unchanging(subject, raw[0])
            _refuse_one_class(subject, raw[0])
            constant, bottom = best_constant(subject, raw), least(subject, raw)
    except NotApplicableError:
        known = _observed_constant(trace, start)
        if known is None:
            raise
        constant = Constant([known] * len(start), None)
    return Reference(constant, start, training, bottom, evaluation)


def _refuse_unchanging(subject: Subject, raw: Any) -> None:
    """Refuse outputs whose main tensor the loss does not read, as a distribution's that keeps others made of it."""
    main, batch = subject.main(raw).detach(), subject.batches[0]
    apart = torch.rand(main.shape, generator=torch.Generator().manual_seed(0)).to(main)
    with torch.enable_grad():
        loss = subject.loss(subject.with_main(raw, (main + apart).requires_grad_()), batch)
    if not loss.requires_grad and float(loss) == float(subject.loss(raw, batch)):
        raise NotApplicableError("another main output does not change the loss")


def _refuse_one_class(subject: Subject, raw: Any) -> None:
    """Refuse a right score that is always in the same place, as where each sample's own pair is compared first.

    Outputs that compare samples are not free to be the constant that costs nothing.
    """
    dim = class_dimension(subject.main(raw), subject.targets(subject.batches[0]))
    alike = dim is not None and _are_alike(subject, subject.batches)
    if alike and _are_alike(subject, subject.further(WIDE)):
        raise NotApplicableError("all samples are of one class")


def _are_alike(subject: Subject, batches: Sequence[Any]) -> bool:
    classes = {int(c) for b in batches for c in subject.targets(b).unique()}
    return len({c for c in classes if c >= 0}) < 2


def _observed_constant(trace: Trace, start: list[float]) -> float | None:
    """Return what a constant loses by the comparisons in the loss; None where that is not its unit.

    The loss of the same batches has to be what was observed in the first steps, to a factor of `ALIKE`:
    a loss may be added up of several, of which the running one is a part.
    """
    level, seen = trace.loss.baseline, trace.losses[: len(start)]
    if level is None or level <= 0 or trace.loss.surrogate or not seen:
        return None
    first, again = mean(seen), mean(start)
    alike = isfinite(first) and isfinite(again) and first > 0 and again > 0
    return level if alike and 1 / ALIKE < first / again < ALIKE else None


def judged(
    reference: Reference,
    now: list[float],
    constant: list[float] | None = None,
    where: str = "on the same batches",
    fits: Outcome = Outcome.WRONG,
) -> Said:
    """Compare losses of now with the constant's; `fits` is what exchanging outputs shows."""
    if not isfinite(_size(now)):
        return Said(
            outcome=Outcome.WRONG, said="the loss of the same batches is not a finite number"
        )
    share, error = reference.share(now, constant)
    certain = share > error or (share > 0 and fits is Outcome.FINE)
    if certain and share >= ENOUGH:
        outcome = Outcome.FINE
    else:
        likely = certain or share >= HALF or fits is Outcome.NOTED
        outcome = Outcome.NOTED if share > 0 and likely else Outcome.WRONG
    said = f"{where} the loss is {number(mean(now))} (at the start {number(mean(reference.start))})"
    beside = f"{reference.beside(share)} that of the best constant prediction ({number(reference.level)})"
    blurred = (
        ", but by very different amounts from batch to batch"
        if outcome is Outcome.NOTED and not certain
        else ""
    )
    return Said(
        outcome=outcome,
        said=f"{said}, {beside}{blurred}",
        measured=100 * share,
        limit=100 * ENOUGH,
        unit="%",
    )


def _size(values: list[float]) -> float:
    """Return the mean; what is no number is larger than any."""
    return mean(values) if all(map(isfinite, values)) else inf
