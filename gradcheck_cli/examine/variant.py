"""The run from its start with one thing changed, and how far it comes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from inspect import signature
from math import inf, isfinite
from statistics import mean, median
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.against_constant import Reference
from gradcheck_cli.examine.common import one_step
from gradcheck_cli.examine.constants import repriced
from gradcheck_cli.examine.passes_over import evaluating, least_loss, losses
from gradcheck_cli.examine.subject import Subject

Loss = Callable[[Any], Tensor]
LOOKS = 3  # of which the median counts: a single step of a fast run may throw its loss up
APART = 4  # steps between them


@dataclass(frozen=True, slots=True)
class Variant:
    """The run with one thing changed."""

    name: str = ""  # of the answer
    words: str = ""  # with a tenth of the learning rate
    supports: tuple[str, ...] = ()
    edit: Callable[[Subject], None] = lambda _: None  # of weights or of the optimizer's groups
    inputs: Callable[[Any], Mapping[str, Tensor]] | None = None  # what a batch gives the model
    outputs: Callable[[Tensor], Tensor] | None = None  # what the loss is given
    refitted: bool = False  # outputs are read in another way, so that zeros say nothing
    loss: Loss | None = None  # in place of the user's, for the gradient alone
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    adam: float | None = None  # learning rate of Adam in place of the user's optimizer
    freed: tuple[Tensor, ...] = ()  # frozen parameters that are trained as well

    def loss_of(self, subject: Subject, *, silent: bool = False) -> Loss | None:
        """Return the loss of a batch, None where it is the user's own; `silent`: of outputs of zero."""
        inputs, outputs = self.inputs, self.outputs
        if inputs is None and outputs is None:
            return self.loss

        def loss(batch: Any) -> Tensor:
            raw = subject.outputs(batch, inputs(batch) if inputs is not None else None)
            main = subject.main(raw)
            main = torch.zeros_like(main) if silent else main
            changed = outputs(main) if outputs is not None else main
            return subject.loss(subject.with_main(raw, changed), batch)

        return loss

    def step_of(self, subject: Subject) -> Callable[[Any, Loss | None], float]:
        """Return what trains on a batch once; the user's own step, or one of Adam."""
        if self.freed:
            return self._with_freed(subject)
        if self.adam is None:
            return subject.step
        held = [p for p in subject.model.parameters() if p.requires_grad]
        made = torch.optim.Adam(held, lr=self.adam)
        return lambda batch, loss: one_step(
            [made], lambda: (loss or subject.total)(batch), _unclipped
        )

    def _with_freed(self, subject: Subject) -> Callable[[Any, Loss | None], float]:
        """Return a step after which an optimizer of the same kind moves what was frozen."""
        for parameter in self.freed:
            parameter.requires_grad_()
        first = subject.optimizers[0]
        known = signature(type(first).__init__).parameters
        fastest = max(first.param_groups, key=lambda g: float(g.get("lr") or 0.0))
        group = {**first.defaults, **fastest}
        more = type(first)(
            self.freed, **{k: v for k, v in group.items() if k in known and k != "params"}
        )

        def step(batch: Any, loss: Loss | None) -> float:
            more.zero_grad()
            value = subject.step(batch, loss)
            more.step()
            return value

        return step

    def beside(self, other: "Variant") -> "Variant | None":
        """Return both changes as one; None where they exchange the same thing."""
        clash = (self.inputs and other.inputs) or (self.outputs and other.outputs)
        if clash or self.loss or other.loss or self.adam or other.adam or self.freed or other.freed:
            return None

        @contextmanager
        def around() -> Any:
            with ExitStack() as stack:
                stack.enter_context(self.around())
                stack.enter_context(other.around())
                yield

        def edit(subject: Subject) -> None:
            self.edit(subject)
            other.edit(subject)

        return Variant(
            "two-changes",
            f"{self.words} and {other.words}",
            (*self.supports, *other.supports),
            edit,
            self.inputs or other.inputs,
            self.outputs or other.outputs,
            self.refitted or other.refitted,
            None,
            around,
        )


def _unclipped(_: Sequence[Tensor]) -> None:
    """Take gradients as they are."""


def share_of(
    subject: Subject, variant: Variant, batches: Sequence[Any], reference: Reference
) -> float:
    """Return how far below the best constant the changed run ends, as a share of what can be gained."""
    looks: list[float] = []
    with subject.at("start"), variant.around():
        variant.edit(subject)
        loss, step = variant.loss_of(subject), variant.step_of(subject)
        measured = None if variant.loss is not None else loss
        for left, batch in zip(range(len(batches))[::-1], batches, strict=True):
            if not isfinite(step(batch, loss)):
                return float("-inf")
            if left % APART == 0 and left < LOOKS * APART:
                looks.append(least_loss(subject, partial(mean_loss, subject, measured)))
        with evaluating(subject.model):
            level = _level(subject, variant, reference)
    scale = level if variant.refitted else reference.scale
    end = median(looks) if looks else inf
    return (level - end) / (scale or 1.0) if isfinite(end) else float("-inf")


def _level(subject: Subject, variant: Variant, reference: Reference) -> float:
    """Return what saying nothing costs, at the present weights and in the way that outputs are read."""
    if not variant.refitted:
        return mean(repriced(subject, reference.constant))
    return mean_loss(subject, variant.loss_of(subject, silent=True))


def mean_loss(subject: Subject, loss: Loss | None) -> float:
    """Return the mean of the user's loss of the fixed batches, or of another one."""
    if loss is None:
        return mean(losses(subject))
    with torch.no_grad():
        return mean(float(loss(batch)) for batch in subject.batches)
