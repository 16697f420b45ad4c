"""What experiments need of a training, whoever wrote its loop."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Moment = Literal["start", "now"]


class NotApplicableError(Exception):
    """A question that cannot be put to this training; the message is the reason."""


class OutOfTimeError(NotApplicableError):
    """A question that could be put, had there been time."""


class Subject(Protocol):
    """A training as experiments see it.

    `batches` are the first ones of the training, the same each time. What happens inside `at` leaves
    no trace: weights, buffers, gradients, flags, modes, optimizer state and chance come back bit for
    bit, also after an exception.
    """

    @property
    def model(self) -> nn.Module:
        """The model that is trained."""

    @property
    def optimizers(self) -> Sequence[Optimizer]:
        """Its optimizers."""

    @property
    def device(self) -> torch.device:
        """Where it is trained."""

    @property
    def batches(self) -> Sequence[Any]:
        """A few batches, on the device."""

    @property
    def collated(self) -> bool:
        """Is the first dimension known to count samples that were put together?"""

    def more(self) -> Iterator[Any]:
        """Yield further batches, as training would go on, until there are no more."""

    def further(self, most: int) -> Sequence[Any]:
        """Return other batches than the fixed ones, each once, at most so many."""

    @property
    def steps_per_pass(self) -> int | None:
        """How many batches one pass over the data holds; None where nobody knows."""

    @property
    def ended(self) -> bool:
        """Was it seen to the end that was meant for it? Then nothing goes on."""

    def apart(self) -> tuple[Iterator[Any], Sequence[Any]]:
        """Return endless batches of most samples, and batches of others.

        Raises NotApplicableError where samples cannot be told apart.
        """

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """Return the tensors that are handed to the model, each by its name."""

    def targets(self, batch: Any) -> Any:
        """Return what the outputs are compared with, or None."""

    def outputs(self, batch: Any, inputs: Mapping[str, Tensor] | None = None) -> Any:
        """Return what the loss is computed from; with some of the inputs exchanged by name.

        Raises NotApplicableError where the loss does not call the model once.
        """

    def main(self, outputs: Any) -> Tensor:
        """Return the tensor in the outputs that is compared with targets; raises NotApplicableError."""

    def with_main(self, outputs: Any, tensor: Tensor) -> Any:
        """Return the outputs with another main tensor."""

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """Return the user's own loss of any outputs; raises NotApplicableError where it is not separate."""

    def total(self, batch: Any) -> Tensor:
        """Return the loss of the model on a batch, as the training computes it."""

    def step(self, batch: Any, loss_of: Callable[[Any], Tensor] | None = None) -> float:
        """Train on a batch once, with the user's optimizers; return the loss before the step.

        `loss_of` is minimized in place of `total`. Raises NotApplicableError with several optimizers.
        """

    def at(self, moment: Moment) -> AbstractContextManager[None]:
        """Look at the training before its first step, or as it is now."""


class Only:
    """A subject whose fixed batches are other ones."""

    def __init__(self, subject: Subject, batches: Sequence[Any]) -> None:
        self._subject, self.batches = subject, tuple(batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subject, name)
