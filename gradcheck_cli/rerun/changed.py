"""A change, applied to the live objects of a script just before its model is first trained."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.ops import placed
from gradcheck_cli.probe.listening import join_lowest
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.remedies.calls import name_of
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.rerun.mended import MendedLoop
from gradcheck_cli.targets.change import Change, LoopChange, last
from gradcheck_cli.targets.losses import on_floats
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.optimizers import (
    configured,
    follow_model,
    held_by,
    ids_held_by,
    learning,
)
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.redrawing import redraw
from gradcheck_cli.targets.wording import map_tensors

Groups = list[dict[str, Any]]
SHIFT = 1_000_003  # between the seeds that a script sets itself and those of an arm


def holder(models: Sequence[nn.Module], names: Sequence[str]) -> nn.Module:
    """Return the module in which a change finds its layers: the model, or one that holds them all."""
    plain = [unwrapped(model) for model in models]
    return plain[0] if len(plain) == 1 else nn.ModuleDict(dict(zip(names, plain, strict=True)))


def drawn_anew(group: Group, seed: int, stay: Callable[[Any], Any]) -> None:
    """Give the models the weights, and the script the chance, of another seed.

    `stay` takes patches that are there for the rest of the process.
    """
    for model in group.models:
        redraw(model, seed)
    shift_seeds(seed, stay)
    seed_everything(seed)


def shift_seeds(seed: int, stay: Callable[[Any], Any]) -> None:
    """Let every seed that the script sets from now on be another one."""
    import random
    import sys

    numpy = sys.modules.get("numpy")
    owners: list[tuple[Any, str]] = [(torch, "manual_seed"), (torch.random, "manual_seed")]
    owners += [(random, "seed")] + ([] if numpy is None else [(numpy.random, "seed")])

    def shifted(original: Any, value: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, int):
            value = (value + SHIFT * seed) % 2**32
        return original(value, *args, **kwargs)

    for owner, name in owners:
        stay(replaced(owner, name, shifted))


def apply(
    changes: Sequence[Change], group: Group, names: Sequence[str], stay: Callable[[Any], Any]
) -> None:
    """Apply the changes. Raises CannotDiagnoseError for one that cannot be made from outside."""
    whole = holder(group.models, names)
    before = learning(whole, group.optimizers)
    with unchanged():
        for change in changes:
            made = change.model(whole) if change.model is not None else None
            if made is not None and made is not whole:
                raise CannotDiagnoseError(
                    "the script holds the model, which this change would replace as a whole"
                )
        if learning(whole, group.optimizers) != before:
            _follow(group, before, whole)
    for optimizer in group.optimizers:
        Tuning(optimizer, changes)
    if (loop := last(changes, "loop")) is not None:
        MendedLoop(loop, group).begin(stay)
    _inputs(changes, group)
    if last(changes, "penalty") is not None:
        raise CannotDiagnoseError("a penalty is weighed on recorded steps only")
    _loss(changes)
    _precision(last(changes, "precision"), stay)


def _follow(group: Group, before: set[int], whole: nn.Module) -> None:
    for optimizer in group.optimizers:
        held = ids_held_by(optimizer)
        if held & before:
            follow_model(optimizer, before, whole)
            before = before | {id(p) for p in whole.parameters()}


class Tuning:
    """Changes the settings of an optimizer during its steps, so that a schedule stays a schedule.

    A number that the change multiplied is multiplied in every step; anything else is set once.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, changes: Sequence[Change]) -> None:
        self.step = 0
        self.warm_up: int | None = last(changes, "warm_up")
        self.clip: float | None = last(changes, "clip")
        loop: LoopChange | None = last(changes, "loop")
        self.is_steady = loop is not None and loop.is_steady
        self.configured = [0.0] * len(optimizer.param_groups)
        before = [dict(group) for group in optimizer.param_groups]
        for change in changes:
            if change.optimizer is not None:
                change.optimizer(optimizer)
        self.factors = [
            _factors(old, new) for old, new in zip(before, optimizer.param_groups, strict=False)
        ]
        for old, new, factors in zip(before, optimizer.param_groups, self.factors, strict=False):
            new.update({key: old[key] for key in factors})
        self._own: Groups = []
        if any(self.factors) or self.warm_up or self.clip is not None or self.is_steady:
            optimizer.register_step_pre_hook(self._enter)
            optimizer.register_step_post_hook(self._leave)

    def _enter(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._own = [{k: g[k] for k in self._keys(i)} for i, g in enumerate(optimizer.param_groups)]
        for index, group in enumerate(optimizer.param_groups):
            if self.is_steady and index < len(self.configured) and "lr" in group:
                self.configured[index] = max(self.configured[index], configured(group))
                group["lr"] = self.configured[index]
            for key, factor in self._of(index).items():
                group[key] = group[key] * factor
            if self.warm_up and "lr" in group:
                group["lr"] = group["lr"] * min(1.0, (self.step + 1) / self.warm_up)
        if self.clip is not None and self.clip != math.inf:
            nn.utils.clip_grad_norm_(held_by(optimizer), self.clip)

    def _leave(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.step += 1
        for group, own in zip(optimizer.param_groups, self._own, strict=False):
            group.update(own)

    def _of(self, index: int) -> dict[str, Any]:
        return self.factors[index] if index < len(self.factors) else {}

    def _keys(self, index: int) -> set[str]:
        return {*self._of(index), "lr"}


def _factors(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        key: after[key] / value
        for key, value in before.items()
        if isinstance(value, float) and value and after.get(key) != value
    }


def _inputs(changes: Sequence[Change], group: Group) -> None:
    if (inputs := together("", changes).inputs) is None:
        return
    if len(group.models) > 1:
        raise CannotDiagnoseError("several models are called: it is not known what is data to them")

    def change(_: nn.Module, args: Any, kwargs: Any) -> Any:
        return map_tensors(args, on_floats(inputs)), map_tensors(kwargs, on_floats(inputs))

    group.models[0].register_forward_pre_hook(change, with_kwargs=True)


class Judging(TorchFunctionMode):
    """Puts the change of a loss around every loss function of torch that the script calls."""

    def __init__(self, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        super().__init__()
        self.wrap = wrap

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function; a loss as the change has it."""
        name, (args, kwargs) = name_of(func), placed(args, kwargs or {})
        if len(args) < 2 or not ("loss" in name or "entropy" in name):
            return func(*args, **kwargs)
        output, target, *others = args

        def judged(one: Any, other: Any, *_: Any) -> Any:
            return func(one, other, *others, **kwargs)

        return self.wrap(judged)(output, target)


def _loss(changes: Sequence[Change]) -> None:
    if (wrap := together("", changes).loss) is not None:
        join_lowest(Judging(wrap))


def _precision(wanted: str | None, stay: Callable[[Any], Any]) -> None:
    if wanted is None:
        return
    if wanted != "fp32":
        raise CannotDiagnoseError("a script that is run again can only be put into full precision")

    def full(original: Any, region: Any, *args: Any, **kwargs: Any) -> None:
        original(region, *args, **kwargs)
        region._enabled = False  # noqa: SLF001 - torch has no public switch

    stay(replaced(torch.amp.autocast_mode.autocast, "__init__", full))
