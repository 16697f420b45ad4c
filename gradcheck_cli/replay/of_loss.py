"""The loss of recorded steps as a change has it: another criterion, a weaker penalty on weights."""

from collections.abc import Callable, Mapping
from typing import Any

from gradcheck_cli.replay.events import Applied, Call, Event
from gradcheck_cli.replay.recording import Unit, leading_to
from gradcheck_cli.replay.values import Given, Made, Owned, placeholders

SUMS = frozenset({"__add__", "__radd__", "__iadd__", "add", "add_"})


def judged(event: Applied, args: Any, kwargs: Any, change: Callable[..., Any]) -> Any:
    """Run the loss function as the change has it; it is given output and target."""
    given = [*event.args, *event.kwargs.values()]
    output = next(i for i, x in enumerate(given) if isinstance(x, Made))
    target = next(i for i, x in enumerate(given) if isinstance(x, Given))
    names = list(kwargs)

    def criterion(one: Any, other: Any, *_: Any) -> Any:
        values = [*args, *kwargs.values()]
        values[output], values[target] = one, other
        named = dict(zip(names, values[len(args) :], strict=True))
        return event.function(*values[: len(args)], **named)

    values = [*args, *kwargs.values()]
    return change(criterion)(values[output], values[target])


def penalties_of(units: tuple[Unit, ...]) -> Mapping[Event, int]:
    """Return the sums on the way to a loss of which one part is computed of weights alone, and which."""
    of_data, of_weights, found = set[int](), set[int](), dict[Event, int]()
    for unit in units:
        leading = leading_to(unit, set(unit.losses))
        for event in unit.all:
            given = any(x.tensor.numel() > 1 for x in event.data)
            if isinstance(event, Call) or given or event.reads & of_data:
                of_data |= event.writes
            elif event.reads & of_weights or _uses_weights(event):
                of_weights |= event.writes
            if event in leading and isinstance(event, Applied) and event.name in SUMS:
                slots = [x.slot if isinstance(x, Made) else -1 for x in event.args[:2]]
                alone = [i for i, s in enumerate(slots) if s in of_weights and s not in of_data]
                if len(alone) == 1 and slots[1 - alone[0]] in of_data:
                    found[event] = alone[0]
    return found


def _uses_weights(event: Event) -> bool:
    inside = (*placeholders(event.args), *placeholders(event.kwargs))
    return any(isinstance(x, Owned) and x.tensor.requires_grad for x in inside)


def weighed(args: tuple[Any, ...], penalty: int, factor: float) -> tuple[Any, ...]:
    """Return what is summed with the penalty multiplied; as it was where that changes nothing."""
    if factor == 1.0:
        return args
    return tuple(x * factor if i == penalty else x for i, x in enumerate(args))
