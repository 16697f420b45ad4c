"""How modules are exchanged in a model that was just built, in memory."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from gradcheck_cli.targets.change import Change, last

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTED = (nn.Linear, *CONVOLUTIONS, nn.ConvTranspose1d, nn.ConvTranspose2d)


def put(model: nn.Module, path: str, module: nn.Module) -> None:
    """Put `module` where `path` points, for every name under which that place is known."""
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


def twins(model: nn.Module, path: str) -> tuple[str, ...]:
    """Return all paths at which the module at `path` sits; one instance may be used many times."""
    wanted = model.get_submodule(path)
    everywhere = model.named_modules(remove_duplicate=False)
    return tuple(name for name, module in everywhere if module is wanted)


def exchange(paths: Iterable[str], make: Callable[[nn.Module], nn.Module]) -> Callable[..., None]:
    """Return an edit that replaces the modules at `paths`; shared ones stay shared."""
    wanted = tuple(paths)

    def edit(model: nn.Module) -> None:
        made: dict[int, nn.Module] = {}
        for path in wanted:
            old = model.get_submodule(path)
            if id(old) in made:
                continue
            new = made[id(old)] = make(old).train(old.training)
            for name in twins(model, path):
                put(model, name, new)

    return edit


def touch(paths: Iterable[str], act: Callable[[nn.Module], None]) -> Callable[..., None]:
    """Return an edit that changes parameters of the modules at `paths` in place."""
    wanted = tuple(paths)

    def edit(model: nn.Module) -> None:
        with torch.no_grad():
            for path in wanted:
                act(model.get_submodule(path))

    return edit


def like(new: nn.Module, old: nn.Module) -> nn.Module:
    """Move a new module to the device and float type of an old one."""
    for tensor in old.parameters():
        return new.to(device=tensor.device, dtype=tensor.dtype)
    return new


def together(summary: str, changes: Iterable[Change]) -> Change:
    """Combine changes into one; the models are edited in the order given, later numbers win."""
    parts = tuple(changes)
    return Change(
        summary=summary,
        model=_in_turn([p.model for p in parts if p.model is not None]),
        optimizer=_each([p.optimizer for p in parts if p.optimizer is not None]),
        inputs=_through([p.inputs for p in parts if p.inputs is not None]),
        loss=_through([p.loss for p in parts if p.loss is not None]),
        precision=last(parts, "precision"),
        warm_up=last(parts, "warm_up"),
        clip=last(parts, "clip"),
        loop=last(parts, "loop"),
    )


def _in_turn(
    edits: list[Callable[[nn.Module], nn.Module | None]],
) -> Callable[..., nn.Module] | None:
    def edit(model: nn.Module) -> nn.Module:
        for one in edits:
            model = one(model) or model
        return model

    return edit if edits else None


def _each(edits: list[Callable[[torch.optim.Optimizer], None]]) -> Callable[..., None] | None:
    def edit(optimizer: torch.optim.Optimizer) -> None:
        for one in edits:
            one(optimizer)

    return edit if edits else None


def _through(maps: list[Callable[[Any], Any]]) -> Callable[[Any], Any] | None:
    def mapped(value: Any) -> Any:
        for one in maps:
            value = one(value)
        return value

    return mapped if maps else None
