"""What a recording knows of the training: which tensors are whose, and what all held before it began."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from gradcheck_cli.probe.by_hand import leaves_of
from gradcheck_cli.replay.events import Call, Event
from gradcheck_cli.replay.identities import Identities, Unknown
from gradcheck_cli.replay.leaving import Leaving
from gradcheck_cli.replay.recording import Recording, pruned
from gradcheck_cli.replay.state import Holdings, State
from gradcheck_cli.replay.values import Given, Kept, Made, Owned, Path, Placeholder, leaves, mapped
from gradcheck_cli.targets.models import is_compiled

LEVELS = 4  # of nesting in what functions are given
UNSETTLED = 2_000  # events, after which is forgotten what nobody needs, also amid a step


@dataclass(slots=True)
class Keeper:
    """Turns what happens into events of a recording."""

    recording: Recording = field(default_factory=Recording)
    identities: Identities = field(default_factory=Identities)
    events: list[Event] = field(default_factory=list)
    settled: list[Event] = field(default_factory=list)  # of earlier steps
    left: Leaving = field(default_factory=Leaving)
    state_slots: set[int] = field(default_factory=set)  # gradients
    _weighed: dict[int, int] = field(default_factory=dict)  # bytes of settled data, by its id
    nbytes: int = 0  # the memory of settled data
    most: int | None = None  # bytes of weights that may be copied; None is as many as there are

    def know_module(self, module: nn.Module) -> None:
        """Keep what a module holds before its first recorded call."""
        if id(module) in self.recording.holdings.modules:
            return
        self.identities.add_module(module)
        self.recording.compiled |= is_compiled(module)
        new = Holdings()
        new.add_module(module)
        self._keep(new)

    def refuses(self, module: nn.Module) -> str:
        """Return why the weights of a module are not to be copied, if they are not."""
        if self.most is None or id(module) in self.recording.holdings.modules:
            return ""
        sized = (p for p in module.parameters() if not isinstance(p, UninitializedParameter))
        size = sum(p.numel() * p.element_size() for p in sized)
        return f"its weights take {size / 2**20:.0f} MiB" if size > self.most else ""

    def know_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep what an optimizer holds before its first recorded step."""
        if id(optimizer) in self.recording.holdings.objects:
            return
        self.identities.add_optimizer(optimizer)
        new = Holdings()
        new.add_optimizer(optimizer)
        self._keep(new)

    def know_leaves(self, losses: Iterable[Tensor]) -> None:
        """Keep what a backward pass gives gradients to, also where no module is known to hold it."""
        for leaf in (leaf for loss in losses for leaf in leaves_of(loss)):
            if not self._holds(leaf):
                self._keep(Holdings(tensors={id(leaf): leaf}))

    def knows_owner(self, owner: Any) -> bool:
        """Keep what the owner of a method holds; False for a module that was not called so far."""
        if isinstance(owner, torch.optim.Optimizer):
            self.know_optimizer(owner)
        elif isinstance(owner, nn.Module):
            return any(id(p) in self.identities.owned for p in owner.parameters())
        elif id(owner) not in self.recording.holdings.objects:
            self._keep(Holdings(objects={id(owner): owner}))
        return True

    def _keep(self, found: Holdings) -> None:
        recording = self.recording
        new = found.without(recording.holdings)
        if not new.is_empty:
            state = State.of(new).copied(recording.holdings.tensors)
            recording.initial = recording.initial.and_also(state)
            recording.holdings.take(new)

    def is_followed(self, args: Any, kwargs: Any) -> bool:
        """Is anything among this a parameter, a buffer, or made by something recorded?"""
        return any(self.identities.is_followed(t) for _, t in leaves((args, kwargs), depth=LEVELS))

    def uses_new_weights(self, args: Any, kwargs: Any, result: Any) -> bool:
        """Is a result to learn from computed of weights before a module or an optimizer used them?

        Whatever else is done to new weights is their initialization, and happens before the recording.
        """
        learned = torch.is_grad_enabled() and any(
            t.requires_grad for _, t in leaves(result, depth=LEVELS)
        )
        if not learned:
            return False
        given = leaves((args, kwargs), depth=LEVELS)
        return any(self.identities.is_new_weight(tensor) for _, tensor in given)

    def is_state(self, tensor: Tensor) -> bool:
        """Is it, or is it a view of, a parameter, a buffer or a gradient?"""
        identities = self.identities
        return identities.is_state(tensor) or identities.slot_of(tensor) in self.state_slots

    def give(self, event: Event, args: Any, kwargs: Any, written: Any = ()) -> None:
        """Write down what an event is given. Raises Unknown where a tensor's making was not seen."""
        ids = {id(tensor) for tensor in written}
        found: list[Placeholder] = []

        def stand_in(tensor: Tensor) -> Any:
            found.append(self.identities.placeholder(tensor, written=id(tensor) in ids))
            return found[-1]

        event.args = mapped(_own(tuple(args)), stand_in)
        event.kwargs = mapped({key: _own(value) for key, value in kwargs.items()}, stand_in)
        event.reads = frozenset(x.slot for x in found if isinstance(x, Made))
        event.data = tuple(x for x in found if isinstance(x, Given))
        self.left.mark(event, (args, kwargs), self.identities)
        for entry in found:
            if isinstance(entry, Kept):
                self._keep(Holdings(containers={id(entry.holder): entry.holder}))
                self._last_call_lasts()
            elif isinstance(entry, Owned) and not self._holds(entry.tensor):
                self._keep(Holdings(tensors={id(entry.tensor): entry.tensor}))

    def _holds(self, tensor: Tensor) -> bool:
        return id(tensor) in self.recording.holdings.tensors

    def _last_call_lasts(self) -> None:
        for event in reversed(self.events):
            if isinstance(event, Call):
                event.lasting = True
                return

    def take(self, event: Event, result: Any, args: Any, kwargs: Any, written: Any = ()) -> None:
        """Write down what came out of an event, and that it happened."""
        known = self.identities
        found: list[tuple[Path, Tensor]] = [
            (path, t) for path, t in leaves((result,)) if id(t) not in known.owned
        ]
        seen = {id(tensor) for _, tensor in found}
        alone = {id(t) for t in written if id(t) not in seen and id(t) not in known.owned}
        if alone:
            found += [(p, t) for p, t in leaves((None, args, kwargs)) if id(t) in alone]
        event.outputs = tuple((path, known.make(tensor)) for path, tensor in found)
        self.events.append(event)
        self.left.follow(event)

    def slot_of(self, tensor: Tensor) -> int | None:
        """Return the slot of a tensor that something recorded made."""
        return self.identities.slot_of(tensor)

    def settle(self) -> None:
        """A step has ended: forget what nothing recorded needs and nobody holds."""
        self.identities.sweep()
        recent = pruned(self.events, self.identities.live_slots)
        self.settled += recent
        self.events = []
        for event in recent:
            for given in _data_of(event):
                if id(given) not in self._weighed:
                    size = given.tensor.numel() * given.tensor.element_size()
                    self._weighed[id(given)] = size
                    self.nbytes += size

    def is_full(self, memory: int) -> bool:
        """Is it time to settle, also amid a step: an evaluation before it may be long?"""
        return len(self.events) > UNSETTLED or self.nbytes + self.identities.copied > memory

    @property
    def number(self) -> int:
        """How many events are kept."""
        return len(self.settled) + len(self.events)

    def finish(self, obstacle: str) -> None:
        """Write the events into the recording."""
        self.recording.trained = frozenset(self.identities.trained)
        self.recording.obstacle = obstacle
        self.recording.events = pruned([*self.settled, *self.events], set())
        self.recording.nbytes = self.nbytes
        self.settled = self.events = []
        self.identities = Identities()


def _own(value: Any) -> Any:
    """Return a value in which nobody writes later, as one shuffles indices in their place."""
    if type(value) in (list, tuple):
        return type(value)(map(_own, value))
    return value.copy() if type(value).__name__ == "ndarray" else value


def _data_of(event: Event) -> list[Given]:
    inner = getattr(event, "closure", None) or ()
    return [*event.data, *(x for e in inner for x in _data_of(e))]


__all__ = ["Keeper", "Unknown"]
