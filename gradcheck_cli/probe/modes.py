"""Dropout and batch norm that act where nothing is trained: calls in train mode without a graph."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import torch
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

from gradcheck_cli.probe.hooking import in_backward
from gradcheck_cli.probe.replacing import instead, put
from gradcheck_cli.probe.shield import shielded
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import ids_held_by

# Modules that compute something else in eval mode.
_DIFFER = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - bases
_LOOKED = 8  # spells whose model is looked for on the stack


@dataclass(slots=True)
class ModeWatch:
    """Counts spells between updates in which dropout or batch norm acted without a graph, and those they rested in."""

    updates: int = 0
    checkpointing: int = 0  # checkpoints that run their forward pass without a graph
    acting: set[int] = field(default_factory=set)  # numbers of updates before the spells
    resting: set[int] = field(default_factory=set)
    at: SourceSite | None = None
    acted: set[str] = field(default_factory=set)  # dropout, batch norm
    models: WeakSet[nn.Module] = field(default_factory=WeakSet)  # that ran in them

    def watch(self, stack: ExitStack) -> None:
        """Watch what `nn.Dropout` and `nn.BatchNorm` call in `torch.nn.functional` until the stack closes.

        What torch.compile reads has no `try` of ours in it, which would change its graphs.
        """
        dropout = instead(functional.dropout, self._watch_dropout)
        stack.enter_context(put(functional, "dropout", dropout))
        batch_norm = instead(functional.batch_norm, self._watch_batch_norm)
        stack.enter_context(put(functional, "batch_norm", batch_norm))

    def _watch_dropout(
        self,
        original: Any,
        input: Any,  # noqa: A002 - the name is torch's
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
    ) -> Any:
        if p and not torch.is_grad_enabled():
            self._spell("dropout", training=training)
        return original(input, p, training, inplace)

    def _watch_batch_norm(
        self,
        original: Any,
        input: Any,  # noqa: A002 - the name is torch's
        running_mean: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if running_mean is not None and not torch.is_grad_enabled():  # else both modes are one
            layer = sys._getframe(2).f_locals.get("self")  # noqa: SLF001 - who calls
            training = args[3] if len(args) > 3 else kwargs.get("training", False)
            # An average over all batches is measured on purpose (update_bn).
            if not (isinstance(layer, nn.Module) and getattr(layer, "momentum", 0) is None):
                self._spell("batch norm", training=training)
        return original(input, running_mean, *args, **kwargs)

    @shielded
    def _spell(self, what: str, *, training: bool) -> None:
        if self.checkpointing or in_backward():
            return
        spells = self.acting if training else self.resting
        if self.updates in spells or not self.updates:  # a dry run: nothing was trained so far
            return
        model = _running() if training else None
        if model is not None and not model.training:
            return  # in eval mode it is told to act, which is meant; whether it is, an experiment asks
        spells.add(self.updates)
        self.acted |= {what} if training else set()
        if training and len(spells) <= _LOOKED:
            self.at = self.at or user_site()
            if model is not None:
                self.models.add(model)

    def habits(self, own: Sequence[Optimizer], others: Iterable[Optimizer]) -> Iterator[Habit]:
        """Say what was counted of a model that its `own` optimizers train, and that trains alone.

        Where optimizers train several models, one runs without a graph for the sake of another.
        """
        models = [{id(p) for p in m.parameters()} for m in self.models]
        alone = [m for m in models if all(ids_held_by(o) & m for o in (*own, *others))]
        if self.acting and own and alone:
            numbers = {"rested": float(len(self.resting))}
            yield Habit(
                kind=Kind.TRAIN_MODE,
                times=len(self.acting),
                of=self.updates,
                at=self.at,
                names=tuple(sorted(self.acted, reverse=True)),
                numbers=numbers,
            )


def differing(models: Iterable[nn.Module]) -> tuple[str, ...]:
    """Return the classes of the modules inside that compute something else in eval mode."""
    inside = (m for model in models for m in model.modules())
    return tuple(dict.fromkeys(type(m).__name__ for m in inside if isinstance(m, _DIFFER)))


def _running() -> nn.Module | None:
    """Return the outermost module whose call is running."""
    found = None
    frame = sys._getframe(1).f_back  # noqa: SLF001 - the only way to look up the stack
    while frame is not None:
        if frame.f_code is _CALL:
            found = frame.f_locals.get("self")
        frame = frame.f_back
    return found


_CALL = nn.Module._wrapped_call_impl.__code__  # noqa: SLF001 - what a call of a module begins with
