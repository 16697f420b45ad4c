"""Reversible patches through which calls, optimizers and scalers are seen; all of them pass through."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from gradcheck_cli.probe.hooking import is_traced
from gradcheck_cli.probe.replacing import put, replaced
from gradcheck_cli.probe.shield import around

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
def calls_seen(on_call: OnCall) -> Iterator[None]:
    """Hand every call of a module, before its hooks and after them, to `on_call`."""
    original = nn.Module.__call__

    def watch(original: Any, module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        return on_call(original, module, args, kwargs)

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if is_traced():
            return original(self, *args, **kwargs)
        return around(original, watch, (self, *args), kwargs)

    with put(nn.Module, "__call__", call):
        yield


@contextmanager
def methods_seen(on_method: OnMethod) -> Iterator[None]:
    """Hand every call of `METHODS` to `on_method`."""

    def watch(name: str, original: Any, owner: Any, *args: Any, **kwargs: Any) -> Any:
        return on_method(original, owner, name, args, kwargs)

    with ExitStack() as stack:
        for owner, name in METHODS:
            stack.enter_context(replaced(owner, name, partial(watch, name)))
        yield


@contextmanager
def custom_functions_seen(on_custom: OnCustom) -> Iterator[None]:
    """Hand every application of an autograd.Function to `on_custom`."""
    original = vars(torch.autograd.Function)["apply"]

    def watch(of_kind: Any, /, *args: Any, **kwargs: Any) -> Any:
        return on_custom(of_kind, args, kwargs)

    def apply(kind: Any, *args: Any, **kwargs: Any) -> Any:
        return around(original.__get__(None, kind), watch, args, kwargs)

    with put(torch.autograd.Function, "apply", classmethod(apply)):
        yield


@contextmanager
def gradient_hooks_seen(on_hook: Callable[[torch.Tensor, Any], None]) -> Iterator[None]:
    """Hand hooks on accumulated gradients to `on_hook` instead of registering them."""

    def register(self: torch.Tensor, hook: Any) -> None:
        on_hook(self, hook)

    with put(torch.Tensor, "register_post_accumulate_grad_hook", register):
        yield
