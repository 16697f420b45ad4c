"""Experiments on a training that gradcheck builds from its parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.errors import GradcheckError, wording
from gradcheck_cli.examine.common import ONWARDS, batches_of, exchanged, one_step, real
from gradcheck_cli.examine.passes_over import hooked
from gradcheck_cli.examine.snapshot import Snapshot, restored
from gradcheck_cli.examine.subject import Moment, NotApplicableError
from gradcheck_cli.targets.calling import (
    TARGET_NAMES,
    Arranged,
    by_name,
    forward_names,
    main_output,
)
from gradcheck_cli.targets.loop import eager
from gradcheck_cli.targets.losses import Objective, call_model, checked_scalar
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from gradcheck_cli.targets.wording import map_tensors, moved, tensors_in


def subject_of(target: Target, training: Training) -> "TargetSubject | None":
    """Return `training` for experiments, with its present state as its start.

    None where its own code trains as a whole or other ranks take part.
    """
    if training.objective is None or target.options.strategy is not None:
        return None
    with unchanged():
        first = target.parts.data.first(target.seed, 1)
        size = next((len(t) for t in tensors_in(first) if t.ndim), 1) or 1
        drawn = target.parts.data.first(target.seed, batches_of(size))
    batches = tuple(moved(batch, training.device) for batch in drawn)
    return TargetSubject(
        target=target, training=training, objective=training.objective, batches=batches
    )


@dataclass(slots=True)
class TargetSubject:
    """A training built from a Target; see `Subject`."""

    target: Target
    training: Training
    objective: Objective
    batches: tuple[Any, ...]
    ended: bool = False
    _start: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        self._start = Snapshot(self._roots, self.optimizers)

    @property
    def model(self) -> nn.Module:
        """The model that is trained."""
        return self.training.model

    @property
    def optimizers(self) -> Sequence[Optimizer]:
        """Its optimizers."""
        return self.training.optimizers

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return self.training.device

    @property
    def collated(self) -> bool:
        """Does the data give single samples, which a loader puts together?"""
        return self.target.parts.data.divide is not None

    @property
    def _roots(self) -> tuple[nn.Module, ...]:
        criterion = self.objective.criterion
        return (self.model, *([criterion] if isinstance(criterion, nn.Module) else ()))

    def more(self) -> Iterator[Any]:
        """Yield further batches, drawn in another order."""
        with unchanged():
            row = self.target.parts.data.endless(self.target.seed ^ ONWARDS)
        for batch in row:
            yield moved(batch, self.device)

    def further(self, most: int) -> Sequence[Any]:
        """Return batches of one pass, drawn in another order."""
        return tuple(islice(self.more(), min(most, self.steps_per_pass or most)))

    @property
    def steps_per_pass(self) -> int | None:
        """How many batches one pass over the data holds; None where it has no length."""
        with unchanged():
            row = self.target.parts.data.begin()
            return len(row) if isinstance(row, Sized) else None

    def apart(self) -> tuple[Iterator[Any], Sequence[Any]]:
        """Return endless batches of nine tenths of the samples, and batches of the others."""
        divide = self.target.parts.data.divide
        with unchanged():
            parts = divide(torch.Generator().manual_seed(self.target.seed)) if divide else None
            if parts is None:
                raise NotApplicableError("the data cannot be parted into samples")
            most, rest = parts
            held = [moved(batch, self.device) for batch in rest.begin()]
        return (moved(b, self.device) for b in most.endless(self.target.seed ^ ONWARDS)), held

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """Return the tensors that are handed to the model, each by its name."""
        return dict(self._named(batch))

    def _named(self, batch: Any) -> Iterator[tuple[str, Tensor]]:
        if self.objective.whole is not None:
            target = self.targets(batch)
            own = [t for t in tensors_in(batch) if t is not target]
            yield from ((f"input {i}" if i else "input", t) for i, t in enumerate(own))
            return
        arranged = self._arranged(batch)
        names, _ = forward_names(self.model)
        given = {
            names[i] if i < len(names) else f"input {i}": x for i, x in enumerate(arranged.args)
        }
        for name, value in {**given, **by_name(names, arranged.kwargs)}.items():
            place = "{}[{}]" if isinstance(value, list | tuple) else "{}.{}"
            for i, tensor in enumerate(tensors_in(value)):
                if tensor is not arranged.target or self.objective.calling.itself:
                    yield name if tensor is value else place.format(name, i), tensor

    def _arranged(self, batch: Any) -> Arranged:
        return self.objective.arranged(self.model, batch)

    def targets(self, batch: Any) -> Any:
        """Return what the outputs are compared with, or None."""
        if self.objective.whole is None:
            return self._arranged(batch).target
        if isinstance(batch, Mapping):
            return next((batch[name] for name in TARGET_NAMES if name in batch), None)
        return batch[-1] if isinstance(batch, tuple | list) and len(batch) > 1 else None

    def outputs(self, batch: Any, inputs: Mapping[str, Tensor] | None = None) -> Any:
        """Return what the loss is computed from; see `Subject`."""
        with self._ordinary():
            if self.objective.whole is not None:
                return self._seen_by_whole(_exchanged(batch, self.inputs(batch), inputs))
            arranged = self._arranged(batch)
            if inputs:
                now = self.inputs(batch)
                arranged = replace(
                    arranged,
                    args=_exchanged(arranged.args, now, inputs),
                    kwargs=_exchanged(arranged.kwargs, now, inputs),
                )
            return call_model(self.model, arranged)

    def _seen_by_whole(self, batch: Any) -> Any:
        seen: list[Any] = []
        with hooked([self.model], lambda _m, _i, output: seen.append(output)):
            self.objective.compute(self.model, batch)
        if len(seen) != 1:
            raise NotApplicableError(f"the loss calls the model {len(seen)} times for a batch")
        return seen[0]

    def main(self, outputs: Any) -> Tensor:
        """Return the tensor that is compared with targets."""
        return real(main_output(outputs))

    def with_main(self, outputs: Any, tensor: Tensor) -> Any:
        """Return the outputs with another main tensor."""
        return exchanged(outputs, self.main(outputs), tensor)

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """Return the user's own loss of these outputs."""
        objective = self.objective
        with self._ordinary():
            if objective.whole is not None:
                return self._whole_of(outputs, batch)
            if objective.criterion is None:
                raise NotApplicableError("the model computes its loss itself")
            given = self.main(outputs) if objective.unwrap else outputs
            try:
                value = objective.criterion(given, self.targets(batch))
            except Exception as error:
                raise NotApplicableError(
                    f"the loss refuses other outputs: {wording(error)}"
                ) from error
            return checked_scalar(value, objective.name)

    def _whole_of(self, outputs: Any, batch: Any) -> Tensor:
        """Let the model return these outputs while the user's loss runs."""
        self.model.forward = lambda *_args, **_kwargs: outputs
        try:
            return self.objective.compute(self.model, batch).loss
        except GradcheckError as error:
            raise NotApplicableError(f"the loss refuses other outputs: {wording(error)}") from error
        finally:
            del self.model.forward

    def total(self, batch: Any) -> Tensor:
        """Return the loss of the model on a batch; the sum where there are several."""
        with self._ordinary():
            computed = self.objective.compute(self.model, batch)
        several = len(computed.parts) == len(self.optimizers) > 1
        return torch.stack(computed.parts).sum() if several else computed.loss

    def step(self, batch: Any, loss_of: Callable[[Any], Tensor] | None = None) -> float:
        """Train on a batch once, without schedules; return the loss before the step."""
        compute = loss_of or self.total
        return one_step(self.optimizers, lambda: compute(batch), self._clip)

    def _clip(self, held: Sequence[Tensor]) -> None:
        if self.training.clip is not None:
            nn.utils.clip_grad_norm_(held, self.training.clip)

    @contextmanager
    def at(self, moment: Moment) -> Iterator[None]:
        """Look at the training before its first step, or as it is now."""
        with restored(self._roots, self.optimizers), torch.enable_grad():
            if moment == "start":
                self._start.restore()
            seed_everything(self.target.seed)
            yield

    @contextmanager
    def _ordinary(self) -> Iterator[None]:
        """Compute as the training does: uncompiled, in its precision where no scaler is needed."""
        with ExitStack() as stack:
            stack.enter_context(eager())
            if self.training.precision == "bf16":
                stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16))
            yield


def _exchanged(value: Any, now: Mapping[str, Tensor], instead: Mapping[str, Tensor] | None) -> Any:
    if not instead:
        return value
    by_identity = {id(now[name]): tensor for name, tensor in instead.items()}
    return map_tensors(value, lambda tensor: by_identity.get(id(tensor), tensor))
