"""Readings of what layers and nonlinearities put out, and of the gradients that come back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from gradcheck_cli.probe import attention
from gradcheck_cli.probe.assembling import EARLIEST
from gradcheck_cli.probe.calls import Call, tensors_in
from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.hooking import on_gradient, unheard
from gradcheck_cli.probe.picking import flat, unreadable
from gradcheck_cli.probe.tape import Tape
from gradcheck_cli.probe.units import Again, UnitWatch
from gradcheck_cli.targets.graph import is_leaf

Miss = Callable[[str, str], None]


@dataclass(slots=True)
class OutputWatch:
    """Reads outputs in the forward pass and waits for their gradients in the backward pass."""

    ledger: Ledger
    units: UnitWatch
    miss: Miss  # notes what could not be measured, and why
    owned: set[str]  # paths of layers that hold parameters
    watching: bool = False
    tape: Tape | None = None
    arrived: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    _calls: dict[str, int] = field(default_factory=dict)
    _on_leaves: list[RemovableHandle] = field(default_factory=list)

    def begin(self, tape: Tape | None) -> None:
        """A step begins."""
        self.watching, self.tape = True, tape
        self._calls.clear()

    def end(self) -> None:
        """The step is over: hooks on tensors that outlive it are removed, the others do nothing."""
        self.watching, self.tape = False, None
        self.units.forget()
        for handle in self._on_leaves:
            handle.remove()
        self._on_leaves.clear()

    def read(self, module: nn.Module, path: str, output: Any) -> None:
        """A layer has run."""
        first = next((t for t in tensors_in(output) if t.is_floating_point()), None)
        if first is None:
            first = next((t for t in tensors_in(output) if t.is_complex()), None)
        if first is not None:
            self.tensor(path, first, _batch_axis(module, output))

    def tensor(self, path: str, output: torch.Tensor, axis: int | None) -> None:
        """Read an output whose samples lie along `axis`, and wait for its gradient."""
        number = self._calls[path] = self._calls.get(path, 0) + 1
        if self._note((path, "output"), output, axis, exactly=False) and output.requires_grad:
            self._await(output, partial(self._gradient, path, number))

    def _await(self, tensor: torch.Tensor, hook: Callable[[torch.Tensor], None]) -> None:
        handle = on_gradient(tensor, hook)
        if is_leaf(tensor):  # a user's own tensor, which outlives the graph
            self._on_leaves.append(handle)

    def _note(
        self,
        key: tuple[str | int, ...],
        tensor: torch.Tensor,
        axis: int | None = None,
        *,
        exactly: bool = True,
    ) -> bool:
        reason = unreadable(tensor)
        if reason is None:
            self.ledger.read(key, tensor, axis, exactly=exactly)
            return True
        self.miss(f"{key[1]} of {key[0]}".replace("_", " "), reason)
        return False

    @unheard
    def _gradient(self, path: str, number: int, gradient: torch.Tensor) -> None:
        self.arrived.add(path)
        if self.watching:
            self._note((path, "output_grad", number), gradient)

    # ---- time -----------------------------------------------------------------------------

    def watch_time(self, module: nn.Module, path: str, args: tuple[Any, ...]) -> Any:
        """Read the gradient that reaches a recurrent layer's input at each time step."""
        if isinstance(module, nn.RNNCellBase) or not args:
            return None
        packed = isinstance(args[0], PackedSequence)
        inputs = args[0].data if packed else args[0]
        if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
            return None
        replaced = not inputs.requires_grad
        if replaced:  # the gradient of the input is otherwise not computed
            if self.tape is None:
                return None
            inputs = inputs.detach().requires_grad_()
        axis = 0 if packed or not getattr(module, "batch_first", False) else 1
        axis = 0 if inputs.dim() == 2 else axis
        self._await(inputs, partial(self._time, path, axis))
        if not replaced:
            return None
        first = args[0]._replace(data=inputs) if packed else inputs
        return (first, *args[1:])

    @unheard
    def _time(self, path: str, axis: int, gradient: torch.Tensor) -> None:
        length = gradient.shape[axis]
        if length < EARLIEST or not self.watching or gradient.numel() == 0 or unreadable(gradient):
            return
        moved = gradient.detach().movedim(axis, 0)
        quarter = length // 4
        ends = (flat(moved[part]).double() for part in (slice(quarter), slice(-quarter, None)))
        self.ledger.add((path, "early_over_late"), *(torch.dot(x, x) / x.numel() for x in ends))

    # ---- what the tape notes --------------------------------------------------------------

    def nonlinearity(self, call: Call, x: torch.Tensor, y: torch.Tensor, again: Again) -> None:
        """A nonlinearity turned x into y."""
        if call.nonlinearity is None:
            return
        reason = unreadable(y) or unreadable(x)
        if reason is not None:
            self.miss(f"units of {call.path}", reason)
            return
        axis = self._unit_axis(call, y)
        if not self.units.saw(call.path, call.nonlinearity, x.detach(), y.detach(), axis, again):
            self.miss(f"units of {call.path}", "it overwrites its input (inplace=True)")
        if torch.is_grad_enabled() and y.requires_grad and call.path not in self.owned:
            self._note((call.path, "output"), y, 0, exactly=False)
            self._await(y, partial(self._gradient_of_call, call.path))

    @unheard
    def _gradient_of_call(self, path: str, gradient: torch.Tensor) -> None:
        if self.watching:
            self._note((path, "output_grad"), gradient)

    def product(self, path: str, output: torch.Tensor) -> None:
        """A functional call used the weights of a layer."""
        self.called.add(path)
        if torch.is_grad_enabled():
            self.tensor(path, output, 0)

    def attention(self, call: Call, scores: torch.Tensor) -> None:
        """A softmax was taken of these scores."""
        reason = unreadable(scores)
        if reason is not None:
            self.miss(f"entropy of {call.path}", reason)
        elif (pair := attention.entropy(scores)) is not None:
            self.ledger.add((call.path, "entropy"), *pair)

    def _unit_axis(self, call: Call, y: torch.Tensor) -> int:
        """Channels of a convolution lie along axis 1, other units along the last."""
        todo = list(call.reads)
        for _ in range(8):
            if not todo or self.tape is None:
                break
            source = self.tape.calls[todo.pop(0)]
            if source.is_weights:
                return 1 if "Conv" in source.kind and y.dim() > 2 else -1
            todo.extend(source.reads)
        return 1 if y.dim() == 4 else -1


def _batch_axis(module: nn.Module, output: Any) -> int | None:
    if isinstance(output, tuple) and output and isinstance(output[0], PackedSequence):
        return None
    first = getattr(module, "batch_first", True)
    return 0 if first or isinstance(module, nn.RNNCellBase) else 1
