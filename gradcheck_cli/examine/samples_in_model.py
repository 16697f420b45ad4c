"""Does the output of a sample depend on the other samples?"""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.errors import THEIRS
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import drawn_alike, hooked, quietly
from gradcheck_cli.examine.places import goes_on, in_order, moved_by_place, other_order, rounding
from gradcheck_cli.examine.subject import NotApplicableError, OutOfTimeError, Subject
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import tensors_in

CHANGE = 1e-3  # of an output, relative to the spread of outputs: far above rounding in float32
FEWEST = 4  # samples
FEW = 0.25  # of the other samples
DISTANCES = frozenset("cdist sub __sub__ pairwise_distance cosine_similarity".split())
_OF_SEQUENCES = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


@experiment("samples-in-model", "Is a sample's output independent of the other samples?")
def samples_in_model(scene: Scene) -> Iterator[Said]:
    """Exchange a sample in the middle of a batch for another one and compare the outputs of the rest.

    Then bring the samples into another order, each half of the batch turned around, and compare the outputs of
    the same samples.

    Procedure  in evaluation mode, without dropout, so that normalization over the batch takes no part; the
               first layer whose output changes for other samples, or with the order, is named. The order is asked
               about where exchanging changes nothing, and where two passes over a batch agree: noise and a state
               that is carried on differ by place.
    Answers    fine: nothing changes. Wrong: other samples' outputs change by more than 0.1 % of their spread:
               a view, reshape or transpose mixes samples, or a softmax or sum runs over the batch; or those of a
               quarter of the samples change so with the order: positions, weights or a mask follow the batch. Noted
               where the model compares samples by design (one output for each pair, distances between all samples),
               few others are reached in a run that learns well (as routing does), or the batch is not known to hold
               samples.
    Costs      two forward passes; where exchanging changes nothing, five.
    Sources    the chain rule; Karpathy 2019, A recipe for training neural networks ("use backprop to chart
               dependencies").
    """
    subject = scene.subject
    batch = subject.batches[0]
    named = dict(subject.inputs(batch))
    samples = {len(t) for t in named.values() if t.ndim}
    if len(samples) != 1 or (size := samples.pop()) < FEWEST:
        raise NotApplicableError(
            "a batch holds too few samples, or its tensors do not agree on them"
        )
    _refuse_batch_statistics(subject.model)
    changed = {name: _with_other_middle(t) for name, t in named.items() if t.ndim}
    if all(torch.equal(changed[name], named[name]) for name in changed):
        raise NotApplicableError("all samples are alike")
    with quietly(subject):
        with _Distances(size) as distances:
            before, layers, _ = _outputs(scene, batch, None)
        after, others, _ = _outputs(scene, batch, changed)
    moved = _moved(before, after, size)
    if moved is None:
        raise NotApplicableError("outputs are not counted by samples")
    if moved <= CHANGE:
        yield _by_place(scene, named, size)
        return
    coupled = (loss := scene.answer("samples-in-loss")) and loss.outcome is Outcome.NOTED
    routed = _routed(before, after, size) and progress(scene.trace).fine
    pairs = distances.taken or (before.ndim > 1 and before.shape[1] == size)
    by_design = pairs or coupled or routed
    where = _first(layers, others, lambda b, a: _moved(b, a, size))
    known = not by_design and (subject.collated or _are_samples(subject, named, size))
    yield Said(
        outcome=Outcome.WRONG if known else Outcome.NOTED,
        said=f"exchanging one sample changes the other samples' outputs by {number(100 * moved)} % of their spread"
        + (f", first in {where}" if where else "")
        + _turned(subject.model.get_submodule(where), layers.get(where), size),
        measured=100 * moved,
        limit=100 * CHANGE,
        unit="%",
        layers=(where,) if where else (),
        supports=("mixed-samples",) if known else (),
    )


def _by_place(scene: Scene, named: Mapping[str, Tensor], size: int) -> Said:
    """Compare the outputs of the same samples in another order."""
    subject, order = scene.subject, other_order(size)
    batch, last = subject.batches[0], subject.inputs(subject.batches[-1])
    placed = {name: t[order.to(t.device)] for name, t in named.items() if t.ndim}
    stays = Said(outcome=Outcome.FINE, said="outputs of the other samples stay as they were")
    with quietly(subject):
        before, layers, given = _outputs(scene, batch, None)
        after, others, given_after = _outputs(scene, batch, placed)
        moved, limit = moved_by_place(before, after, order), max(CHANGE, rounding(layers.values()))
        if moved <= limit or not in_order(given, given_after, order) or goes_on(subject, batch):
            return stays
    where = _first(layers, others, lambda b, a: moved_by_place(b, a, order))
    repeated = all(n in last and torch.equal(t, last[n]) for n, t in named.items())
    known = not repeated and (subject.collated or _are_samples(subject, named, size))
    return Said(
        outcome=Outcome.WRONG if known else Outcome.NOTED,
        said="a sample's output depends on its place in the batch: with the samples in another order, the outputs of "
        f"a quarter of them change by {number(100 * moved)} % of their spread or more"
        + (f", first in {where}" if where else ""),
        measured=100 * moved,
        limit=100 * limit,
        unit="%",
        layers=(where,) if where else (),
        supports=("mixed-samples",) if known else (),
    )


