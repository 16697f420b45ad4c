"""From owners and tapes to layers: order, distance from the loss, what follows each layer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from gradcheck_cli.probe.calls import Call
from gradcheck_cli.probe.ownership import Owner, kind_of, normalizes
from gradcheck_cli.probe.tape import Tape
from gradcheck_cli.records.trace import Gap, Layer, Parameter, Role, SourceSite

_WEIGHTED = {Role.LINEAR, Role.RECURRENT, Role.ATTENTION, Role.EMBEDDING}
SiteOf = Callable[[nn.Module], SourceSite | None]


@dataclass(slots=True)
class Place:
    """Where a layer stands in the forward pass, gathered from its calls."""

    kind: str
    role: Role
    order: int
    calls: int = 0
    depth: int | None = None
    shortest: int | None = None
    reads: dict[str, None] = field(default_factory=dict)
    activation: str | None = None
    activated_by: str | None = None
    normalized: bool = False
    at: SourceSite | None = None


def distances(tape: Tape) -> tuple[dict[int, int], dict[int, int]]:
    """Return, per call that the loss depends on, the weight layers after it: longest and shortest way."""
    longest: dict[int, int] = dict.fromkeys(tape.loss_reads, 0)
    shortest: dict[int, int] = dict.fromkeys(tape.loss_reads, 0)
    for index in range(len(tape.calls) - 1, -1, -1):
        if index not in longest:
            continue
        call = tape.calls[index]
        for read in call.reads:
            if read < index:
                longest[read] = max(longest.get(read, 0), longest[index] + call.is_weights)
                step = shortest[index] + call.is_weights
                shortest[read] = min(shortest.get(read, step), step)
    return longest, shortest


def _role(call: Call) -> Role:
    if call.normalizes:
        return Role.NORMALIZATION
    return Role.ATTENTION if call.attends else Role.ACTIVATION


def places(tapes: Sequence[Tape], roles: dict[str, Role]) -> dict[str, Place]:
    """Return every layer that ran in any of the tapes, by path, in order of its first run."""
    found: dict[str, Place] = {}
    for tape in tapes:
        longest, shortest = distances(tape)
        counts: dict[str, int] = {}
        for index, call in enumerate(tape.calls):
            role = roles.get(call.path, _role(call))
            place = found.setdefault(call.path, Place(call.kind, role, len(found), at=call.at))
            counts[call.path] = counts.get(call.path, 0) + 1
            if index in longest:
                place.depth = max(place.depth or 0, longest[index])
                known = place.shortest
                place.shortest = shortest[index] if known is None else min(known, shortest[index])
            place.reads.update(dict.fromkeys(tape.calls[i].path for i in call.reads))
            _tell_readers(tape, index, found)
        for path, count in counts.items():
            found[path].calls = max(found[path].calls, count)
    return found


def _tell_readers(tape: Tape, index: int, found: dict[str, Place]) -> None:
    """A nonlinearity or a normalization tells the weight layers before it what follows them."""
    call = tape.calls[index]
    if call.nonlinearity is None and not call.normalizes:
        return
    for read in _sources(tape, index):
        place = found.get(tape.calls[read].path)
        if place is None:
            continue
        if call.normalizes:
            place.normalized = True
        elif place.activation is None and call.nonlinearity is not None:
            place.activation, place.activated_by = call.nonlinearity.name, call.path


def _sources(tape: Tape, index: int) -> Iterable[int]:
    """The nearest weight layers before a call, looking through normalizations and nonlinearities."""
    todo, seen = list(tape.calls[index].reads), set[int]()
    while todo:
        read = todo.pop()
        if read in seen or read >= index:
            continue
        seen.add(read)
        if tape.calls[read].is_weights:
            yield read
        elif tape.calls[read].normalizes or tape.calls[index].normalizes:
            yield read
            todo.extend(tape.calls[read].reads)


def fans(parameter: Parameter | None, role: Role) -> tuple[int | None, int | None]:
    """Return fan-in and fan-out as in Glorot & Bengio 2010, for [out, in, *kernel] weights."""
    if parameter is None or len(parameter.shape) < 2 or role is Role.EMBEDDING:
        return None, None
    field_size = 1
    for extent in parameter.shape[2:]:
        field_size *= extent
    return parameter.shape[1] * field_size, parameter.shape[0] * field_size


def layers(
    owned: Sequence[Owner],
    tapes: Sequence[Tape],
    parameters: Callable[[Owner], tuple[Parameter, ...]],
    arrived: set[str],
    called: set[str],
    site_of: SiteOf,
    modules: dict[str, nn.Module],
) -> tuple[Layer, ...]:
    """Return all layers: those that ran in order of their first run, then those that never ran."""
    by_path = {o.path: o for o in owned}
    ran = places(tapes, {o.path: o.role for o in owned})
    result: list[Layer] = []
    for path, place in ran.items():
        owner = by_path.get(path)
        module = owner.module if owner else modules.get(path)
        own = parameters(owner) if owner else ()
        weight = max(own, key=lambda p: p.numel, default=None)
        fan_in, fan_out = fans(weight, place.role)
        result.append(
            Layer(
                path=path,
                kind=kind_of(module) if module is not None else place.kind,
                role=place.role,
                order=len(result),
                depth=place.depth,
                shortest=place.shortest,
                calls=place.calls,
                parameters=own,
                activation=place.activation,
                activated_by=place.activated_by,
                normalized=place.normalized,
                fan_in=fan_in,
                fan_out=fan_out,
                reads=tuple(place.reads),
                training=module.training if module is not None else True,
                built_at=site_of(module) if module is not None else place.at,
                gradient_arrives=path in arrived if owner else place.depth is not None,
            )
        )
    for owner in owned:
        if owner.path not in ran:
            result.append(_not_on_tape(owner, len(result), parameters, arrived, called, site_of))
    seen = any(x.depth is not None for x in result if x.parameters)
    return tuple(result) if seen else _by_registration(result)


def _by_registration(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Order weight layers that run where no hook sees them (TorchScript) as they were registered."""
    reached = [x for x in layers if x.role in _WEIGHTED and any(p.reached for p in x.parameters)]
    depths = {x.path: len(reached) - 1 - i for i, x in enumerate(reached)}
    return tuple(
        replace(x, called=True, depth=depths[x.path], shortest=depths[x.path])
        if x.path in depths
        else x
        for x in layers
    )


