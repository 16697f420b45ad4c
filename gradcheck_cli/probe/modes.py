"""Dropout that acts where nothing is trained: calls in train mode without a graph."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from gradcheck_cli.probe.hooking import in_backward
from gradcheck_cli.probe.patches import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite


@dataclass(slots=True)
class ModeWatch:
    """Counts spells between updates in which dropout acted without a graph, and those it rested in."""

    updates: int = 0
    checkpointing: int = 0  # checkpoints that run their forward pass without a graph
    acting: set[int] = field(default_factory=set)  # numbers of updates before the spells
    resting: set[int] = field(default_factory=set)
    at: SourceSite | None = None

    def watch(self, stack: ExitStack) -> None:
        """Watch `torch.nn.functional.dropout`, which `nn.Dropout` calls, until the stack closes."""
        stack.enter_context(replaced(functional, "dropout", self._watch_dropout))

    def _watch_dropout(self, original: Any) -> Any:
        def dropout(
            input: Any,  # noqa: A002 - the name is torch's
            p: float = 0.5,
            training: bool = True,
            inplace: bool = False,
        ) -> Any:
            if p and not torch.is_grad_enabled() and not self.checkpointing and not in_backward():
                self._spell(training=training)
            return original(input, p, training, inplace)

        return dropout

    def _spell(self, *, training: bool) -> None:
        if training and self.at is None:
            self.at = user_site()
        (self.acting if training else self.resting).add(self.updates)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.acting:
            numbers = {"rested": float(len(self.resting))}
            yield Habit(
                kind=Kind.TRAIN_MODE,
                times=len(self.acting),
                of=self.updates,
                at=self.at,
                numbers=numbers,
            )
