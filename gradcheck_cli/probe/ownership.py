"""Which layer each parameter belongs to, and what each module is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.utils import parametrize

from gradcheck_cli.probe.picking import is_lazy
from gradcheck_cli.records.trace import Role

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_LINEAR = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)  # noqa: SLF001 - no public base class
_NORMALIZATIONS = (
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 - no public base class
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
)
_NORM_NAME = re.compile(r"norm", re.IGNORECASE)
# Prefixes that wrappers put before the user's own names.
_WRAPPERS = re.compile(
    r"(^|\.)(_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.|$)"
)


def clean(path: str) -> str:
    """Return `path` as the user wrote it, without the names of wrapping modules."""
    return _WRAPPERS.sub("", path).lstrip(".")


def is_matrix(parameter: nn.Parameter) -> bool:
    """Does it have rows and columns? A lazy one, which does not know its shape yet, will."""
    return is_lazy(parameter) or parameter.dim() > 1


def role_of(module: nn.Module) -> Role:
    """Return what a module that owns parameters does, from its class."""
    if isinstance(module, _NORMALIZATIONS) or _NORM_NAME.search(type(module).__name__):
        return Role.NORMALIZATION
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return Role.EMBEDDING
    if isinstance(module, nn.MultiheadAttention):
        return Role.ATTENTION
    if isinstance(module, _RECURRENT):
        return Role.RECURRENT
    if isinstance(module, nn.PReLU):
        return Role.ACTIVATION
    own = [p for p in module.parameters() if is_matrix(p)]
    return Role.LINEAR if isinstance(module, _LINEAR) or own else Role.PARAMETER


def is_whole(module: nn.Module) -> bool:
    """Is the module one layer together with all that is inside it?"""
    if isinstance(module, _CONTAINERS):
        return False
    if isinstance(module, (nn.MultiheadAttention, *_NORMALIZATIONS)):
        return True
    if parametrize.is_parametrized(module):
        return True
    own = [p for p in module._parameters.values() if p is not None]  # noqa: SLF001 - direct ones only
    if not own or any(True for child in module.children() for _ in child.parameters()):
        return False
    return is_native(module) or sum(is_matrix(p) for p in own) <= 1


def normalizes(module: nn.Module) -> bool:
    """Does a normalization depend on the batch at hand? In eval mode, batch norm does not."""
    running = getattr(module, "running_mean", None) is not None
    return module.training or not running


def is_native(module: nn.Module) -> bool:
    """Is it a class of torch's own?"""
    return type(module).__module__.startswith("torch.")


@dataclass(slots=True)
class Owner:
    """A layer before anything ran: its module, if one stands for it, and its parameters by name."""

    path: str
    module: nn.Module | None
    parameters: dict[str, nn.Parameter]
    role: Role


def owners(model: nn.Module, prefix: str = "") -> Iterator[Owner]:
    """Yield every layer that holds parameters, in registration order, each parameter once."""
    seen: set[int] = set()

    def walk(module: nn.Module, path: str) -> Iterator[Owner]:
        if is_whole(module):
            found = {
                clean(f"{path}.{n}" if path else n): p
                for n, p in module.named_parameters()
                if id(p) not in seen
            }
            seen.update(id(p) for p in found.values())
            yield Owner(clean(path) or type(module).__name__, module, found, role_of(module))
            return
        for name, parameter in module._parameters.items():  # noqa: SLF001 - direct parameters only
            if parameter is not None and id(parameter) not in seen:
                seen.add(id(parameter))
                full = clean(f"{path}.{name}" if path else name)
                role = Role.LINEAR if is_matrix(parameter) else Role.PARAMETER
                yield Owner(full, None, {full: parameter}, role)
        for name, child in module.named_children():
            if id(child) not in visited:
                visited.add(id(child))
                yield from walk(child, f"{path}.{name}" if path else name)

    visited: set[int] = {id(model)}
    yield from walk(model, prefix)


def kind_of(module: nn.Module) -> str:
    """Return the name of the class that the user wrote; FSDP2 puts one of its own in front."""
    kinds = type(module).__mro__
    sharded = len(kinds) > 2 and kinds[1].__name__ == "FSDPModule"
    return kinds[2].__name__ if sharded else kinds[0].__name__
