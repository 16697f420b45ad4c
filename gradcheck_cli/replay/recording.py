"""The steps that were recorded, and what can be asked of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.replay.events import Applied, Backward, Call, Event, Update, flat
from gradcheck_cli.replay.state import Holdings, State
from gradcheck_cli.targets.optimizers import ids_held_by

CUTS = frozenset({"detach", "get data"})  # functions behind which no gradient goes
RARE = 0.05  # of the steps of the busiest optimizer; one that steps more rarely ends no unit


@dataclass(frozen=True)
class Unit:
    """The events of one training step: every optimizer steps at least once."""

    index: int
    events: tuple[Event, ...]

    @cached_property
    def all(self) -> tuple[Event, ...]:
        """The events with those inside closures in their places."""
        return tuple(flat(list(self.events)))

    @cached_property
    def losses(self) -> tuple[int, ...]:
        """Slots of the losses."""
        return tuple(s for e in self.all if isinstance(e, Backward) for s in e.losses)

    @cached_property
    def value(self) -> float:
        """The loss that was recorded: the sum over the backward passes of the step."""
        values = [v for e in self.all if isinstance(e, Backward) for v in e.values]
        return float(sum(float(v.float().mean()) for v in values)) if values else float("nan")

    @cached_property
    def differentiates(self) -> bool:
        """Is a gradient a part of the loss, as in a penalty on it?"""
        return any(isinstance(e, Applied) and e.name == "grad" for e in self.all)

    @cached_property
    def comparisons(self) -> tuple[Applied, ...]:
        """Functions on the way to the loss that are given something computed and data, in order."""
        leading = leading_to(self, set(self.losses))
        return tuple(
            event
            for event in self.all
            if isinstance(event, Applied) and event in leading and event.reads and event.data
        )

    @cached_property
    def criterion(self) -> Applied | None:
        """The function that compares outputs with targets: the first such that is given two of a size."""
        sized = [e for e in self.comparisons if any(d.tensor.numel() > 1 for d in e.data)]
        return next((e for e in sized if "loss" in e.name or "entropy" in e.name), None) or next(
            iter(sized), None
        )

    @cached_property
    def reads_before(self) -> frozenset[int]:
        """Slots that an earlier step fills: a hidden state carried over, experience of an old policy."""
        known: set[int] = set()
        read: set[int] = set()
        for event in self.all:
            read |= event.reads - known
            known |= event.writes
        return frozenset(read)


@dataclass
class Recording:
    """The first steps of a training: what happened, and what everything held before.

    `obstacle` says why it ended early or cannot be played; '' where nothing stands in the way.
    """

    events: list[Event] = field(default_factory=list)
    holdings: Holdings = field(default_factory=Holdings)
    initial: State = field(default_factory=State)
    obstacle: str = ""
    notes: list[str] = field(default_factory=list)
    compiled: bool = False
    trained: frozenset[int] = frozenset()  # ids of what optimizers held
    nbytes: int = 0

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The complete steps."""
        return tuple(
            Unit(index, tuple(events)) for index, events in enumerate(divided(self.events))
        )

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """All calls of modules."""
        return tuple(e for unit in self.units for e in unit.all if isinstance(e, Call))

    @property
    def optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        """The optimizers that stepped."""
        found = {id(e.optimizer): e.optimizer for e in flat(self.events) if isinstance(e, Update)}
        return tuple(found.values())

    @cached_property
    def roles(self) -> dict[int, int]:
        """Return, by id of an optimizer, that of the first one in whose place it came."""
        return roles_of(self.events)

    @property
    def models(self) -> tuple[nn.Module, ...]:
        """The modules that were called, each once."""
        return tuple({id(e.module): e.module for e in self.calls}.values())

    @property
    def losses(self) -> tuple[float, ...]:
        """What was recorded."""
        return tuple(unit.value for unit in self.units)

    @cached_property
    def returning(self) -> str:
        """Say which way outputs left torch and came back as data of the loss; '' if they did not.

        Played with a change, such data would still be that of the unchanged model.
        """
        way = next(filter(None, map(_way_back, self.units)), "")
        return f"what the loss is computed from went {way}" if way else ""

    @cached_property
    def is_chained(self) -> bool:
        """Does a step need what an earlier one made? Then their order cannot be changed."""
        return any(unit.reads_before for unit in self.units)

    def settings_of(self, optimizer: torch.optim.Optimizer) -> tuple[Any, ...]:
        """Return the settings of an optimizer's groups in each of its steps."""
        return self._settings.get(id(optimizer), ())

    @cached_property
    def _settings(self) -> dict[int, tuple[Any, ...]]:
        found: dict[int, list[Any]] = {}
        for event in flat(self.events):
            if isinstance(event, Update):
                found.setdefault(id(event.optimizer), []).append(event.settings)
        return {key: tuple(rows) for key, rows in found.items()}

    def targets(self, step: int) -> tuple[Tensor, ...]:
        """Return the data that the outputs of a step are compared with; empty where a model does it."""
        found = [
            entry.tensor
            for event in self.units[step].comparisons
            for entry in event.data
            if entry.tensor.numel() > 1
        ]
        return tuple({id(tensor): tensor for tensor in found}.values())


