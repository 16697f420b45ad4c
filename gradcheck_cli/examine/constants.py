"""The best constant prediction, found under the user's own loss.

Whatever the loss is, a model that has learned costs less than the best output that is the same for
every sample. It is searched where the model's outputs lie: on the simplex for a softmax, in 0..1 for a
sigmoid. Of a sequence of classes the same output is taken at each position (a unigram).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import HAS_END, Said
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import map_tensors, tensors_in

_STEPS = 60  # of Adam on the constant
_RATE = 0.1
_TOLERANCE = 1e-3
_PATIENCE = 12  # steps without a gain of a thousandth end the search


@dataclass(frozen=True, slots=True)
class Constant:
    """The best constant prediction: what it costs on each fixed batch, and what it is."""

    losses: list[float]
    value: Tensor | None  # None where only its loss is known


def repriced(subject: Subject, constant: Constant) -> list[float]:
    """Return what the constant costs at the present weights, which penalties depend on."""
    if constant.value is None:
        return constant.losses
    found = []
    with torch.no_grad():
        for batch in subject.batches:
            raw = subject.outputs(batch)
            main = subject.main(raw)
            value = constant.value.to(main.dtype).expand_as(main)
            found.append(float(subject.loss(subject.with_main(raw, value), batch)))
    return found


Link = Callable[[Tensor], Tensor]
_REAL: Link = lambda z: z  # noqa: E731 - the link that is none
_BEYOND = 2.0  # off outputs from 0 to 1: on either side of these


def link_of(outputs: Tensor, dim: int) -> tuple[str, Link]:
    """Return where outputs lie, along the dimension of classes, and a map onto there from anywhere."""
    values = outputs.detach().float()
    nonnegative = bool((values >= 0).all())
    if values.shape[dim] > 1 and nonnegative:
        total = values.sum(dim)
        if bool((total - 1).abs().max() < _TOLERANCE):
            return "probabilities", lambda z: z.softmax(dim)
    negative = values.shape[dim] > 1 and bool((values <= 0).all())
    if negative and bool(values.logsumexp(dim).abs().max() < _TOLERANCE):
        return "log-probabilities", lambda z: z.log_softmax(dim)
    if nonnegative and bool((values <= 1).all()):
        return "shares", lambda z: z.sigmoid()
    return "real", _REAL


def _goes_on(subject: Subject, raw: Any, main: Tensor) -> bool:
    """Has the loss a slope below 0 and above 1, too? Then outputs lie between by chance."""
    for beyond in (main.detach() - _BEYOND, main.detach() + _BEYOND):
        beyond.requires_grad_()
        try:
            loss = subject.loss(subject.with_main(raw, beyond), subject.batches[0])
        except NotApplicableError:  # it refuses them
            return False
        if not (bool(torch.isfinite(loss)) and loss.requires_grad):
            return False
        [slope] = torch.autograd.grad(loss, [beyond], allow_unused=True)
        if not (_finite(slope) and bool(slope.any())):
            return False
    return True


def class_dimension(output: Tensor, target: Any) -> int | None:
    """Return the dimension of classes, where the target holds their numbers; None where it does not."""
    if not isinstance(target, Tensor) or target.is_floating_point() or target.dtype == torch.bool:
        return None
    if not target.numel() or output.ndim < 2:
        return None
    most = int(target.max())
    shape = tuple(output.shape)
    fitting = [
        dim
        for dim in (1, output.ndim - 1)
        if dim > 0
        and shape[dim] > max(most, 1)
        and (*shape[:dim], *shape[dim + 1 :]) == tuple(target.shape)
    ]
    if fitting:
        return fitting[-1] if len(set(fitting)) > 1 and shape[1] == target.shape[-1] else fitting[0]
    column = target.numel() == shape[0] and output.ndim == 2 and shape[1] > max(most, 1)
    return 1 if column else None


def classes_of(main: Tensor, target: Any) -> Tensor | None:
    """Return the class of each sample: [samples], from their numbers or from rows with a single 1; else None."""
    if main.ndim != 2 or main.shape[1] < 2 or not isinstance(target, Tensor):
        return None
    if class_dimension(main, target) == 1:
        return target.flatten().long()
    if target.shape != main.shape or not bool(((target == 0) | (target == 1)).all()):
        return None
    return target.argmax(1) if bool((target.sum(1) == 1).all()) else None


def best_constant(subject: Subject, raw: Sequence[Any]) -> Constant:
    """Search the best constant for outputs like `raw`, one for each fixed batch.

    Raises NotApplicableError where the loss cannot be computed from other outputs.
    """
    mains = [subject.main(entry) for entry in raw]
    if (many := alike(raw[0], mains[0])) > 1:
        raise NotApplicableError(f"{many} outputs of one shape: a constant for one says nothing")
    if not reads_targets(subject, raw[0]):
        raise NotApplicableError(
            "the loss does not read the targets: a constant says nothing of them"
        )
    targets = [subject.targets(batch) for batch in subject.batches]
    dim = class_dimension(mains[0], targets[0])
    lies, link = link_of(torch.cat([m.flatten(0, 0) for m in mains]), -1 if dim is None else dim)
    if lies == "shares" and _goes_on(subject, raw[0], mains[0]):
        link = _REAL
    best, found = inf, None
    for start in _starts(mains, targets, dim):
        constant = _descended(subject, raw, mains, start, link)
        mean = sum(constant.losses) / len(constant.losses)
        if isfinite(mean) and mean < best:
            best, found = mean, constant
    if found is None:
        raise NotApplicableError("no constant output has a finite loss")
    return found


def alike(raw: Any, main: Tensor) -> int:
    """Return how many outputs have the main one's shape, as those of two views or twins do."""
    shapes = [t.shape for t in tensors_in(raw) if t.is_floating_point()]
    return shapes.count(main.shape) if main.ndim > 1 else 1


