"""Does the output of a sample depend on the other samples?"""

from collections.abc import Iterator
from contextlib import ExitStack
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import evaluating, without_dropout
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything
from gradcheck_cli.targets.wording import tensors_in

CHANGE = 1e-3  # of an output, relative to the spread of outputs: far above rounding in float32
FEWEST = 4  # samples


@experiment("samples-in-model", "Is a sample's output independent of the other samples?")
def samples_in_model(scene: Scene) -> Iterator[Said]:
    """Exchange a sample in the middle of a batch for another one and compare the outputs of the rest.

    Procedure  in evaluation mode, without dropout, so that normalization over the batch takes no part; the
               first layer whose output changes for other samples is named.
    Answers    fine: nothing changes. Wrong: other samples' outputs change by more than 0.1 % of their spread:
               a view, reshape or transpose mixes samples, or a softmax or sum runs over the batch. Noted
               where the model compares samples by design or the batch is not known to hold samples.
    Costs      two forward passes.
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
    with ExitStack() as stack:
        stack.enter_context(subject.at("now"))
        stack.enter_context(evaluating(subject.model))
        stack.enter_context(without_dropout())
        stack.enter_context(torch.no_grad())
        before, layers = _outputs(scene, batch, None)
        after, others = _outputs(scene, batch, changed)
    output, moved = before, _moved(before, after, size)
    if moved is None:
        raise NotApplicableError("outputs are not counted by samples")
    if moved <= CHANGE:
        yield Said(outcome=Outcome.FINE, said="outputs of the other samples stay as they were")
        return
    coupled = next((a for a in scene.answers if a.name == "samples-in-loss"), None)
    by_design = (output.ndim > 1 and output.shape[1] == size) or _is_coupled(coupled)
    where = _first_that_mixes(layers, others, size)
    known = subject.collated and not by_design
    yield Said(
        outcome=Outcome.WRONG if known else Outcome.NOTED,
        said=f"exchanging one sample changes the other samples' outputs by {number(100 * moved)} % of their spread"
        + (f", first in {where}" if where else ""),
        measured=100 * moved,
        limit=100 * CHANGE,
        unit="%",
        layers=(where,) if where else (),
        supports=("mixed-samples",) if known else (),
    )


def _is_coupled(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome is Outcome.NOTED


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
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the main output and the first output tensor of every layer."""
    subject, seen = scene.subject, dict[str, Tensor]()

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensors = tensors_in(output)
            if tensors and name not in seen:
                seen[name] = tensors[0].detach().clone()

        return hook

    seed_everything(0)  # a model that draws noise draws the same each time
    handles = [m.register_forward_hook(note(n)) for n, m in subject.model.named_modules() if n]
    try:
        return subject.main(subject.outputs(batch, inputs)).float(), seen
    finally:
        for handle in handles:
            handle.remove()


def _moved(before: Tensor, after: Tensor, size: int) -> float | None:
    """Return the largest change of the other samples' values, relative to their spread."""
    if before.shape != after.shape or not before.ndim or len(before) % size:
        return None
    each = len(before) // size
    gap = (after - before).unflatten(0, (size, each))
    rest = torch.arange(size, device=gap.device) != size // 2
    gap = gap[rest]
    spread = float(before.std()) if before.numel() > 1 else 0.0
    size_of = max(spread, 1e-3 * float(before.abs().max()), 1e-12)
    value = float(gap.abs().max())
    return value / size_of if isfinite(value) else None


def _first_that_mixes(before: dict[str, Tensor], after: dict[str, Tensor], size: int) -> str:
    for name, tensor in before.items():
        other = after.get(name)
        if other is None or other.shape != tensor.shape or not tensor.is_floating_point():
            continue
        moved = _moved(tensor.float(), other.float(), size)
        if moved is not None and moved > CHANGE:
            return name
    return ""
