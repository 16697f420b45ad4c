"""What experiments do alike on every training, whoever wrote its loop."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.targets.graph import node_of
from gradcheck_cli.targets.optimizers import held_by
from gradcheck_cli.targets.wording import map_tensors

SAMPLES = 128  # that the fixed batches hold together, where a batch is small
MOST_BATCHES = 16
ONWARDS = 0x0A11  # seed of the batches that come after


def batches_of(size: int) -> int:
    """Return how many batches of this size the fixed ones are."""
    return min(max(-(-SAMPLES // max(size, 1)), 2), MOST_BATCHES)


def real(tensor: Tensor | None) -> Tensor:
    """Return the main output. Raises NotApplicableError where it is no tensor of real numbers."""
    if tensor is None or not tensor.is_floating_point() or not tensor.ndim:
        raise NotApplicableError("the model's output holds no tensor of real numbers")
    return tensor


def exchanged(outputs: Any, now: Tensor, tensor: Tensor) -> Any:
    """Return the outputs with another tensor in the place of `now`."""
    return map_tensors(outputs, lambda entry: tensor if entry is now else entry)


def one_step(
    optimizers: Sequence[Optimizer],
    loss_of: Callable[[], Tensor],
    finish: Callable[[Sequence[Tensor]], None],
    scale: float = 1.0,
) -> float:
    """Take one step without schedules and return the loss before it.

    `finish` is given the parameters once they have their gradients: it clips. `scale` is that of the
    loss in the backward pass. Raises NotApplicableError with several optimizers or without a gradient.
    """
    if len(optimizers) != 1:
        raise NotApplicableError(f"{len(optimizers)} optimizers train this")
    [optimizer] = optimizers
    held = held_by(optimizer)
    last = float("nan")

    def closure() -> float:
        nonlocal last
        optimizer.zero_grad()
        loss = loss_of()
        if not loss.requires_grad:
            raise NotApplicableError("the loss has no gradient")
        (loss * scale if scale != 1.0 else loss).backward()
        if scale != 1.0:
            torch._foreach_div_([p.grad for p in held if p.grad is not None], scale)
        finish(held)
        last = float(loss.detach())
        return last

    if isinstance(optimizer, torch.optim.LBFGS):
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()
    return last


ENTANGLED = (
    "the loss reads another output, too, that the model computes from the one compared with targets"
)


def entangled(subject: Subject) -> bool:
    """Return whether outputs that are written by hand would contradict each other.

    So it is where a model hands out scores and their normalization, as of a conditional random field.
    """
    batch = subject.batches[0]
    try:
        with subject.at("now"), torch.enable_grad():
            outputs = subject.outputs(batch)
            main = subject.main(outputs)
            others = [t for t in tensors_in(outputs) if t is not main and node_of(t) is not None]
            if not others or node_of(main) is None:
                return False
            made = main.detach().requires_grad_()
            loss = subject.loss(subject.with_main(outputs, made), batch)
            read = _slopes(loss, [made, *others])
            used = [t for t, slope in zip(others, read[1:], strict=True) if slope is not None]
            return read[0] is not None and any(
                _slopes(t.sum(), [main])[0] is not None for t in used
            )
    except (NotApplicableError, RuntimeError):  # no graph, or none twice
        return False


def _slopes(of: Tensor, by: list[Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(of, by, retain_graph=True, allow_unused=True)