class _Distances(TorchFunctionMode):
    """Note whether each sample is held against each other one; a product of all with all may be a mistake."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.taken = size, False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in DISTANCES and isinstance(result, Tensor):
            given, square = [a for a in args if isinstance(a, Tensor)], (self.size, self.size)
            alike = len({a.ndim for a in given}) == 1  # [B, 1] less [B] is such a square by mistake
            other = all(a.shape[:2] != square for a in given)
            self.taken |= result.shape[:2] == square and alike and other
        return result


def _turned(module: nn.Module, output: Tensor | None, size: int) -> str:
    if getattr(module, "batch_first", True) or output is None or len(output) != size:
        return ""
    return ": it takes the first dimension for positions; with batch_first=True, for samples"


def _are_samples(subject: Subject, named: Mapping[str, Tensor], size: int) -> bool:
    """Has each row a target, in batches that differ? The same rows each time are one whole, as in a graph."""
    target = subject.targets(subject.batches[0])
    each = isinstance(target, Tensor) and target.ndim == 1 and len(target) == size
    ordered = any(isinstance(m, _OF_SEQUENCES) for m in subject.model.modules())
    alone = any(t.ndim < (3 if ordered and t.is_floating_point() else 2) for t in named.values())
    last = subject.inputs(subject.batches[-1])
    same = all(n in last and torch.equal(t, last[n]) for n, t in named.items())
    square = any(t.ndim > 1 and t.shape[1] == size for t in named.values())
    related = square and not _takes_half(subject, named, size)  # as an adjacency does
    # `alone`: the rows are those of a single sequence
    return each and not alone and not same and not related


def _takes_half(subject: Subject, named: Mapping[str, Tensor], size: int) -> bool:
    """Does the model run on half of the rows? What relates all rows with all takes no fewer of them."""
    half = {name: t[: size // 2] for name, t in named.items() if t.ndim}
    try:
        with quietly(subject):
            drawn_alike(subject, subject.batches[0], half)
    except OutOfTimeError:
        raise
    except THEIRS:  # the user's code refuses them
        return False
    return True


def _refuse_batch_statistics(model: nn.Module) -> None:
    for module in model.modules():
        norm = isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001
        if norm and module.running_mean is None:
            raise NotApplicableError("batch normalization without running statistics mixes samples")


def _with_other_middle(tensor: Tensor) -> Tensor:
    """Return the batch with its first sample in place of the middle one.

    What runs along the batch as along time reaches only samples that come later, or earlier.
    """
    other = tensor.clone()
    other[len(tensor) // 2] = tensor[0]
    return other


def _outputs(
    scene: Scene, batch: Any, inputs: dict[str, Tensor] | None
) -> tuple[Tensor, dict[str, Tensor], Any]:
    """Return the main output, the first output tensor of every layer, and what the model was given."""
    subject, seen, given = scene.subject, dict[str, Tensor](), list[Any]()
    names = {module: name for name, module in subject.model.named_modules()}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        tensors = tensors_in(output)
        if tensors and names[module] and names[module] not in seen:
            seen[names[module]] = tensors[0].detach().clone()
        given[:] = [inputs]  # the outermost ends last

    with hooked(names, note):
        return drawn_alike(subject, batch, inputs), seen, given[-1] if given else ()


def _moved(before: Tensor, after: Tensor, size: int) -> float | None:
    """Return the largest change of the other samples' values, relative to their spread."""
    if before.shape != after.shape or not before.ndim or len(before) % size:
        return None
    value = float(_changes(before, after, size)[0].max())
    return value if isfinite(value) else None


def _routed(before: Tensor, after: Tensor, size: int) -> bool:
    """Are few other samples reached, and none as strongly as the one that was exchanged?

    Routing displaces a few; a transpose, a softmax or a sum in the wrong place reaches more, or
    gives a sample's values to others instead of to itself.
    """
    others, own = _changes(before, after, size)
    return float((others > CHANGE).float().mean()) < FEW and bool(own >= others.max())


def _changes(before: Tensor, after: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the largest change of each other sample's values (size - 1,), and of the exchanged one's.

    Both are relative to the spread of all outputs.
    """
    gap = (after - before).reshape(size, -1)
    rest = torch.arange(size, device=gap.device) != size // 2
    spread = float(before.std()) if before.numel() > 1 else 0.0
    changes = gap.abs().amax(1) / max(spread, 1e-3 * float(before.abs().max()), 1e-12)
    return changes[rest], changes[size // 2]


def _first(
    before: dict[str, Tensor],
    after: dict[str, Tensor],
    moved: Callable[[Tensor, Tensor], float | None],
) -> str:
    for name, tensor in before.items():
        other = after.get(name)
        if other is None or other.shape != tensor.shape or not tensor.is_floating_point():
            continue
        if (moved(tensor.float(), other.float()) or 0.0) > CHANGE:
            return name
    return ""
