"""The only mutable object of the probe: hooks in, readings out, nothing left behind.

Global module hooks and tensor hooks only: hooks stored on modules would break the user's pickling,
full backward hooks would break in-place operations.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

import torch
from torch import nn
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcheck_cli.probe import anatomy
from gradcheck_cli.probe.assembling import UNREAD, assemble
from gradcheck_cli.probe.clipping import ClipWatch
from gradcheck_cli.probe.describing import ParameterBook, groups, is_adaptive
from gradcheck_cli.probe.facts import DataWatch
from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.history import History
from gradcheck_cli.probe.hooking import in_backward, is_traced, unheard
from gradcheck_cli.probe.listening import Listening, sweep
from gradcheck_cli.probe.loss_facts import LossWatch
from gradcheck_cli.probe.loss_habits import LossHabits
from gradcheck_cli.probe.origins import LooseEnds
from gradcheck_cli.probe.outputs import OutputWatch
from gradcheck_cli.probe.ownership import Owner, clean, is_native, owners
from gradcheck_cli.probe.remade import MadeAnew
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.probe.tape import Tape
from gradcheck_cli.probe.teachers import Made, Prelude
from gradcheck_cli.probe.units import UnitWatch
from gradcheck_cli.probe.unregistered import Unregistered
from gradcheck_cli.probe.warned import warnings_at_their_line
from gradcheck_cli.probe.weights import WeightWatch
from gradcheck_cli.records.trace import Cut, Gap, Role, SourceSite, Step, Trace

_KEPT_TAPES = 4
_PROBED = 8  # gradients looked at to see whether all were cleared


@dataclass(slots=True)
class Recorder:
    """Watches models and optimizers; used as a context manager, one `step` after another."""

    models: Sequence[nn.Module]
    optimizers: Sequence[torch.optim.Optimizer]
    site_of: anatomy.SiteOf = lambda _: None
    names: Sequence[str] = ("",)
    steps: History = field(default_factory=History)
    gaps: dict[str, Gap] = field(default_factory=dict)
    cuts: dict[Any, Cut] = field(default_factory=dict)
    _loose: LooseEnds = field(default_factory=LooseEnds)
    loss_habits: LossHabits = field(default_factory=LossHabits)
    alone: bool = True  # hears of updates by itself; else it is told
    _exit: ExitStack = field(default_factory=ExitStack)
    _forward_hooks: ExitStack = field(default_factory=ExitStack)
    _observing: bool = False
    _tape: Tape | None = None
    _listening: Listening | None = None
    _tapes: list[Tape] = field(default_factory=list)
    data: DataWatch = field(default_factory=DataWatch)
    _loss: LossWatch = field(default_factory=LossWatch)
    _ledger: Ledger = field(default_factory=Ledger)
    _owners: list[Owner] = field(default_factory=list)
    _owner_of: dict[int, Owner] = field(default_factory=dict)  # by id of its module
    _paths: dict[int, str] = field(default_factory=dict)  # by id of the module
    _modules: dict[str, nn.Module] = field(default_factory=dict)
    # Calls without a graph: they are read when checkpointing repeats them, or they are cuts.
    _without_graph: dict[str, list[SourceSite | None]] = field(default_factory=dict)
    _updated: bool = False
    _made: Made = field(default_factory=Made)
    anew: MadeAnew = field(default_factory=MadeAnew)
    _prelude: Listening | None = None
    _book: ParameterBook = field(init=False)
    _unregistered: Unregistered = field(init=False)
    _weights: WeightWatch = field(init=False)
    _outputs: OutputWatch = field(init=False)
    _clip: ClipWatch = field(init=False)

    def __post_init__(self) -> None:
        for model, prefix in zip(self.models, self.names, strict=False):
            self._owners.extend(owners(model, prefix))
            for path, module in model.named_modules(prefix=prefix):
                self._paths[id(module)] = clean(path)
                self._modules[clean(path)] = module
        for owner in self._owners:
            if owner.module is not None:
                self._owner_of[id(owner.module)] = owner
                self._paths[id(owner.module)] = owner.path
        self._book = ParameterBook(self._owners)
        self._unregistered = Unregistered(self.models)
        self._weights = WeightWatch(self._owners, self._ledger, self._miss)
        owned = {o.path for o in self._owners}
        self._outputs = OutputWatch(self._ledger, UnitWatch(self._ledger), self._miss, owned)
        self._clip = ClipWatch(self._ledger)

    def __enter__(self) -> Self:
        add = self._exit.callback
        add(sweep)
        add(self.unhook_forward)
        self._exit.enter_context(warnings_at_their_line())
        if self.alone:
            add(register_optimizer_step_pre_hook(self.before_update).remove)
            add(register_optimizer_step_post_hook(self.after_update).remove)
        self.hook_forward()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _miss(self, what: str, reason: str) -> None:
        self.gaps.setdefault(what, Gap(what=what, reason=reason))

    def hook_forward(self) -> None:
        """Watch calls of modules from here on; while nothing is watched they cost nothing."""
        self.unhook_forward()
        add = self._forward_hooks.callback
        add(register_module_forward_pre_hook(self._before_forward).remove)
        after = register_module_forward_hook(self._after_forward, with_kwargs=True)
        add(_global_forward_hooks_with_kwargs.pop, after.id, None)  # torch forgets to
        add(after.remove)

    def unhook_forward(self) -> None:
        """Watch them no more, until `hook_forward`."""
        self._forward_hooks.close()

    def joins_call(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """A call of `module` had begun when the recorder was entered; may return other arguments."""
        return self._before_forward(module, args)

    def joins_update(self, optimizer: torch.optim.Optimizer) -> None:
        """An update by `optimizer` had begun when the step was."""
        self.before_update(optimizer, (optimizer, "closure"), {})

    def begin_prelude(self) -> None:
        """Before a step that will be inspected a network runs without a graph: it may make the targets."""
        if self._prelude is None and not self._observing:
            self._prelude = Listening(Prelude(self._made))
            self._prelude.__enter__()
            self._exit.callback(self.end_prelude)

    def end_prelude(self) -> None:
        """The step begins, or nothing more is watched."""
        if self._prelude is not None:
            self._prelude.__exit__()
            self._prelude = None

    # ---- one step -------------------------------------------------------------------------

    @contextmanager
    def step(self, *, observe: bool = True, inspect: bool = False) -> Iterator[None]:
        """Watch what happens inside; with `inspect` also what happens between the layers."""
        self._observing = observe or inspect
        self._updated = False
        self.end_prelude()
        self._weights.closely = inspect
        self._without_graph.clear()
        with ExitStack() as stack:
            stack.callback(self._close_eyes)
            if inspect:
                names = self._book.names
                made, unscaled = self._made, self._clip.unscaled
                layer_of = dict(names.values())
                self._tape = Tape(names, layer_of, self._outputs, unscaled, made, self.anew)
                self._tape.compared.cleared = self._is_cleared
                held = (p for owner in self._owners for p in owner.parameters.values())
                self._clip.begin(held, stack)
            if self._observing:
                self._outputs.begin(self._tape)
            self._listening = Listening(self._tape) if self._tape else None
            with self._listening or nullcontext():
                yield
            if self._tape is not None:
                self._keep(self._tape)

    def _close_eyes(self) -> None:
        self._observing = False
        self._tape = self._listening = None
        self._outputs.end()

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
        self._ledger.forget()
        self._clip.forget()

    def pass_by(self, loss: float, learning_rate: float | None) -> None:
        """Take in a step of which nothing was read."""
        self.steps.append(Step(index=self.steps.taken, loss=loss, learning_rate=learning_rate))

    def finish_step(self, loss: float, learning_rate: float | None = None) -> Step:
        """Fetch what was read in the step that ended, together with its loss."""
        self._clip.forget()
        readings, whole = ({}, UNREAD) if self._ledger.empty else assemble(self._ledger.fetch())
        self.loss_habits.settle(whole.loss_scale, whole.clip)
        step = Step(
            index=self.steps.taken,
            loss=loss,
            data_loss=self._loss.settle(loss, whole.loss_scale),
            readings=readings,
            learning_rate=learning_rate,
            clip=whole.clip,
            loss_scale=whole.loss_scale,
            skipped=whole.found_infinite and not self._updated,
        )
        self.steps.append(step)
        return step

    def _keep(self, tape: Tape) -> None:
        """Take from the tape of an inspected step what outlives it."""
        self._outputs.units.sum_up()
        for path, sites in self._without_graph.items():
            if sites:
                cut = Cut(operation="no_grad", layer=path, at=sites[0])
                self.cuts.setdefault(("no_grad", path), cut)
        self._loss.saw(tape.compared.found, tape.backward_value, self._behind)
        self._loss.directions.look(tape.compared.found, tape.compared.weights)
        self.loss_habits.saw(
            tape.compared, self._loss.terms.tasks, tape.slopes.of(tape.backward_value)
        )
        self._loose.take(tape.loose)
        self._unregistered.derived |= tape.derived
        self.anew.ended(self.optimizers)
        for cut in tape.cuts:
            self.cuts.setdefault((cut.operation, cut.at), cut)
        tape.close()
        if len(self._tapes) < _KEPT_TAPES:
            self._tapes.append(tape)

    def _is_cleared(self) -> bool:
        """Has none of the first parameters a gradient?"""
        held = (p for owner in self._owners for p in owner.parameters.values() if p.requires_grad)
        return all(p.grad is None or not p.grad.any() for p in islice(held, _PROBED))

    def _behind(self, made_by: Iterable[int | str]) -> Iterator[torch.Tensor]:
        """Yield the parameters with these identities, and those of layers with these paths."""
        wanted = set(made_by)
        for owner in self._owners:
            if owner.path in wanted:
                yield from owner.parameters.values()
        yield from self._made.known(x for x in wanted if isinstance(x, int))

    # ---- hooks ----------------------------------------------------------------------------

    @unheard
    def _before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        path = self._paths.get(id(module))
        if not self._observing or path is None:
            return None
        owner, tape = self._owner_of.get(id(module)), self._tape
        recurs = owner is not None and owner.role is Role.RECURRENT
        if (tape is None and not recurs) or in_backward() or is_traced():
            return None
        if tape is not None and tape.open:
            if tape.inside is None and torch.is_grad_enabled():
                self.data.saw(args)
            self._enter(tape, path, module, owner)
        if recurs and torch.is_grad_enabled():
            return self._outputs.watch_time(module, path, args)
        return None

    def _enter(self, tape: Tape, path: str, module: nn.Module, owner: Owner | None) -> None:
        """Note that a module begins; what torch's own layers do inside is not listened to."""
        leaf, native = not any(True for _ in module.children()), is_native(module)
        layer = anatomy.call_of(module, owner)
        tape.enter(path, layer=layer, native=native, leaf=leaf)
        if self._listening is not None:
            self._listening.go_on()  # the module before may have ended with an exception
            if layer is not None and native and leaf:
                self._listening.rest()

    @unheard
    def _after_forward(self, module: nn.Module, args: Any, *given: Any) -> None:
        path = self._paths.get(id(module))
        if not self._observing or path is None or is_traced():
            return
        # Without the arguments by name where another thread calls as this hook comes or goes.
        *named, output = given
        again, tape = in_backward(), self._tape
        if not again and tape is not None and tape.open:
            if self._listening is not None:
                self._listening.go_on()
            tape.leave(path, (args, *named), output)
            if tape.inside is None and named and not args and torch.is_grad_enabled():
                self.data.saw(*named)
        owner = self._owner_of.get(id(module))
        if owner is None:
            return
        self._outputs.called.add(path)
        if not torch.is_grad_enabled():
            self._runs_without_graph(owner, tape is not None and not again)
        elif not again or self._is_first_reading(path):
            self._outputs.read(module, path, output)

    def _runs_without_graph(self, owner: Owner, inspected: bool) -> None:
        if any(p.requires_grad for p in owner.parameters.values()):
            sites = self._without_graph.setdefault(owner.path, [])
            sites.append(user_site() if inspected else None)

    def _is_first_reading(self, path: str) -> bool:
        """Is a call in the backward pass the first with a graph? Reentrant checkpointing does that."""
        waiting = self._without_graph.get(path)
        if waiting:
            waiting.pop()
            return True
        return False

    def passes(self, roots: Sequence[torch.Tensor]) -> None:
        """A backward pass begins."""
        nodes = self._tape.slopes.nodes if self._tape is not None else None
        if nodes is not None or self.loss_habits.makers.looks:
            self.loss_habits.makers.begins(roots, nodes)

    def before_update(self, optimizer: torch.optim.Optimizer, *given: Any) -> None:
        """An update begins, of these arguments and keyword arguments."""
        if self._observing:
            self._read_before(optimizer, *given)

    def after_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """An update has ended."""
        if self._observing:
            self._read_after(optimizer)

    @unheard
    def _read_before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self._listening is not None and len(args) < 2 and not kwargs:
            self._listening.update_begins()  # without a closure, which computes the loss in there
        with torch.no_grad():
            self._weights.before(optimizer)
            self._clip.before_update(optimizer)

    @unheard
    def _read_after(self, optimizer: torch.optim.Optimizer) -> None:
        self._updated = True
        if self._listening is not None:
            self._listening.update_ends()
        with torch.no_grad():
            self._book.look()
            self._weights.after(optimizer)
            self._clip.after_update(optimizer)

    # ---- the result -----------------------------------------------------------------------

    def trace(self, precision: str = "float32") -> Trace:
        """Return everything measured so far."""
        held = groups(self.optimizers)
        layers = anatomy.layers(
            self._owners,
            self._tapes,
            lambda owner: self._book.of(owner, held, self._weights.reached),
            self._outputs.arrived,
            self._outputs.called,
            self.site_of,
            self._modules,
        )
        names = [type(o).__name__ for o in self.optimizers]
        return Trace(
            layers=layers,
            steps=tuple(self.steps),
            looks=self.steps.looks,
            data=self.data.facts(self._loss),
            loss=self._loss.facts(),
            cuts=(*self.cuts.values(), *self._loose.cuts(layers)),
            comparisons=tuple(dict.fromkeys(c for t in self._tapes for c in t.comparisons)),
            clamps=tuple(dict.fromkeys(c for t in self._tapes for c in t.clamps)),
            steep=tuple(dict.fromkeys(c for t in self._tapes for c in t.slopes.steep)),
            gaps=(*self.gaps.values(), *anatomy.gaps(layers)),
            optimizer=", ".join(dict.fromkeys(names)) or None,
            adaptive=any(is_adaptive(o) for o in self.optimizers),
            precision=precision,
            unregistered=tuple(self._unregistered.modules(self.optimizers)),
            strays=tuple(self._unregistered.weights(self.optimizers)),
            skips=any(t.merges for t in self._tapes),
        )