def gaps(layers: Sequence[Layer]) -> tuple[Gap, ...]:
    """Return what the order of the layers could not be read from."""
    if not any(x.depth is not None and not x.calls for x in layers):
        return ()
    reason = "layers run where no hook sees them; they are taken in the order of registration"
    return (Gap(what="order, outputs and nonlinearities of layers", reason=reason),)


def _not_on_tape(
    owner: Owner,
    order: int,
    parameters: Callable[[Owner], tuple[Parameter, ...]],
    arrived: set[str],
    called: set[str],
    site_of: SiteOf,
) -> Layer:
    return Layer(
        path=owner.path,
        kind=kind_of(owner.module) if owner.module is not None else "parameter",
        role=owner.role,
        order=order,
        called=owner.path in called or owner.path in arrived,
        parameters=parameters(owner),
        calls=0,
        built_at=site_of(owner.module) if owner.module is not None else None,
        gradient_arrives=owner.path in arrived,
    )


def rows_identical(parameter: torch.Tensor) -> bool:
    """Do all output units have the same weights?"""
    if parameter.dim() < 2 or parameter.shape[0] < 2:
        return False
    rows = parameter.detach()
    return bool((rows == rows[:1]).all())


def call_of(module: nn.Module, owner: Owner | None) -> Call | None:
    """Return the note of a layer's run. A nonlinearity with parameters (PReLU) is noted as such."""
    if owner is None or owner.role is Role.ACTIVATION:
        return None
    is_norm = owner.role is Role.NORMALIZATION
    return Call(
        owner.path,
        kind_of(module),
        is_weights=not is_norm,
        reads=frozenset(),
        normalizes=is_norm and normalizes(module),
    )
