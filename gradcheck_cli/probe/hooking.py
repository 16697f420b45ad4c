"""What hooks need to know: is this a first run, and who hears what they compute themselves."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

from gradcheck_cli.probe import shield

# As they are before anybody measures the hooks that others register.
on_gradient: Any = torch.Tensor.register_hook
on_accumulated: Any = torch.Tensor.register_post_accumulate_grad_hook
P = ParamSpec("P")
R = TypeVar("R")


def unheard(hook: Callable[P, R]) -> Callable[P, R]:
    """Return a hook whose calls of torch pass every torch function mode by.

    It is `shielded` as well: where it fails, or nothing is measured any more, it returns None.
    """

    @wraps(hook)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        if shield.now.over:
            return None
        try:
            with torch._C.DisableTorchFunction():  # noqa: SLF001 - its public twin is a C class too
                return hook(*args, **kwargs)
        except Exception as error:
            if not shield.keep(error):
                raise
        return None

    return call


def graph_task() -> int:
    """Return the number of the running backward pass, -1 outside of one."""
    return torch._C._current_graph_task_id()  # noqa: SLF001 - no public way to ask


def in_backward() -> bool:
    """Is a backward pass running? Then a forward call is a recomputation, not a new one."""
    return graph_task() != -1


def is_traced() -> bool:
    """Is the call not run but written down, by torch.compile or torch.jit.trace?"""
    return torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None  # noqa: SLF001 - untyped in public


def transformed() -> bool:
    """Does a transform of torch.func (vmap, grad) run?"""
    return torch._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001 - no public way to ask
