"""Does each part of the loss learn, or does one drown another?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf, isfinite, sqrt
from statistics import mean
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradcheck_cli.errors import wording
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.longer import times_of
from gradcheck_cli.examine.passes_over import evaluating
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.features.mismatch import STANDS
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.ops import placed
from gradcheck_cli.probe.calls import NOWHERE, Origin, tensors_in
from gradcheck_cli.probe.comparisons import Comparisons
from gradcheck_cli.probe.loss_habits import Place
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.probe.terms import Terms
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.optimizers import held_by

LITTLE = 0.02  # of the gradient of the layers that the parts share
ALONE = 60  # steps along the gradient of one part
LOOKS = 10
LENGTHS = (1.0, 0.1)  # of steps along one part, beside those of the whole loss
SHARE = 0.3  # of the time that is left, for the unchanged run
Looked = dict[Place, tuple[float, float]]  # what a part loses, and its best constant


@experiment("parts-learn", "Does each part of the loss learn?")
def parts_learn(scene: Scene) -> Iterator[Said]:
    """Train along the gradient of the part that has the least of it, and go on with the whole loss beside.

    Procedure  where comparisons with targets are added up: the gradient of each at the layers that they share; the part that
               has less than 2 % of it, and is above 95 % of its own best constant and of its first value, goes on with the whole
               loss, three times as long as was observed (small networks fifteen times). From the start it is trained by itself, 60 steps
               along gradients as long as those of the whole loss are now, and a tenth of that.
    Answers    fine: it has more, or is lower, or becomes so with the whole loss. Wrong: it does not, while another part
               falls, and by itself it comes 12 % below. Noted: not by itself either.
    Costs      at most three (fifteen) times the observed steps, and two passes for each of 120 more.
    Sources    Chen et al. 2018, arXiv:1711.02257 (gradients of tasks); Kendall et al. 2018, arXiv:1705.07115.
    """
    habits = scene.trace.loop.habits_of(Kind.DROWNED) if scene.trace.loop else ()
    if len(habits) < 2 or scene.trace.loss.surrogate:
        raise NotApplicableError("the loss is no sum of several comparisons with targets")
    scene.require_sense()
    parts = _Parts(scene.subject)
    with scene.subject.at("start"):
        begun = parts.looked()
    with scene.subject.at("now"):
        before, (shares, whole) = parts.looked(), parts.shares()
    if set(shares) != set(before) or len(before) != len(habits):
        raise NotApplicableError("the parts of the loss are not found again")
    least = min(shares, key=lambda p: shares[p])
    level, share = min(begun[least]), 100 * shares[least]
    habit = habits[[*before].index(least)]
    said = f"the {habit.names[0]}{habit.where} has {number(share)} % of the gradient at layers that parts share"
    if share >= 100 * LITTLE or before[least][0] < STANDS * level:
        yield Said(outcome=Outcome.FINE, said=said, measured=share, unit="%")
        return
    taken, after = _gone_on(scene, parts, least, STANDS * level)
    said += "; {} steps later it is {}, and that of its best constant {}".format(
        taken, *map(number, after[least])
    )
    outcome, bound = Outcome.FINE, (1 - ENOUGH) * level
    if not after[least][0] < STANDS * level:
        found = min(_alone(scene, parts, least, whole * x) for x in LENGTHS)
        fell = any(after[p][0] < (1 - ENOUGH) * begun[p][0] for p in after if p != least)
        outcome = Outcome.WRONG if fell and found < bound else Outcome.NOTED
        said += f"; along its own gradient alone {ALONE} steps bring it to {number(found)}"
    drowns = outcome is Outcome.WRONG
    yield Said(
        outcome=outcome,
        said=said + (": bring the parts to one size" if drowns else ""),
        measured=share,
        limit=100 * LITTLE,
        unit="%",
        supports=("target-scale",) if drowns else (),
        unfinished=drowns and taken < times_of(scene.subject) * scene.trace.taken,
    )


def _gone_on(scene: Scene, parts: "_Parts", least: Place, bound: float) -> tuple[int, Looked]:
    """Go on with the whole loss until this part is below the bound; return the steps, and where all parts end."""
    scene.afford(scene.trace.taken)
    meant, taken = times_of(scene.subject) * scene.trace.taken, 0
    left = (1 - SHARE) * scene.remaining
    with scene.subject.at("now"):
        for batch in islice(scene.subject.more(), meant):
            if not isfinite(scene.subject.step(batch)):
                raise NotApplicableError("the loss is not a finite number any more")
            taken += 1
            over = taken == meant or scene.remaining < left
            if over or taken % max(meant // LOOKS, 1) == 0:
                found = parts.looked()
                if over or found[least][0] < bound:
                    break
    return taken, found


def _alone(scene: Scene, parts: "_Parts", place: Place, length: float) -> float:
    """Return the least that this part comes to by itself, along gradients of that length."""
    scene.afford(2 * ALONE)
    found = []
    with scene.subject.at("start"):
        for taken, batch in enumerate(islice(scene.subject.more(), ALONE), 1):
            if not isfinite(scene.subject.step(batch, lambda b: parts.alone(b, place, length))):
                break
            if taken % (ALONE // LOOKS) == 0:
                found.append(parts.looked()[place][0])
    return min(filter(isfinite, found), default=inf)


class _Heard(TorchFunctionMode):
    """Finds the comparisons of one pass, and what each of them returned."""

    def __init__(self) -> None:
        super().__init__()
        self.compared = Comparisons(_origin, lambda _: frozenset())
        self.made: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        args, kwargs = placed(args, kwargs or {})
        given = [*tensors_in(args), *tensors_in(kwargs)]
        name = getattr(func, "__name__", "")
        if given and isinstance(result, Tensor) and result.requires_grad:
            before = len(self.compared.found)
            self.compared.saw(func, name, args, kwargs, given, result, outside=True)
            self.made += [result] * (len(self.compared.found) - before)
        return result


def _origin(tensor: Tensor) -> Origin:
    return Origin(frozenset({0})) if tensor.requires_grad else NOWHERE


def _norm(tensors: Iterable[Tensor]) -> float:
    return sqrt(sum(float(t.double().square().sum()) for t in tensors))


@dataclass(slots=True)
class _Parts:
    """The comparisons in the loss of a batch, each by its kind and which of that kind it is."""

    subject: Subject
    _terms: Terms = field(default_factory=Terms)

    def looked(self) -> Looked:
        """Return what each part of the fixed batches loses, in the mode that does better."""
        with evaluating(self.subject.model):
            still = self._mean()
        now = self._mean()
        return {p: min(now[p], still.get(p, now[p]), key=lambda pair: pair[0]) for p in now}

    def _mean(self) -> Looked:
        steps, many = self._terms.tasks.steps, len(self.subject.batches)
        steps.clear()
        for batch in self.subject.batches:
            self._terms.measure([call for call, _, _ in self._of(batch)[1].values()])
        if len(steps) < many or any(step.keys() != steps[0].keys() for step in steps):
            raise NotApplicableError("the parts of the loss are not found again")
        return {
            p: (mean(step[p][0] for step in steps), mean(step[p][1] for step in steps))
            for p in steps[0]
        }

    def shares(self) -> tuple[dict[Place, float], float]:
        """Return the share that each part has of the gradient at the weights that it shares, and how long that of all is."""
        total, parts = self._of(self.subject.batches[0])
        whole, found = self._slopes(total, None), {}
        for place, (_, made, slope) in parts.items():
            own = self._slopes(made, slope)
            pairs = ((o, w - o) for o, w in zip(own, whole, strict=True))
            shared = [pair for pair in pairs if pair[0].any() and pair[1].any()]
            if shared:
                mine, others = (_norm(x) for x in zip(*shared, strict=True))
                found[place] = mine / (mine + others)
        return found, _norm(whole)

    def alone(self, batch: Any, place: Place, length: float) -> Tensor:
        """Return what has the gradient of this part alone, of that length."""
        _, parts = self._of(batch)
        if place not in parts:
            raise NotApplicableError("the parts of the loss are not found again")
        _, made, slope = parts[place]
        own = _norm(self._slopes(made, slope))
        return (made * slope).sum() * (length / own if own else 0.0)

    def _of(self, batch: Any) -> tuple[Tensor, dict[Place, tuple[LossCall, Tensor, Tensor]]]:
        """Return the loss, and each comparison with what it returned and the gradient that arrives there."""
        with torch.enable_grad(), _Heard() as heard:
            total = self.subject.total(batch)
        found: dict[Place, tuple[LossCall, Tensor, Tensor]] = {}
        slopes = _gradient(total, heard.made, None)
        for call, made, slope in zip(heard.compared.found, heard.made, slopes, strict=True):
            if call.coefficient is not None and call.target is not None and not call.mutual:
                which = sum(kind == call.kind for kind, _ in found)
                found[call.kind, which] = call, made, slope.detach()
        return total, found

    def _slopes(self, of: Tensor, slope: Tensor | None) -> list[Tensor]:
        held = [p for p in held_by(*self.subject.optimizers) if p.requires_grad]
        return [plain(t) for t in _gradient(of, held, slope)]


def _gradient(of: Tensor, by: list[Tensor], slope: Tensor | None) -> Sequence[Tensor]:
    if not by:
        return ()
    try:
        return torch.autograd.grad(of, by, slope, retain_graph=True, materialize_grads=True)
    except RuntimeError as error:
        raise NotApplicableError(f"a part has no gradient by itself: {wording(error)}") from error
