"""A recorded step parted into what calls the network and what makes the loss of its output."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any

from torch import nn

from gradcheck_cli.replay.events import Applied, Backward, Call, Event, Method, Update
from gradcheck_cli.replay.recording import Recording, Unit, leading_to
from gradcheck_cli.replay.values import Given, Kept, Path, named_within, placeholders
from gradcheck_cli.targets.calling import TARGET_NAMES, by_name, forward_names
from gradcheck_cli.targets.optimizers import ids_held_by

IsTrained = Callable[[nn.Module], bool]


def _closed(events: Sequence[Event]) -> bool:
    made = frozenset().union(*(e.writes for e in events))
    return all(e.reads <= made for e in events)


class Piece:
    """What leads to the loss of a backward pass; of several where they share calls of the network.

    `main` is the call whose output the loss is computed from, or None, and `why` the reason. `after`
    makes the loss of it: of the one output at `path`, or `inseparable` says why not.
    """

    def __init__(self, unit: Unit, losses: set[int], is_trained: IsTrained) -> None:
        self.unit, self.losses = unit, sorted(losses)
        self.events = _leading(unit, losses)
        nets = [e for e in self.events if isinstance(e, Call) and e.modes.grad]
        nets = [e for e in nets if is_trained(e.module)]
        before = {e for net in nets for e in leading_to(unit, set(net.reads))}
        last = [net for net in nets if net not in before]
        self.last = tuple(last)
        self.main: Call | None = last[0] if len(last) == 1 else None
        self.why = "" if self.main else f"the loss is computed from {len(last)} calls of networks"
        self.before = tuple(e for e in self.events if e in before)
        self.after = tuple(e for e in self.events if e not in before and e is not self.main)
        self.path, self.inseparable = self._separated()
        self.target = self._target()
        fed = [name for name, given in self._called() if given is self.target and not _means(name)]
        self.target_name = fed[0] if fed else "target"  # an autoencoder is fed its target
        self.given = self._named()
        self.inputs = self._inputs()

    @property
    def stands_alone(self) -> bool:
        """Does it need nothing that an earlier step made?"""
        return _closed(self.events)

    @cached_property
    def edits(self) -> tuple[Event, ...]:
        """What is done to gradients before the update; nothing where that needs more than gradients."""
        events = self.unit.all
        last = max((i for i, e in enumerate(events) if isinstance(e, Backward)), default=-1)
        until = takewhile(lambda e: not isinstance(e, Update), events[last + 1 :])
        found = tuple(e for e in until if isinstance(e, Applied))
        return found if _closed(found) else ()

    def _separated(self) -> tuple[Path, str]:
        """Return the way to the output that meets data (others make penalties), or why there is none."""
        if self.main is None:
            return (), self.why
        if self.main.writes & set(self.losses):
            return (), "the model computes its loss itself"
        if any(isinstance(x, Kept) for e in self.after for x in _inside(e)):
            return (), "a part of the loss lies in an attribute of the model"
        read = frozenset().union(*(e.reads for e in self.after))
        early = frozenset().union(*(e.writes for e in self.before)) & read
        used = [(path, slot) for path, slot in self.main.outputs if slot in read]
        if len(used) > 1 or early:
            compared = _compared(self.after, {*early, *(slot for _, slot in used)})
            early, used = early & compared, [entry for entry in used if entry[1] in compared]
        if early:
            return (), "the loss is also computed from what an earlier module returns"
        if len(used) != 1 or used[0][0][:1] != (("item", 0),):
            return (), f"the loss is computed from {len(used)} outputs of the model"
        return used[0][0][1:], ""

    def _target(self) -> Given | None:
        """Return the data that meets the output first: in a function named after losses, or in any."""
        if self.main is None:
            return None
        own = {slot for path, slot in self.main.outputs if path == (("item", 0), *self.path)}
        made, meeting = (self.main.writes if self.inseparable else own), []
        for event in self.after:
            if event.reads & made:
                made = made | event.writes
                meeting += [event] if event.data or _is_loss(event) else []
        meeting.sort(key=lambda e: not _is_loss(e))
        if meeting and _is_loss(meeting[0]) and not any(e.data for e in meeting if _is_loss(e)):
            meeting = []  # what it is compared with is computed, as of the next state's values
        found = [data for event in meeting for data in event.data if data.tensor.ndim]  # no count
        found.sort(key=lambda data: data.tensor.numel() == 1)
        if not found and not self.inseparable:  # as log-probabilities of what was chosen
            self.inseparable = "behind the model nothing compares its output with data"
        return found[0] if found else next((g for name, g in self._called() if _means(name)), None)

    def _called(self) -> Iterator[tuple[str, Given]]:
        """Yield the data that is given to calls of networks, by the names of their arguments."""
        for event in (*self.before, *self.last):
            names = forward_names(event.module)[0] if isinstance(event, Call) else []
            named = [(names[i] if i < len(names) else "data", x) for i, x in enumerate(event.args)]
            for name, value in (*named, *by_name(names, event.kwargs).items()):
                yield from ((n, x) for n, x in named_within(name, value) if isinstance(x, Given))

    def _named(self) -> dict[str, Given]:
        """Return all the data of the piece, each tensor by one name."""
        found: dict[str, Given] = {}
        target = [] if self.target is None else [(self.target_name, self.target)]
        rest = [("data", x) for e in self.events for x in e.data]
        for name, given in (*target, *self._called(), *rest):
            if any(given is known for known in found.values()):
                continue
            number = sum(known.partition("[")[0] == name for known in found)
            found[f"{name}[{number}]" if number else name] = given
        return found

    def _inputs(self) -> tuple[str, ...]:
        called = {id(given) for name, given in self._called() if not _means(name)}
        return tuple(name for name, given in self.given.items() if id(given) in called)


def pieces(recording: Recording) -> tuple[Piece, ...]:
    """Return the pieces of all recorded steps that compute what the first one with a trained network does."""
    trained = ids_held_by(*recording.optimizers)

    def is_trained(module: nn.Module) -> bool:
        held = module.parameters()
        return any(id(p) in trained if trained else p.requires_grad for p in held)

    found = [p for unit in _with_penalties(recording.units) for p in _of_unit(unit, is_trained)]
    kinds = [_kind(p) for p in found if p.main is not None] or [_kind(p) for p in found]
    return tuple(p for p in found if _kind(p) == kinds[0])


def _with_penalties(units: Sequence[Unit]) -> Iterator[Unit]:
    """Yield the units, each with what was computed of weights between the last update and its first call."""
    early: tuple[Event, ...] = ()
    for unit in units:
        yield Unit(unit.index, (*early, *unit.events))
        last = max((i for i, e in enumerate(unit.events) if isinstance(e, Update)), default=-1)
        early = tuple(e for e in unit.events[last + 1 :] if isinstance(e, Applied))


def _of_unit(unit: Unit, is_trained: IsTrained) -> Iterator[Piece]:
    """Yield a piece per backward pass where they have no call in common, else one of them all."""
    passes = [set(e.losses) for e in unit.all if isinstance(e, Backward)]
    calls = [
        {e for e in leading_to(unit, losses) if isinstance(e, Call) and is_trained(e.module)}
        for losses in passes
    ]
    if sum(map(len, calls)) > len(set().union(*calls)):
        passes = [set(unit.losses)]
    yield from (Piece(unit, losses, is_trained) for losses in passes if losses)


def _kind(piece: Piece) -> Any:
    module = None if piece.main is None else id(piece.main.module)
    return module, piece.path, piece.inseparable, tuple(piece.given), piece.inputs


def _leading(unit: Unit, losses: set[int]) -> Sequence[Event]:
    """Return what has to be played for the losses; what calls write by the side as well."""
    leading = leading_to(unit, losses)
    aside = any(isinstance(x, Kept) for e in leading for x in _inside(e))
    return [
        e
        for e in unit.all
        if not isinstance(e, Method)
        and (e in leading or (aside and isinstance(e, Call) and e.lasting))
    ]


def _compared(events: Sequence[Event], slots: set[int]) -> frozenset[int]:
    """Return which of these slots meet data that varies, by themselves or in what is made of them."""
    made, found = {slot: {slot} for slot in slots}, set[int]()
    for event in events:
        of = set().union(*(made[slot] for slot in event.reads if slot in made))
        if any(not bool((x.tensor == x.tensor.flatten()[:1]).all()) for x in event.data):
            found |= of
        for slot in event.writes if of else ():
            made[slot] = made.get(slot, set()) | of
    return frozenset(found)


def _inside(event: Event) -> list[Any]:
    return [*placeholders(event.args), *placeholders(event.kwargs)]


def _is_loss(event: Event) -> bool:
    name = event.name if isinstance(event, Applied) else ""
    if isinstance(event, Call):
        name = type(event.module).__name__.lower()
    return "loss" in name or "entropy" in name


def _means(name: str) -> bool:
    return name.rpartition(".")[2] in TARGET_NAMES
