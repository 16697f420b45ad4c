"""What the experiments on sequences share: tokens, and outputs with some of them exchanged."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gradcheck_cli.examine.passes_over import drawn_alike, hooked
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.rules.base import number

SHORTEST = 4
NONE = 1e-6  # of the size of outputs: a spread that is nothing but rounding
TIMES = 10.0  # from which on nobody reads percent
CHANGE = 1e-4  # of the spread of outputs: above rounding in float32


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of sequences [samples, positions, ...] or [positions, samples, ...], by their argument's name."""

    name: str
    batch: Any
    values: Tensor
    axis: int = 1  # of positions: 0 or 1

    @property
    def length(self) -> int:
        """How many positions there are."""
        return self.values.shape[self.axis]


def tokens_of(subject: Subject) -> Entries:
    """Return the first batch's tokens; raises NotApplicableError where no input holds any."""
    batch = subject.batches[0]
    for name, tensor in subject.inputs(batch).items():
        whole = not tensor.is_floating_point() and not tensor.is_complex()
        if (
            whole
            and tensor.ndim == 2
            and tensor.shape[1] >= SHORTEST
            and tensor.unique().numel() > 3
        ):
            return Entries(name, batch, tensor)
    raise NotApplicableError(f"no input is a sequence of {SHORTEST} or more tokens")


def outputs_of(subject: Subject, tokens: Entries, values: Tensor | None = None) -> Tensor:
    """Return the main output for other tokens in their place, positions second."""
    inputs = None if values is None else {tokens.name: values}
    found = drawn_alike(subject, tokens.batch, inputs)
    length = tokens.values.shape[1]
    if found.ndim == 3 and found.shape[2] == length != found.shape[1]:
        return found.transpose(1, 2)  # classes come before positions, as cross_entropy takes them
    return found


def per_position(output: Tensor, tokens: Entries) -> bool:
    """Is there an output for each position?"""
    return output.ndim >= 2 and output.shape[:2] == tokens.values.shape


def of_spread(moved: float) -> str:
    """Say how far outputs moved, from the share of their spread."""
    return f"{number(moved)} times" if moved >= TIMES else f"{number(100 * moved)} % of"


def spread_of(output: Tensor) -> float:
    """Return how far outputs of different samples lie apart; raises NotApplicableError where they do not."""
    apart = float((output - output.mean(0)).square().mean().sqrt())
    if apart <= NONE * float(output.abs().max()):
        raise NotApplicableError("the outputs are the same for all samples")
    return apart


def seen_at(subject: Subject, tokens: Entries, values: Tensor | None = None) -> list[Tensor]:
    """Return the output; behind a single one for all positions, that of the last layer that has one at each."""
    inner: list[Tensor] = []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim > 2 and per_position(output, tokens):
            inner[:] = [output.detach().float()]

    with hooked(subject.model.modules(), note):
        output = outputs_of(subject, tokens, values)
    return [output, *([] if per_position(output, tokens) else inner)]


def change(before: Tensor, after: Tensor, spread: float) -> float:
    """Return the largest difference relative to the spread of outputs."""
    return float((after - before).abs().max()) / max(spread, 1e-12) if before.numel() else 0.0
