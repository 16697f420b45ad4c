"""Reversible patches through which calls, optimizers and scalers are seen; all of them pass through."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

OnCall = Callable[[Callable[..., Any], nn.Module, Any, Any], Any]
OnMethod = Callable[[Callable[..., Any], Any, str, Any, Any], Any]
OnCustom = Callable[[Callable[..., Any], Any, Any], Any]
METHODS = (
    (torch.optim.Optimizer, "zero_grad"),
    (nn.Module, "zero_grad"),
    (GradScaler, "scale"),
    (GradScaler, "unscale_"),
    (GradScaler, "step"),
    (GradScaler, "update"),
)


@contextmanager
def _replaced(owner: Any, name: str, ours: Any) -> Iterator[None]:
    """Put `ours` in the place of an attribute; leave alone what others put there since."""
    original = vars(owner)[name]
    setattr(owner, name, ours)
    try:
        yield
    finally:
        if vars(owner)[name] is ours:
            setattr(owner, name, original)


@contextmanager
def calls_seen(on_call: OnCall) -> Iterator[None]:
    """Hand every call of a module, before its hooks and after them, to `on_call`."""
    original = nn.Module.__call__

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return on_call(original, self, args, kwargs)

    with _replaced(nn.Module, "__call__", call):
        yield


@contextmanager
def methods_seen(on_method: OnMethod) -> Iterator[None]:
    """Hand every call of `METHODS` to `on_method`."""
    with ExitStack() as stack:
        for owner, name in METHODS:
            stack.enter_context(
                _replaced(owner, name, _watched(vars(owner)[name], name, on_method))
            )
        yield


def _watched(original: Callable[..., Any], name: str, on_method: OnMethod) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return on_method(original, self, name, args, kwargs)

    return method


@contextmanager
def custom_functions_seen(on_custom: OnCustom) -> Iterator[None]:
    """Hand every application of an autograd.Function to `on_custom`."""
    original = vars(torch.autograd.Function)["apply"]

    def apply(kind: Any, *args: Any, **kwargs: Any) -> Any:
        return on_custom(original.__get__(None, kind), args, kwargs)

    with _replaced(torch.autograd.Function, "apply", classmethod(apply)):
        yield


@contextmanager
def gradient_hooks_seen(on_hook: Callable[[torch.Tensor, Any], None]) -> Iterator[None]:
    """Hand hooks on accumulated gradients to `on_hook` instead of registering them."""

    def register(self: torch.Tensor, hook: Any) -> None:
        on_hook(self, hook)

    with _replaced(torch.Tensor, "register_post_accumulate_grad_hook", register):
        yield
