"""The only mutable object of the probe: hooks in, readings out, nothing left behind.

Global module hooks and tensor hooks only: hooks stored on modules would break the user's pickling,
full backward hooks would break in-place operations.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.utils.rnn import PackedSequence
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcheck_cli.probe import anatomy
from gradcheck_cli.probe.assembling import EARLIEST, assemble
from gradcheck_cli.probe.facts import DataWatch, LossWatch
from gradcheck_cli.probe.gauges import Ledger, local
from gradcheck_cli.probe.ownership import Owner, clean, is_native, normalises, owners
from gradcheck_cli.probe.tape import Call, Listening, Tape, tensors_in, user_site
from gradcheck_cli.probe.units import UnitWatch, spread
from gradcheck_cli.probe.weights import WeightWatch
from gradcheck_cli.records.trace import Cut, Gap, Parameter, Role, Step, Trace

_KEPT_TAPES = 4


def in_backward() -> bool:
    """Is a backward pass running? Then a forward call is a recomputation, not a new one."""
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001 - no public way to ask


@dataclass(slots=True)
class Recorder:
    """Watches models and optimizers; used as a context manager, one `step` after another."""

    models: Sequence[nn.Module]
    optimizers: Sequence[torch.optim.Optimizer]
    site_of: anatomy.SiteOf = lambda _: None
    names: Sequence[str] = ("",)
    steps: list[Step] = field(default_factory=list)
    gaps: dict[str, Gap] = field(default_factory=dict)
    cuts: dict[Any, Cut] = field(default_factory=dict)
    _exit: ExitStack = field(default_factory=ExitStack)
    _forward_hooks: ExitStack = field(default_factory=ExitStack)
    _observing: bool = False
    _tape: Tape | None = None
    _tapes: list[Tape] = field(default_factory=list)
    _data: DataWatch = field(default_factory=DataWatch)
    _loss: LossWatch = field(default_factory=LossWatch)
    _ledger: Ledger = field(default_factory=Ledger)
    _calls: dict[str, int] = field(default_factory=dict)
    _arrived: set[str] = field(default_factory=set)
    _called: set[str] = field(default_factory=set)
    _raw: dict[int, torch.Tensor] = field(default_factory=dict)
    _owners: list[Owner] = field(default_factory=list)
    _layer_of_module: dict[int, Owner] = field(default_factory=dict)
    _paths: dict[int, str] = field(default_factory=dict)
    _modules: dict[str, nn.Module] = field(default_factory=dict)
    _names: dict[int, tuple[str, str]] = field(default_factory=dict)
    _start: dict[int, float] = field(default_factory=dict)
    _weights: WeightWatch | None = None
    _units: UnitWatch | None = None

    def __post_init__(self) -> None:
        for model, prefix in zip(self.models, self.names, strict=False):
            self._owners.extend(owners(model, prefix))
            for path, module in model.named_modules(prefix=prefix):
                self._paths[id(module)] = clean(path)
                self._modules[clean(path)] = module
        for owner in self._owners:
            if owner.module is not None:
                self._layer_of_module[id(owner.module)] = owner
                self._paths[id(owner.module)] = owner.path
            for name, parameter in owner.parameters.items():
                self._names[id(parameter)] = (name, owner.path)
                value = local(parameter.detach())
                self._start[id(parameter)] = (
                    float(value.float().std()) if value.numel() > 1 else 0.0
                )
        self._weights = WeightWatch(self._owners, self._ledger)
        self._units = UnitWatch(self._ledger)

    def __enter__(self) -> Self:
        add = self._exit.callback
        add(self.unhook_forward)
        add(register_optimizer_step_pre_hook(self._before_update).remove)
        add(register_optimizer_step_post_hook(self._after_update).remove)
        self.hook_forward()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def hook_forward(self) -> None:
        """Watch calls of modules from here on; while nothing is watched they cost nothing."""
        self.unhook_forward()
        add = self._forward_hooks.callback
        add(register_module_forward_pre_hook(self._before_forward).remove)
        add(register_module_forward_hook(self._after_forward, with_kwargs=True).remove)

    def unhook_forward(self) -> None:
        """Watch them no more, until `hook_forward`."""
        self._forward_hooks.close()

    def joins_call(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """A call of `module` had begun when the recorder was entered; may return other arguments."""
        return self._before_forward(module, args)

    def joins_update(self, optimizer: torch.optim.Optimizer) -> None:
        """An update by `optimizer` had begun when the step was."""
        self._before_update(optimizer)

    # ---- one step -------------------------------------------------------------------------

    @contextmanager
    def step(self, *, observe: bool = True, inspect: bool = False) -> Iterator[None]:
        """Watch what happens inside; with `inspect` also what happens between the layers."""
        self._observing = observe or inspect
        self._calls.clear()
        with ExitStack() as stack:
            stack.callback(self._close_eyes)
            if inspect:
                self._tape = self._new_tape()
                for parameter in self._parameters():
                    if parameter.requires_grad and parameter.is_leaf:
                        hook = parameter.register_post_accumulate_grad_hook(self._raw_gradient)
                        stack.callback(hook.remove)
            with Listening(self._tape) if self._tape else nullcontext():
                yield
            if self._tape is not None:
                self._keep(self._tape)

    def _close_eyes(self) -> None:
        self._observing = False
        self._tape = None

    def pause(self) -> None:
        """Look away until `resume`: what happens now is not training."""
        self._observing = False
        if self._tape is not None:
            self._tape.open = False

    def resume(self) -> None:
        """Look on, in the step that `pause` interrupted."""
        self._observing = True
        if self._tape is not None:
            self._tape.open = True

    def forget(self) -> None:
        """Drop what was read since the last finished step: it did not end in an update."""
        self._ledger.fetch()
        self._raw.clear()

    def finish_step(self, loss: float, learning_rate: float | None = None) -> Step:
        """Fetch what was read in the step that ended, together with its loss."""
        self._raw.clear()
        readings, clip = assemble(self._ledger.fetch())
        step = Step(
            index=len(self.steps),
            loss=loss,
            readings=readings,
            learning_rate=learning_rate,
            clip=clip,
        )
        self.steps.append(step)
        return step

    def _new_tape(self) -> Tape:
        return Tape(
            self._names,
            dict(self._names.values()),
            on_nonlinearity=self._nonlinearity,
            on_product=self._product,
            on_attention=self._attention,
        )

    def _parameters(self) -> Iterator[nn.Parameter]:
        return (p for owner in self._owners for p in owner.parameters.values())

    def _keep(self, tape: Tape) -> None:
        """Take from the tape of an inspected step what outlives it."""
        self._loss.saw(tape.losses, tape.backward_value)
        for cut in tape.cuts:
            self.cuts.setdefault((cut.operation, cut.at), cut)
        tape.open = False
        tape.losses.clear()
        if len(self._tapes) < _KEPT_TAPES:
            self._tapes.append(tape)

    # ---- hooks ----------------------------------------------------------------------------

    def _before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        if not self._observing or id(module) not in self._paths or in_backward():
            return None
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - the tape must not note what we do
            return self._call_begins(module, args)

    def _call_begins(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        path, owner = self._paths[id(module)], self._layer_of_module.get(id(module))
        tape = self._tape
        if tape is not None and tape.open:
            if tape.depth == 0 and torch.is_grad_enabled():
                self._data.saw(args)
            call = None
            if owner is not None:
                is_norm = owner.role is Role.NORMALISATION
                call = Call(
                    path,
                    type(module).__name__,
                    is_weights=not is_norm,
                    reads=frozenset(),
                    normalises=is_norm and normalises(module),
                )
            tape.enter(
                path,
                layer=call,
                native=is_native(module),
                leaf=not any(True for _ in module.children()),
            )
        if owner is not None and owner.role is Role.RECURRENT and torch.is_grad_enabled():
            return self._watch_time(module, owner.path, args)
        return None

    def _after_forward(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not self._observing or id(module) not in self._paths:
            return
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - the tape must not note what we do
            self._call_ends(module, (args, kwargs), output)

    def _call_ends(self, module: nn.Module, inputs: Any, output: Any) -> None:
        path, owner = self._paths[id(module)], self._layer_of_module.get(id(module))
        again = in_backward()
        if not again and self._tape is not None and self._tape.open:
            self._tape.leave(path, inputs, output)
        if owner is None:
            return
        self._called.add(path)
        if not torch.is_grad_enabled():
            self._note_no_grad(owner)
            return
        first = next((t for t in tensors_in(output) if t.is_floating_point()), None)
        if first is None or (again and path in self._calls):
            return
        self._read_output(path, first, self._batch_axis(module))

    def _note_no_grad(self, owner: Owner) -> None:
        if self._tape is not None and any(p.requires_grad for p in owner.parameters.values()):
            cut = Cut(operation="no_grad", layer=owner.path, at=user_site())
            self.cuts.setdefault(("no_grad", owner.path), cut)

    @staticmethod
    def _batch_axis(module: nn.Module) -> int:
        first = getattr(module, "batch_first", True)
        return 0 if first or isinstance(module, nn.RNNCellBase) else 1

    def _read_output(self, path: str, output: torch.Tensor, batch_axis: int = 0) -> None:
        number = self._calls[path] = self._calls.get(path, 0) + 1
        self._ledger.read((path, "output"), output)
        if output.dim() > batch_axis and (apart := spread(output, batch_axis)) is not None:
            self._ledger.add((path, "spread"), apart)
        if output.requires_grad:
            output.register_hook(partial(self._output_gradient, path, number))

    def _output_gradient(self, path: str, number: int, gradient: torch.Tensor) -> None:
        self._arrived.add(path)
        self._ledger.read((path, "output_grad"), gradient)
        self._ledger.read((path, "call_grad", number), gradient, 4_096)

    def _watch_time(self, module: nn.Module, path: str, args: tuple[Any, ...]) -> Any:
        """Read the gradient that reaches a recurrent layer's input at each time step."""
        if isinstance(module, nn.RNNCellBase) or not args:
            return None
        packed = isinstance(args[0], PackedSequence)
        inputs = args[0].data if packed else args[0]
        if not inputs.is_floating_point():
            return None
        replaced = not inputs.requires_grad
        if replaced:  # the gradient of the input is otherwise not computed
            inputs = inputs.detach().requires_grad_()
        axis = 0 if packed or not getattr(module, "batch_first", False) else 1
        inputs.register_hook(partial(self._input_gradient, path, axis))
        if not replaced:
            return None
        first = args[0]._replace(data=inputs) if packed else inputs
        return (first, *args[1:])

    def _input_gradient(self, path: str, axis: int, gradient: torch.Tensor) -> None:
        length = gradient.shape[axis]
        if length < EARLIEST:
            return
        squares = gradient.detach().double().movedim(axis, 0).reshape(length, -1).pow(2).mean(1)
        quarter = length // 4
        ends = torch.stack([squares[:quarter].mean(), squares[-quarter:].mean()])
        self._ledger.add((path, "through_time"), ends)

    def _nonlinearity(self, call: Call, x: torch.Tensor, y: torch.Tensor) -> None:
        assert self._units is not None
        assert call.nonlinearity is not None
        self._units.saw(
            call.path, call.nonlinearity, x.detach(), y.detach(), self._unit_axis(call, y)
        )
        if torch.is_grad_enabled() and y.requires_grad:
            self._ledger.read((call.path, "output"), y)
            if (apart := spread(y, 0)) is not None:
                self._ledger.add((call.path, "spread"), apart)
            y.register_hook(partial(self._plain_gradient, call.path))

    def _plain_gradient(self, path: str, gradient: torch.Tensor) -> None:
        self._ledger.read((path, "output_grad"), gradient)

    def _unit_axis(self, call: Call, y: torch.Tensor) -> int:
        """Channels of a convolution lie along axis 1, other units along the last."""
        assert self._tape is not None
        todo = list(call.reads)
        for _ in range(8):
            if not todo:
                break
            source = self._tape.calls[todo.pop(0)]
            if source.is_weights:
                return 1 if source.kind.startswith("Conv") and y.dim() > 2 else -1
            todo.extend(source.reads)
        return 1 if y.dim() == 4 else -1

    def _product(self, path: str, output: torch.Tensor) -> None:
        self._called.add(path)
        if torch.is_grad_enabled():
            self._read_output(path, output)

    def _attention(self, call: Call, rows: torch.Tensor) -> None:
        keys = rows.shape[-1]
        if keys < 2:
            return
        weights = rows[:1].double().reshape(-1, keys)[:4_096]
        entropy = -(weights * weights.clamp_min(1e-300).log()).sum(-1).mean()
        uniform = torch.log(entropy.new_tensor(float(keys)))
        self._ledger.add((call.path, "entropy"), torch.stack([entropy, uniform]))

    def _raw_gradient(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self._raw[id(parameter)] = torch.linalg.vector_norm(
                local(parameter.grad.detach()).to_dense()
            ).double()

    def _before_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._observing and self._weights is not None:
            with torch.no_grad():
                self._weights.before(optimizer)

    def _after_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._observing and self._weights is not None:
            with torch.no_grad():
                self._weights.after(optimizer)
        if self._tape is not None and self._raw:
            self._note_clip(optimizer)

    def _note_clip(self, optimizer: torch.optim.Optimizer) -> None:
        used = [
            (self._raw[id(p)], torch.linalg.vector_norm(local(p.grad.detach()).to_dense()).double())
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None and id(p) in self._raw
        ]
        if used:
            raw, seen = (torch.stack(list(x)).pow(2).sum() for x in zip(*used, strict=True))
            self._ledger.add(("", "clip"), torch.stack([seen, raw]))

    # ---- the result -----------------------------------------------------------------------

    def trace(self, precision: str = "float32") -> Trace:
        """Return everything measured so far."""
        held = self._held_by_optimizers()
        layers = anatomy.layers(
            self._owners,
            self._tapes,
            lambda owner: tuple(self._parameter(n, p, held) for n, p in owner.parameters.items()),
            self._arrived,
            self._called,
            self.site_of,
            self._modules,
        )
        names = [type(o).__name__ for o in self.optimizers]
        loose = [x for model in self.models for x in anatomy.unregistered(model)]
        return Trace(
            layers=layers,
            steps=tuple(self.steps),
            data=self._data.facts(self._loss),
            loss=self._loss.facts(),
            cuts=tuple(self.cuts.values()),
            gaps=tuple(self.gaps.values()),
            optimizer=", ".join(dict.fromkeys(names)) or None,
            adaptive=any(is_adaptive(o) for o in self.optimizers),
            precision=precision,
            unregistered=tuple(loose),
            skips=any(t.merges for t in self._tapes),
        )

    def _held_by_optimizers(self) -> dict[int, dict[str, Any]]:
        return {id(p): g for o in self.optimizers for g in o.param_groups for p in g["params"]}

    def _parameter(
        self, name: str, parameter: nn.Parameter, held: dict[int, dict[str, Any]]
    ) -> Parameter:
        group = held.get(id(parameter), {})
        assert self._weights is not None
        rate = group.get("lr")
        return Parameter(
            name=name,
            shape=tuple(parameter.shape),
            dtype=str(parameter.dtype).removeprefix("torch."),
            trainable=parameter.requires_grad,
            optimised=id(parameter) in held,
            reached=id(parameter) in self._weights.reached or parameter.grad is not None,
            learning_rate=float(rate) if rate is not None else None,
            weight_decay=float(group.get("weight_decay") or 0.0),
            std=self._start[id(parameter)],
            rows_identical=anatomy.rows_identical(parameter),
        )


def is_adaptive(optimizer: torch.optim.Optimizer) -> bool:
    """Does the optimizer rescale each element, so that the size of a gradient hardly matters?"""
    states = list(optimizer.state.values())[:1]
    keys = set(states[0]) if states else set()
    return (
        bool(keys & {"exp_avg_sq", "square_avg", "sum", "exp_inf"})
        or type(optimizer).__name__ == "Lion"
    )
