"""Modules that only wrap another: those of torch.compile and of data parallelism."""

from torch import nn


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside the wrappers."""
    names = [name for name, _ in module.named_children()]
    if names == ["_orig_mod"] or (names == ["module"] and "Parallel" in type(module).__name__):
        return unwrapped(next(module.children()))
    return module
