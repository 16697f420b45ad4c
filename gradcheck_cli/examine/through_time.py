"""Does a recurrent network remember, and do gradients come back through its memory?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import drawn_alike, hooked, quietly
from gradcheck_cli.examine.sequences import CHANGE, SHORTEST, Entries, change, of_spread
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome


@experiment(
    "through-time",
    "Does the memory of a recurrent network carry gradients?",
    positions_used="Does a recurrent network's output follow from more than the first position?",
)
def through_time(scene: Scene) -> Iterator[Said]:
    """Exchange the beginning of sequences, and follow gradients from the outputs back to it.

    Procedure  where a layer runs once for each position or is recurrent: all positions but the last one are
               taken from other samples; with an output at each position, those up to the first that differs.
               Where outputs behind change, the gradient of those outputs at the input (or at its embedding).
    Answers    fine: outputs change, and gradients come back. Wrong: outputs do not change: the state is not
               carried from one position to the next; or they change and no number of the gradient behind the
               last position differs from zero: the state is detached at each position. Noted: gradients come
               back from a part of the positions (truncated in time), or from all while outputs do not change: the past fades.
               Wrong, too: gradients come back to the first position only, and other positions behind it change nothing.
    Costs      four forward passes and a backward pass.
    Sources    Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490 (truncated backpropagation through time).
    """
    subject, found = scene.subject, list[tuple[float, int, int]]()
    # cuDNN's recurrent layers have no backward pass in evaluation mode
    with quietly(subject, gradients=True), torch.backends.cudnn.flags(enabled=False):
        for series in _series(subject):
            before, reached = _with_gradient(subject, series)
            everywhere, length = before.shape[:2] == series.values.shape[:2], series.length
            if not everywhere and len(before) != series.values.shape[1 - series.axis]:
                continue  # positions and samples are the other way round
            if not everywhere and reached[0] and not any(reached[1:]):
                yield from _of_the_first(subject, series, before)
            other = series.values.clone()
            unlike = (other != other.roll(1, 1 - series.axis)).movedim(series.axis, 0).flatten(1)
            begins = next((i for i, row in enumerate(unlike) if row.any()), length)
            if begins >= length - 1:
                continue  # samples are alike, as where all begin with one token
            past = other.narrow(series.axis, 0, begins + 1 if everywhere else length - 1)
            past.copy_(past.roll(1, 1 - series.axis))
            after = drawn_alike(subject, series.batch, {series.name: other}).detach()
            whole = before
            if everywhere:
                rest = length - 1 - begins
                before, after = (x.narrow(series.axis, begins + 1, rest) for x in (before, after))
            far = next((length - i for i, size in enumerate(reached) if size), 0)
            moved = change(before, after, float(before.std()))
            if moved > CHANGE or not everywhere or _samples_apart(subject, series, whole):
                found.append((moved, far, length))
    if not found:
        raise NotApplicableError(
            f"no recurrent layer reads sequences of {SHORTEST} or more positions that differ early on"
        )
    changed = [f for f in found if f[0] > CHANGE]
    yield _said(*(min if changed else max)(changed or found, key=lambda f: f[1]))


def _samples_apart(subject: Subject, series: Entries, before: Tensor) -> bool:
    """Do outputs stay as they are with another first sample? Columns that are as many as classes are no samples."""
    other = series.values.transpose(0, series.axis ^ 1).clone()
    other[0] = other[1]
    values = other.transpose(0, series.axis ^ 1)
    after = drawn_alike(subject, series.batch, {series.name: values}).detach()
    rest = before.shape[1 - series.axis] - 1
    kept, now = (x.narrow(1 - series.axis, 1, rest) for x in (before, after))
    return change(kept, now, float(before.std())) <= CHANGE


def _of_the_first(subject: Subject, series: Entries, before: Tensor) -> Iterator[Said]:
    """Say where outputs stay as they are with other positions behind the first."""
    other, behind = series.values.clone(), series.length - 1
    rest = other.narrow(series.axis, 1, behind)
    rest.copy_(rest.roll(1, 1 - series.axis))
    after = drawn_alike(subject, series.batch, {series.name: other}).detach()
    moved = change(before, after, float(before.std()))
    if moved <= CHANGE:
        yield Said(
            about="positions-used",
            outcome=Outcome.WRONG,
            said=f"outputs do not change with the last {behind} of {series.length} positions of {series.name}: they are made "
            "after the first one; that after the last one knows them all",
            measured=100 * moved,
            limit=100 * CHANGE,
            unit="%",
            supports=("unused-input",),
        )


def _said(moved: float, far: int, length: int) -> Said:
    """Say what a change of the past makes of the outputs, and from how far gradients come back."""
    if moved > CHANGE and not far:
        raise NotApplicableError("no gradient reaches the input")
    if moved <= CHANGE:
        fades = far > 1  # what a gradient comes back from is carried, however little of it
        return Said(
            outcome=Outcome.NOTED if fades else Outcome.WRONG,
            said="outputs hardly change with the positions before: what they leave in the state fades away"
            if fades
            else "outputs do not change with the positions before: the state is not carried from one "
            "position to the next",
            measured=100 * moved,
            limit=100 * CHANGE,
            unit="%",
            supports=() if fades else ("state-not-carried",),
        )
    cut = far <= 1
    return Said(
        outcome=Outcome.WRONG if cut else Outcome.NOTED if far < length else Outcome.FINE,
        said=f"earlier positions change the outputs by {of_spread(moved)} their spread, "
        f"and the gradient reaches {far} of {length} positions"
        + (": the state is detached at each position" if cut else ""),
        measured=float(far),
        limit=1.0,
        unit="positions",
        supports=("detached-graph",) if cut else (),
    )


def _series(subject: Subject) -> Iterator[Entries]:
    """Yield the input that recurrent layers may read, once with positions second and once with them first."""
    most = max(_calls(subject).values(), default=0)
    recurrent = any(isinstance(m, nn.RNNBase) for m in subject.model.modules())
    for name, x in subject.inputs(subject.batches[0]).items():
        if x.ndim != (3 if x.is_floating_point() else 2) or x.shape[0] < 2 or x.shape[1] < 2:
            continue
        for axis in (1, 0):
            if x.shape[axis] >= SHORTEST and (recurrent or most >= x.shape[axis] - 1):
                yield Entries(name, subject.batches[0], x, axis)
        return


def _calls(subject: Subject) -> dict[nn.Module, int]:
    """Return how often each layer with weights runs in a forward pass, on less than whole sequences."""
    counts: dict[nn.Module, int] = {}
    whole = {x.shape[:2] for x in subject.inputs(subject.batches[0]).values()}

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if not (isinstance(output, Tensor) and output.ndim > 2 and output.shape[:2] in whole):
            counts[module] = counts.get(module, 0) + 1

    weighted = [m for m in subject.model.modules() if next(m.parameters(False), None) is not None]
    with hooked(weighted, note), quietly(subject):
        subject.outputs(subject.batches[0])
    return counts


def _with_gradient(subject: Subject, series: Entries) -> tuple[Tensor, list[float]]:
    """Return the outputs, and the size of the gradient of the last of them at each input position."""
    seen: list[Tensor] = []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.shape[:2] == series.values.shape and not seen:
            seen.append(output.requires_grad_())

    tables, values = [m for m in subject.model.modules() if isinstance(m, nn.Embedding)], None
    if series.values.is_floating_point():
        values = series.values.detach().clone().requires_grad_()
        seen.append(values)
    with hooked(tables, note):
        inputs = None if values is None else {series.name: values}
        found = drawn_alike(subject, series.batch, inputs)
    if not seen or not found.requires_grad:
        raise NotApplicableError("the input has no gradient that could be followed")
    everywhere = found.shape[:2] == series.values.shape[:2]
    last = found.select(series.axis, series.length - 1) if everywhere else found
    [slope] = torch.autograd.grad(last.square().sum(), [seen[0]], materialize_grads=True)
    return found.detach(), slope.abs().movedim(series.axis, 0).flatten(1).amax(1).tolist()
