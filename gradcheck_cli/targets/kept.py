"""What forward passes may write on modules beside parameters: buffers, memories, hidden states, counters, generators."""

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from operator import is_
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.blame import is_theirs
from gradcheck_cli.targets.graph import is_leaf

CONTAINERS = (dict, list, set, deque)
LONG = 1000  # entries above which a container of the user's is data, and not looked into
_DEEP = 3  # levels of containers and objects inside an attribute of a module
_MOST = 4_000  # entries that are looked at in one module
_LARGE = 2**26  # bytes from which an attribute that nobody has written to is data, and not copied
_HOOKS = vars(nn.Module()).keys() - {"_parameters", "_buffers"}  # and parts

Again = Callable[[], object]


@contextmanager
def kept(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Leave all that these modules hold, beside the values of parameters, as it was."""
    restores = [again for module in list(modules) for again in restores_of(module)]
    try:
        yield
    finally:
        for again in restores:
            again()


def restores_of(module: nn.Module) -> list[Again]:
    """Return what puts back the attributes of a module and the values of all but its parameters."""
    found = {id(x): x for x in held_in(module)}
    containers = [vars(module), *(c for x in found.values() if (c := container_of(x)) is not None)]
    buffers = {id(b): b for b in module.buffers(recurse=False)}
    values = [
        again
        for key, value in (found | buffers).items()
        if (again := chance_of(value) or _value_of(value, always=key in buffers)) is not None
    ]
    return [*(partial(refill, c, shallow(c)) for c in containers), *values]


def held_in(module: nn.Module) -> Iterator[Any]:
    """Yield what attributes hold, also in containers and in objects of the user's own classes."""
    named = vars(module).items()
    return islice((x for n, v in named if n not in _HOOKS for x in _inside(v, _DEEP)), _MOST)


def _inside(value: Any, depth: int) -> Iterator[Any]:
    yield value
    held = value if isinstance(value, tuple) else container_of(value)
    if depth and held is not None and len(held) <= LONG:
        for entry in held.values() if isinstance(held, dict) else held:
            yield from _inside(entry, depth - 1)


def container_of(value: Any) -> Any:
    """Return a container, or the attributes of an object of the user's own class, else None."""
    if isinstance(value, CONTAINERS):
        return value
    other = isinstance(value, nn.Module | Tensor | type | ModuleType)
    own = not other and _is_own(type(value).__module__)
    return getattr(value, "__dict__", None) if own else None


@lru_cache(1000)
def _is_own(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    return module == "__main__" or (isinstance(file, str) and is_theirs(file))


def chance_of(value: Any) -> Again | None:
    """Return what puts a generator back to where it is, if it is one."""
    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.random.Generator):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None


def is_array(value: Any) -> bool:
    """Is it an array of numpy that a forward pass may write to, and no large data?"""
    numpy = sys.modules.get("numpy")
    known = numpy is not None and isinstance(value, numpy.ndarray)
    return known and value.flags.writeable and value.nbytes < _LARGE


def _value_of(value: Any, *, always: bool) -> Again | None:
    """Return what writes the same numbers into a tensor or an array again."""
    if is_array(value):
        return partial(sys.modules["numpy"].copyto, value, value.copy())
    if not isinstance(value, Tensor) or is_lazy(value) or not (always or _is_written(value)):
        return None
    before = value.detach().clone()
    return lambda: value.data.copy_(before)


def is_lazy(tensor: Tensor) -> bool:
    """Is its shape not known yet?"""
    return isinstance(
        tensor, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer
    )


def _is_written(tensor: Tensor) -> bool:
    """May a forward pass write to this attribute? Parameters, results of a graph and large data stay."""
    known = isinstance(tensor, nn.Parameter) or tensor.layout is not torch.strided
    if known or tensor.is_inference() or not is_leaf(tensor):
        return False
    overlaps = any(
        step == 0 < size - 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    )
    large = tensor.numel() * tensor.element_size() >= _LARGE
    return not overlaps and not (large and tensor._version == 0)  # noqa: SLF001 - no public way


def shallow(container: Any) -> Any:
    """Return a dictionary, list or set with the same entries."""
    if isinstance(container, dict):
        return dict(container)
    return set(container) if isinstance(container, set) else list(container)


def refill(container: Any, held: Any) -> None:
    """Make a live container hold these entries, in this order; one that holds them is left alone."""
    if _holds(container, held):
        return  # it may refuse to be written to, as configurations do: hence the methods of Python
    kind: Any = next(k for k in (OrderedDict, *CONTAINERS) if isinstance(container, k))
    if not isinstance(container, dict) or list(container) != list(held):
        kind.clear(container)  # the order counts: layers run and parameters are listed in it
    if isinstance(container, dict):
        for name, entry in held.items():
            kind.__setitem__(container, name, entry)
    else:
        (kind.update if kind is set else kind.extend)(container, held)


def _holds(container: Any, held: Any) -> bool:
    if isinstance(container, set):
        return bool(container == held)
    if isinstance(container, dict) and list(container) != list(held):
        return False
    now, then = (list(x.values() if isinstance(x, dict) else x) for x in (container, held))
    return len(now) == len(then) and all(map(is_, now, then))