def reads_targets(subject: Subject, raw: Any) -> bool:
    """Does the loss change when samples exchange their targets? It may be of the outputs alone."""
    batch = subject.batches[0]
    target = subject.targets(batch)
    if not isinstance(target, Tensor) or not target.ndim:
        return True  # nothing tells
    turned = target.roll(1, 0)
    if torch.equal(turned, target):
        turned = target.logical_not().to(target.dtype)
    other = map_tensors(batch, lambda t: turned if t is target else t)
    main = subject.main(raw).detach()
    apart = torch.rand(main.shape, generator=torch.Generator().manual_seed(0)).to(main)
    unlike = subject.with_main(raw, main.nan_to_num() + apart)  # else all may cost the same
    try:
        with torch.no_grad():
            now, then = (float(subject.loss(unlike, b)) for b in (batch, other))
            return now != then and not (isnan(now) and bool(main.isnan().any()))
    except NotApplicableError:
        return True


def _starts(mains: Sequence[Tensor], targets: Sequence[Any], dim: int | None) -> list[Tensor]:
    """Return where the search begins: class frequencies, or the mean of the targets, and zero."""
    like = mains[0].detach()[:1].float()
    if dim is not None:
        classes = like.shape[dim]
        numbers = torch.cat([t.flatten() for t in targets])
        numbers = numbers[(numbers >= 0) & (numbers < classes)]
        counts = torch.bincount(numbers, minlength=classes).float()
        shape = [1] * like.ndim
        shape[dim] = classes
        shares = ((counts + 0.5) / (counts + 0.5).sum()).reshape(shape)
        return [shares.log(), shares]  # scores, or a loss takes its input as it is
    starts = [torch.zeros_like(like)]
    floats = [
        t.float().reshape(m.shape)
        for t, m in zip(targets, mains, strict=True)
        if isinstance(t, Tensor) and t.numel() == m.numel()
    ]
    if floats:
        together = torch.cat(floats)
        starts += [together.mean(0, keepdim=True), together.median(0, keepdim=True).values]
        share = together.mean(0, keepdim=True).clamp(1e-3, 1 - 1e-3)
        if bool((together >= 0).all()) and bool((together <= 1).all()):
            starts.append(share.logit())
    else:
        starts.append(torch.cat([m.detach().float() for m in mains]).mean(0, keepdim=True))
    return starts


def _finite(slope: Tensor | None) -> bool:
    return slope is not None and bool(torch.isfinite(slope).all())


def _descended(
    subject: Subject, raw: Sequence[Any], mains: Sequence[Tensor], start: Tensor, link: Link
) -> Constant:
    """Follow the user's loss from `start`; return the best point on the way."""
    point = start.clone().requires_grad_()
    scale = max(float(start.abs().max()), 1.0)
    optimizer = torch.optim.Adam([point], lr=_RATE * min(scale, 1e3))
    best, kept, waited = inf, Constant([inf], start), 0
    for _ in range(_STEPS):
        value = link(point)
        costs = [
            subject.loss(subject.with_main(entry, value.to(main.dtype).expand_as(main)), batch)
            for entry, main, batch in zip(raw, mains, subject.batches, strict=True)
        ]
        total = torch.stack(costs).mean()
        if not bool(torch.isfinite(total)):
            break
        waited = (
            0
            if float(total.detach()) < best - _TOLERANCE * abs(best) or best == inf
            else waited + 1
        )
        if waited > _PATIENCE:
            break
        if float(total.detach()) < best:
            best = float(total.detach())
            kept = Constant([float(c.detach()) for c in costs], value.detach().clone())
        if not total.requires_grad:
            break
        [slope] = torch.autograd.grad(total, [point], allow_unused=True)
        if not _finite(slope):
            break
        point.grad = slope
        optimizer.step()
    return kept


FAR = 10.0  # times the constant's loss, or what can be gained from there
VERY = 100.0  # times that: as far as no bonus goes
FASTER = 2.0  # times the fall of the first half, in the second: what ends falls ever less, a logarithm evenly


def without_end(
    constant: Constant, costs: Sequence[float], losses: Iterable[float], scale: float, steps: int
) -> Iterator[Said]:
    """Say so where the best constant, whose outputs stay, costs ever less: `costs` on the way through so many steps.

    Where its outputs are not known, the run's own `losses` are asked.
    """
    of_constant = constant.value is not None
    prices = costs if of_constant else [*losses]
    if len(prices) < 3:
        return
    first, middle, last = prices[0], prices[len(prices) // 2], prices[-1]
    early, late = first - middle, middle - last
    limit = -FAR * max(abs(first), scale)
    if last < VERY * limit or (last < limit and late > FASTER * early > 0):
        yield Said(
            about=HAS_END,
            outcome=Outcome.WRONG,
            said=f"{steps} steps later the best constant prediction costs {number(last)} instead of {number(first)}: a part "
            "of the loss that no output changes falls without end; look at the signs of penalties"
            if of_constant
            else f"{steps} steps later the loss is {number(last)} instead of {number(first)}: it falls without end; look at "
            "the signs of its terms, and keep trained weights of terms positive",
            measured=last,
            limit=limit,
            supports=("loss-without-bound",),
        )
