"""Records the first steps of a training while it runs, and changes nothing in it.

A torch function mode notes the functions of torch outside modules that work on something computed;
a call of a module by something that is no module is one event, whatever happens inside. Outside the
recorded steps nothing is hooked.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.probe.hooking import in_backward, is_traced, transformed
from gradcheck_cli.probe.listening import sweep
from gradcheck_cli.probe.patches import built
from gradcheck_cli.probe.shield import attempt, bare
from gradcheck_cli.probe.watched_calls import calls_seen, custom_functions_seen, methods_seen
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.replay.events import Applied, Backward, Call, Event, Method, Update, update_of
from gradcheck_cli.replay.functions import (
    TRANSFORMED,
    Noting,
    clip_in_progress,
    is_random,
    is_transparent,
    name_of,
    place_of_call,
    versions,
    written_by,
)
from gradcheck_cli.replay.keeping import LEVELS, Keeper, Unknown
from gradcheck_cli.replay.leaving import WAYS
from gradcheck_cli.replay.recording import Recording, site_text
from gradcheck_cli.replay.updates import Updates
from gradcheck_cli.replay.values import leaves
from gradcheck_cli.targets.modes import modes_now
from gradcheck_cli.targets.randomness import capture

STEPS = 50
MEMORY = 2**29  # bytes of data that are kept
MOST_EVENTS = 200_000
AHEAD = 4  # one optimizer may take so many more steps than another before the recording ends


@dataclass(slots=True)
class Recorder:
    """Records while it is entered, until `steps` steps were taken or the memory is full.

    With `waits` from the first optimizer on: before it, hearing every function costs and serves nothing.
    """

    steps: int = STEPS
    memory: int = MEMORY
    keeper: Keeper = field(default_factory=Keeper)
    waits: bool = False
    is_over: bool = False
    _unscaled: dict[int, tuple[int, Tensor]] = field(default_factory=dict)  # by slot of the scaled
    _lost: SourceSite | None = None  # where something was not recorded
    updates: Updates = field(default_factory=Updates)
    noting: Noting = field(init=False)
    _passes: int = 0  # backward passes before the first update; some loops never make one
    _thread: int = 0
    _active: bool = False
    _exit: ExitStack = field(default_factory=ExitStack)
    _last: ExitStack = field(default_factory=ExitStack)  # what must not end inside a hook

    @property
    def recording(self) -> Recording:
        """What was recorded."""
        return self.keeper.recording

    def __post_init__(self) -> None:
        self.noting = Noting(self.function)

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        attempt(lambda: self._exit.enter_context(built(self._expect, Optimizer)))
        if not self.waits:
            attempt(self._begin)
        return self

    def _expect(self, optimizer: Optimizer) -> None:
        self.keeper.identities.expect(optimizer)
        if not self._active and threading.get_ident() == self._thread:
            self._begin()

    def _begin(self) -> None:
        enter = self._exit.enter_context
        enter(calls_seen(self.called))
        enter(methods_seen(self.method))
        enter(custom_functions_seen(self.custom))
        self._last.enter_context(self.updates.seen(self))
        self.noting.begin()
        self._active = True

    def __exit__(self, *_: object) -> None:
        attempt(self.end, self._last.close, sweep)

    def end(self, obstacle: str = "") -> None:
        """End the recording, with the reason if it could not go on."""
        if not self.is_over:
            self.is_over, self._active = True, False
            self._exit.close()
            self.noting.end()
            self.keeper.finish(obstacle)

    @property
    def is_listening(self) -> bool:
        """Is this the training's own thread, outside of what is one event? In torch.func recording ends."""
        own = self._active and not self.noting.inside and threading.get_ident() == self._thread
        if own and transformed():
            self.end(TRANSFORMED)
        return own and not (self.is_over or in_backward() or is_traced())

    def called(
        self, original: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any
    ) -> Any:
        """A module is called."""
        if not self.is_listening or is_transparent(module):
            self._look_inside(module)
            return original(module, *args, **kwargs)
        if refusal := self.keeper.refuses(module):
            self.end(refusal)
            return original(module, *args, **kwargs)
        with self.noting.resting():
            self.keeper.know_module(module)
        event = Call(
            module=module,
            training=tuple((part, part.training) for part in module.modules()),
            modes=modes_now(),
            chance=capture(),
            site=place_of_call(),
        )
        if not self._give(event, args, kwargs):
            return original(module, *args, **kwargs)
        with self.noting.resting():
            before = versions(module)
            result = original(module, *args, **kwargs)
            event.lasting = module.training and versions(module) != before
        self.keeper.take(event, result, args, kwargs)
        return result

    def _look_inside(self, module: nn.Module) -> None:
        """Keep what a module holds that is called inside another without being a part of it."""
        if (
            id(module) not in self.recording.holdings.modules
            and self._active
            and self.noting.inside
            and threading.get_ident() == self._thread
            and not (in_backward() or is_traced() or transformed() or is_transparent(module))
        ):
            self.keeper.know_module(module)

    def function(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A function of torch is called outside modules."""
        if not self.is_listening:
            return func(*args, **kwargs)
        name = name_of(own := bare(func))
        if name == "backward":
            return self._backward(func, args, kwargs)
        if not self.keeper.is_followed(args, kwargs):
            result = func(*args, **kwargs)
            written = written_by(name, args, kwargs)
            if not written and self.keeper.uses_new_weights(args, kwargs, result):
                event = Applied(function=own, name=name, modes=modes_now(), site=place_of_call())
                if self._give(event, args, kwargs):
                    self.keeper.take(event, result, args, kwargs)
            return result
        if name in WAYS:
            self.keeper.left.note(name, args[0], self.keeper.identities)
        return self._applied(func, name, args, kwargs)

    def custom(self, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """An autograd.Function of the user's is applied."""
        if not self.is_listening or not self.keeper.is_followed(args, kwargs):
            return original(*args, **kwargs)
        with self.noting.resting():
            return self._applied(original, "apply", args, kwargs)

    def _applied(self, func: Callable[..., Any], name: str, args: Any, kwargs: Any) -> Any:
        """Run a function and note it, unless nothing comes of it."""
        written = written_by(name, args, kwargs)
        lasting = bool(written) or name.startswith("register_")
        event = Applied(function=bare(func), name=name, modes=modes_now(), lasting=lasting)
        event.chance = capture() if is_random(name) else None
        event.of_state = any(map(self.keeper.is_state, written))
        if lasting and not self._give(event, args, kwargs, written):
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if not lasting and next(leaves(result, depth=LEVELS), None) is None:
            return result
        event.site, event.clips = place_of_call(), clip_in_progress()
        if lasting or self._give(event, args, kwargs):
            self.keeper.take(event, result, args, kwargs, written)
            if written and not event.of_state:  # else a metric that is summed up
                event.lasting = not all(map(self.keeper.identities.lies_alone, written))
            if name == "get grad":
                self.keeper.state_slots |= event.writes
        return result

    def _backward(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        event = Backward(function=bare(func), modes=modes_now(), lasting=True)
        event.site = place_of_call()
        roots = [tensor for _, tensor in leaves(args[:1] or tuple(kwargs.values())[:1])]
        slots = [slot for root in roots if (slot := self.keeper.slot_of(root)) is not None]
        if not self.updates.counts:
            with self.noting.resting():
                self.keeper.know_leaves(roots)
        if len(slots) < len(roots):
            self.end(self._why_unfollowed(event.site))
        elif self._give(event, args, kwargs):
            pairs = zip(slots, roots, strict=True)
            plain = [self._unscaled.get(s, (s, root.detach().clone())) for s, root in pairs]
            event.losses = tuple(slot for slot, _ in plain)
            event.values = tuple(value for _, value in plain)
            self.keeper.events.append(event)
            self._passes += not self.updates.counts
            if self._passes >= AHEAD * self.steps:
                self.end()
        if not (args[2:] or kwargs.get("retain_graph") or kwargs.get("create_graph")):
            self.keeper.left.clear()
        return func(*args, **kwargs)

    def method(
        self, function: Callable[..., Any], owner: Any, name: str, args: Any, kwargs: Any
    ) -> Any:
        """A gradient scaler works, or gradients are set to zero."""
        if not self.is_listening or not self._knows(owner):
            return function(owner, *args, **kwargs)
        event: Event
        if name == "step":
            optimizer = args[0] if args else kwargs["optimizer"]
            self.keeper.know_optimizer(optimizer)
            event = update_of(optimizer, owner, place_of_call())
        else:
            event = Method(owner=owner, name=name, function=bare(function), modes=modes_now())
            event.lasting = name != "scale"
        if not self._give(event, args, kwargs):
            return function(owner, *args, **kwargs)
        given = leaves(args[:1] or tuple(kwargs.values())[:1]) if name == "scale" else ()
        plain = [(self.keeper.slot_of(x), x) for _, x in given]  # a disabled scaler returns it
        with self.noting.resting():
            result = function(owner, *args, **kwargs)
        self.keeper.take(event, result, args, kwargs)
        self._note_scaled(plain, result)
        if isinstance(event, Update):
            self.updates.count(event.optimizer)
        return result

    def _knows(self, owner: Any) -> bool:
        with self.noting.resting():
            return self.keeper.knows_owner(owner)

    def _note_scaled(self, plain: Sequence[tuple[int | None, Tensor]], result: Any) -> None:
        for (one, loss), (_, scaled) in zip(plain, leaves(result), strict=False):
            other = self.keeper.slot_of(scaled)
            if one is not None and other is not None:
                self._unscaled[other] = (one, loss.detach().clone())

    def _give(self, event: Event, args: Any, kwargs: Any, written: Any = ()) -> bool:
        """Write down what an event is given; False where it cannot be recorded."""
        try:
            self.keeper.give(event, args, kwargs, written)
        except Unknown:
            self._lost = self._lost or event.site or place_of_call()
            if event.lasting:
                self.end(self._why_unfollowed(self._lost))
            return False
        if self.keeper.is_full(self.memory) and not self.updates.is_running:
            self._settle()
        return not self.is_over

    def stepped(self) -> None:
        """An optimizer has stepped: is that enough, and what can be forgotten?"""
        counts = self.updates.counts.values()
        if min(counts) >= self.steps or max(counts) >= AHEAD * self.steps:
            self.end()
            return
        self._settle()
        self.keeper.left.clear()
        self._unscaled.clear()

    def _settle(self) -> None:
        """Forget what nobody needs; end where the rest is too much."""
        keeper, steps = self.keeper, max(self.updates.counts.values(), default=0)
        keeper.settle()
        if keeper.nbytes > self.memory or keeper.number > MOST_EVENTS:
            most = f"more of them take more than {self.memory / 2**20:.0f} MiB"
            self.recording.notes.append(f"{steps} steps were recorded: {most}")
            self.end()

    def _why_unfollowed(self, site: SourceSite | None) -> str:
        if self.keeper.left:
            return f"the loss went {self.keeper.left}"
        where = site_text(self._lost or site)
        return f"what the loss is computed from{where} could not be followed"