def leading_to(unit: Unit, wanted: set[int], *, learned: bool = False) -> set[Event]:
    """Return the events on the way to these slots; with `learned` those that a gradient reaches."""
    found: set[Event] = set()
    for event in reversed(unit.all):
        if event.writes & wanted:
            found.add(event)
            if not learned or (event.modes.grad and getattr(event, "name", "") not in CUTS):
                wanted = wanted | event.reads
    return found


def _way_back(unit: Unit) -> str:
    """Return which way outputs that lead to the loss of a step left torch and came back into it."""
    losses = set(unit.losses)
    learned = leading_to(unit, losses, learned=True)
    made = frozenset().union(*(e.writes for e in learned))
    found = (entry for e in leading_to(unit, losses) for entry in e.since)
    return next((place for place, outputs in found if outputs & made), "")


def divided(events: Sequence[Event]) -> list[list[Event]]:
    """Cut the events into steps: each ends behind the last update, before the next thing computed.

    Without an optimizer a step ends behind its backward pass. What is left at the end is no step.
    """
    roles = roles_of(events)
    counts = Counter(roles[id(e.optimizer)] for e in events if isinstance(e, Update))
    most = max(counts.values(), default=0)
    awaited = frozenset(key for key, count in counts.items() if count > RARE * most)
    units: list[list[Event]] = []
    current: list[Event] = []
    left = set(awaited)
    ended = False
    for event in events:
        if ended and _begins(event):
            units.append(current)
            current, left, ended = [], set(awaited), False
        current.append(event)
        if isinstance(event, Update):
            left.discard(roles[id(event.optimizer)])
            ended = not left
        elif isinstance(event, Backward) and not awaited:
            ended = True
    return [*units, current] if ended else units


def roles_of(events: Sequence[Event]) -> dict[int, int]:
    """Tell optimizers that were made anew, as in each epoch, from those that step beside others.

    One takes the place of another where it begins to step after that one has ended, for weights of it.
    """
    steps: dict[int, list[int]] = {}
    trained: dict[int, set[int]] = {}
    for index, event in enumerate(flat(list(events))):
        if isinstance(event, Update):
            key = id(event.optimizer)
            steps.setdefault(key, [index, index])[1] = index
            trained.setdefault(key, ids_held_by(event.optimizer))
    roles: dict[int, int] = {}
    for key, (begun, ended) in steps.items():
        first = (r for r in dict.fromkeys(roles.values()) if steps[r][1] < begun)
        roles[key] = next((r for r in first if trained[r] & trained[key]), key)
        steps[roles[key]][1] = ended
    return roles


def _begins(event: Event) -> bool:
    return isinstance(event, Call | Backward | Update)


def pruned(events: list[Event], live: set[int]) -> list[Event]:
    """Leave out what nothing recorded needs and nobody holds: metrics, evaluations."""
    needed = set(live)
    kept: list[Event] = []
    for event in reversed(events):
        inner = flat([event])
        if any(e.lasting or e.writes & needed for e in inner):
            kept.append(event)
            for e in inner:
                needed |= e.reads
    return kept[::-1]


def site_text(site: SourceSite | None) -> str:
    """Return how a place is named in a sentence."""
    return f" at {site.file.rpartition('/')[2]}:{site.line}" if site is not None else ""
