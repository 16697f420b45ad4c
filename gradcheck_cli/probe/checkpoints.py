"""Reentrant checkpoints whose inputs carry no gradient: nothing inside them gets one."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils import checkpoint

from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.modes import ModeWatch
from gradcheck_cli.probe.shield import shielded
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite


@dataclass(slots=True)
class CheckpointWatch:
    """Counts checkpoints, and those that cut the graph."""

    modes: ModeWatch
    times: int = 0
    of: int = 0
    at: SourceSite | None = None
    names: dict[str, None] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch `torch.utils.checkpoint` while inside."""
        function: Any = checkpoint.CheckpointFunction
        original = function.apply

        def apply(run: Any, *args: Any) -> Any:
            self._runs(run, args)
            self.modes.checkpointing += 1
            try:
                return original(run, *args)
            finally:
                self.modes.checkpointing -= 1

        function.apply = apply
        try:
            yield
        finally:
            if vars(function).get("apply") is apply:
                del function.apply  # it is inherited

    @shielded
    def _runs(self, run: Any, args: tuple[Any, ...]) -> None:
        if not torch.is_grad_enabled():
            return
        self.of += 1
        inside = [m for m in _modules_of(run) if any(p.requires_grad for p in m.parameters())]
        if inside and not any(t.requires_grad for t in tensors_in(args)):
            self.times += 1
            self.names.update(dict.fromkeys(type(m).__name__ for m in inside))
            self.at = self.at or user_site()

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.times:
            yield Habit(
                kind=Kind.CUT_CHECKPOINT,
                times=self.times,
                of=self.of,
                at=self.at,
                names=tuple(self.names),
            )


def _modules_of(run: Any) -> Iterator[nn.Module]:
    """Yield the modules that a checkpointed function runs: itself, or what it is bound to or encloses."""
    while isinstance(run, functools.partial):
        yield from (x for x in run.args if isinstance(x, nn.Module))
        run = run.func
    owner = run if isinstance(run, nn.Module) else getattr(run, "__self__", None)
    if isinstance(owner, nn.Module):
        yield owner
    for cell in getattr(run, "__closure__", None) or ():
        if isinstance(cell.cell_contents, nn.Module):
            yield cell.cell_contents
