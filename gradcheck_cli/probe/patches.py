"""What has no hook in torch: reversible patches of a few functions, all of which pass through.

`torch.autograd.backward` shows every loss (`Tensor.backward` ends there too), `GradScaler.scale` what
it was before it was scaled, `Optimizer.__init__` every optimizer before its first step, and
`torch.compile` what is compiled.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

import torch
from torch._functorch import eager_transforms
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from gradcheck_cli.probe.hooking import in_backward, transformed
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.targets.graph import is_leaf

OnBackward = Callable[[tuple[torch.Tensor, ...], list[torch.Tensor]], None]


@contextmanager
def backwards_seen(begins: OnBackward, ends: Callable[[], None]) -> Iterator[None]:
    """Call `begins` with what each backward pass begins from, and `ends` when it returned.

    `begins` gets the tensors as they are, and detached as they were before a scaler scaled them.
    """
    unscaled: dict[int, tuple[weakref.ref[torch.Tensor], torch.Tensor]] = {}
    running: set[int] = set()  # threads in which a backward pass runs

    def plain(tensor: torch.Tensor) -> torch.Tensor:
        known = unscaled.pop(id(tensor), None) if unscaled else None
        return known[1] if known is not None and known[0]() is tensor else tensor.detach()

    def watch_backward(original: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        me = get_ident()
        # A function mode hands the call back, or a hook begins another pass.
        if me in running or in_backward():
            return original(tensors, *args, **kwargs)
        roots = (tensors,) if isinstance(tensors, torch.Tensor) else tuple(tensors)
        begins(roots, [plain(x) for x in roots])
        running.add(me)
        try:
            result = original(tensors, *args, **kwargs)
        finally:
            running.discard(me)
        ends()
        return result

    def watch_scale(original: Any, scaler: GradScaler, outputs: Any) -> Any:
        scaled = original(scaler, outputs)
        if isinstance(outputs, torch.Tensor) and scaled is not outputs:
            unscaled.clear()
            unscaled[id(scaled)] = (weakref.ref(scaled), outputs.detach())
        return scaled

    with (
        replaced(torch.autograd, "backward", watch_backward),
        replaced(GradScaler, "scale", watch_scale),
    ):
        yield


@contextmanager
def built(on_built: Callable[[Any], None], *kinds: type) -> Iterator[None]:
    """Call `on_built` with every object of these kinds that is built inside."""

    def init(original: Any, made: Any, *args: Any, **kwargs: Any) -> None:
        original(made, *args, **kwargs)
        on_built(made)

    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(replaced(kind, "__init__", init))
        yield


@contextmanager
def gradients_taken(
    on_value: Callable[[torch.Tensor, Sequence[torch.Tensor], Sequence[Any]], None],
) -> Iterator[None]:
    """Call `on_value` with a scalar, the leaves that it was derived by, and the gradients.

    `torch.autograd.grad` tells the leaves; `torch.func.grad` and its kin derive by what is no leaf,
    and only their value is told, of the outermost of them.
    """

    def watch_grad(original: Any, outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(outputs, inputs, *args, **kwargs)
        one = isinstance(inputs, torch.Tensor)
        leaves = (inputs,) if one else tuple(inputs)
        value = outputs if isinstance(outputs, torch.Tensor) else outputs[0]
        again = kwargs.get("create_graph", False)
        if value.numel() == 1 and not again and not transformed() and all(map(_is_leaf, leaves)):
            on_value(value.detach(), leaves, result)
        return result

    def watch_transform(original: Any, func: Any, argnums: Any, has_aux: Any, *given: Any) -> Any:
        result = original(func, argnums, has_aux, *given)
        value = result[1][0] if has_aux else result[1]
        if not transformed() and isinstance(value, torch.Tensor):
            on_value(value.detach(), (), ())
        return result

    with (
        replaced(torch.autograd, "grad", watch_grad),
        replaced(eager_transforms, "grad_and_value_impl", watch_transform),
    ):
        yield


def _is_leaf(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and is_leaf(x)


@contextmanager
def scaled_updates_seen(on_update: Callable[[Optimizer], None]) -> Iterator[None]:
    """Call `on_update` before a gradient scaler steps an optimizer, or skips its step."""

    def watch_step(
        original: Any, scaler: GradScaler, optimizer: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if isinstance(optimizer, Optimizer):
            on_update(optimizer)
        return original(scaler, optimizer, *args, **kwargs)

    with replaced(GradScaler, "step", watch_step):
        yield


@contextmanager
def compiles_seen(on_compile: Callable[[object], None]) -> Iterator[None]:
    """Call `on_compile` with whatever is given to `torch.compile`, before it is compiled."""

    def watch_compile(original: Any, *args: Any, **kwargs: Any) -> Any:
        what = args[0] if args else kwargs.get("model")
        if what is not None:  # without a model it makes a decorator, which comes back here
            on_compile(what)
        return original(*args, **kwargs)

    with replaced(torch, "compile", watch_compile):
        yield
