"""What the experiments on sequences share: tokens, and outputs with some of them exchanged."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.passes_over import evaluating, without_dropout
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.targets.randomness import seed_everything

SHORTEST = 4
CHANGE = 1e-4  # of the spread of outputs: above rounding in float32


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a batch [samples, positions], by the name of their argument."""

    name: str
    batch: Any
    values: Tensor


def tokens_of(subject: Subject) -> Tokens:
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
            return Tokens(name, batch, tensor)
    raise NotApplicableError("no input is a sequence of tokens")


@contextmanager
def quietly(subject: Subject) -> Iterator[None]:
    """Look at the model as it is now: evaluation mode, no dropout, no gradients."""
    with ExitStack() as stack:
        stack.enter_context(subject.at("now"))
        stack.enter_context(evaluating(subject.model))
        stack.enter_context(without_dropout())
        stack.enter_context(torch.no_grad())
        yield


def outputs_of(subject: Subject, tokens: Tokens, values: Tensor | None = None) -> Tensor:
    """Return the main output for other tokens in their place, positions second."""
    inputs = None if values is None else {tokens.name: values}
    seed_everything(0)  # a model that draws noise draws the same each time
    found = subject.main(subject.outputs(tokens.batch, inputs)).float()
    length = tokens.values.shape[1]
    if found.ndim == 3 and found.shape[2] == length != found.shape[1]:
        return found.transpose(1, 2)  # classes come before positions, as cross_entropy takes them
    return found


def per_position(output: Tensor, tokens: Tokens) -> bool:
    """Is there an output for each position?"""
    return output.ndim >= 2 and output.shape[:2] == tokens.values.shape


def change(before: Tensor, after: Tensor, spread: float) -> float:
    """Return the largest difference relative to the spread of outputs."""
    return float((after - before).abs().max()) / max(spread, 1e-12) if before.numel() else 0.0
