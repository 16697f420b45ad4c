"""From what each rank measured to one trace: shards are added, replicas compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import sqrt
from typing import Any

from torch import nn

from gradcheck_cli.probe.ownership import clean
from gradcheck_cli.records.reading import QUANTITIES, Moments, Of, Reading
from gradcheck_cli.records.trace import Drift, Gap, Step, Trace

_APART = 1e-5  # relative difference of norms from which on replicas differ
_STEPS_OF_ALL = 2_048  # observed steps that all ranks together send, so that rank 0 can read them
_FEWEST = 8  # of each
_MOMENTS = frozenset(name for name, q in QUANTITIES.items() if q.value is None)
_OF_WEIGHTS = frozenset(name for name, q in QUANTITIES.items() if q.of is Of.WEIGHTS)


@dataclass(frozen=True, slots=True)
class Shard:
    """What one rank knows of one training."""

    steps: tuple[Step, ...]
    sharded: frozenset[str] = frozenset()  # layers whose parameters are spread over the ranks
    batch_size: int | None = None
    baseline: float | None = None  # loss of the best constant prediction on its samples
    data_baseline: float | None = None  # of the part that compares with targets, beside other terms

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "sharded": sorted(self.sharded),
            "batch_size": self.batch_size,
            "baseline": self.baseline,
            "data_baseline": self.data_baseline,
            "steps": [
                {
                    "index": s.index,
                    "loss": s.loss,
                    "data_loss": s.data_loss,
                    "readings": _plain(s),
                }
                for s in self.steps
            ],
        }

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Shard":
        """Take it from JSON."""
        steps = tuple(
            Step(
                index=s["index"],
                loss=s["loss"],
                data_loss=s["data_loss"],
                readings={path: _reading(r) for path, r in s["readings"].items()},
            )
            for s in plain["steps"]
        )
        sharded = frozenset(plain["sharded"])
        return cls(steps, sharded, plain["batch_size"], plain["baseline"], plain["data_baseline"])


def _plain(step: Step) -> dict[str, dict[str, Any]]:
    return {path: dict(_values(reading)) for path, reading in step.readings.items()}


def _values(reading: Reading) -> Iterator[tuple[str, Any]]:
    for entry in fields(Reading):
        value = getattr(reading, entry.name)
        if isinstance(value, Moments):
            yield entry.name, [_short(getattr(value, f.name)) for f in fields(Moments)]
        elif value is not None:
            yield entry.name, _short(value)


def _short(number: float) -> float:
    """Return seven digits of it, which is what a float32 holds; whole numbers stay."""
    return number if isinstance(number, int) else float(f"{number:.7g}")


def _reading(plain: dict[str, Any]) -> Reading:
    values: dict[str, Any] = {k: Moments(*v) if k in _MOMENTS else v for k, v in plain.items()}
    return Reading(**values)


def shard_of(models: Sequence[nn.Module], trace: Trace, world: int = 1) -> Shard:
    """Return what rank 0 needs of this rank; layers are sharded whose parameters are DTensors.

    The more ranks there are, the fewer observed steps each sends; all choose the same.
    """
    spread = {
        clean(name)
        for model in models
        for name, p in model.named_parameters()
        if hasattr(p, "to_local")
    }
    layers = (x.path for x in trace.layers if any(p.name in spread for p in x.parameters))
    steps = _thinned(trace.steps, max(_FEWEST, _STEPS_OF_ALL // world))
    return Shard(
        steps,
        frozenset(layers),
        trace.data.batch_size,
        trace.loss.baseline,
        trace.loss.data_baseline,
    )


def _thinned(steps: Sequence[Step], most: int) -> tuple[Step, ...]:
    """Keep the readings of at most `most` steps: the first, the last, and evenly in between."""
    observed = [s.index for s in steps if s.readings]
    if len(observed) > most:
        stride = (len(observed) - 1) / (most - 1)
        observed = [observed[round(i * stride)] for i in range(most)]
    kept = frozenset(observed)
    return tuple(s if s.index in kept else replace(s, readings={}) for s in steps)


def unread(models: Sequence[nn.Module]) -> Iterator[Gap]:
    """Tell what cannot be put together: layers whose units are spread over the ranks."""
    for model in models:
        names = {c.__name__ for m in model.modules() for c in type(m).__mro__}
        spread_out = any(hasattr(p, "to_local") for p in model.parameters())
        if spread_out and "FSDPModule" not in names:
            yield Gap(
                what=f"outputs of tensor-parallel layers in {type(model).__name__}",
                reason="each rank sees other units of the same samples; they are added as samples",
            )


def merged(trace: Trace, own: Shard, others: dict[int, Shard]) -> Trace:
    """Return rank 0's trace with the shards of all added and the replicas compared."""
    by_index = {rank: {s.index: s for s in shard.steps} for rank, shard in others.items()}
    steps, drifts = [], dict[str, Drift]()
    for step in trace.steps:
        same = {r: known[step.index] for r, known in by_index.items() if step.index in known}
        losses = [step.loss, *(s.loss for s in same.values())]
        parts = [step.data_loss, *(s.data_loss for s in same.values())]
        partly = any(not s.readings for s in same.values())  # then its sums would not be whole
        readings = {
            path: _together(
                reading,
                [s.readings[path] for s in same.values() if path in s.readings],
                sharded=path in own.sharded,
            )
            for path, reading in step.readings.items()
            if not partly
        }
        loss, data_loss = sum(losses) / len(losses), _mean(parts)
        steps.append(replace(step, loss=loss, data_loss=data_loss, readings=readings))
        for drift in _drifts(step, same, own.sharded):
            drifts.setdefault(drift.layer, drift)
    everyone = [own, *others.values()]
    sizes = [s.batch_size for s in everyone if s.batch_size is not None]
    whole, part = _mean([s.baseline for s in everyone]), _mean([s.data_baseline for s in everyone])
    baseline, data_baseline = (None, part) if trace.loss.apart else (whole, None)
    return replace(
        trace,
        steps=tuple(steps),
        drifts=tuple(drifts.values()),
        data=replace(trace.data, batch_size=sum(sizes) if sizes else None),
        loss=replace(trace.loss, baseline=baseline, data_baseline=data_baseline),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _together(own: Reading, others: Sequence[Reading], *, sharded: bool) -> Reading:
    everyone, changes = [own, *others], dict[str, Any]()
    for entry in fields(Reading):
        name = entry.name
        values = [v for r in everyone if (v := getattr(r, name)) is not None]
        replicated = name in _OF_WEIGHTS and not sharded
        if not values or replicated:
            continue
        if name in _MOMENTS:
            total = sum(values, Moments())
            changes[name] = _averaged(total, len(everyone)) if name == "output_grad" else total
        else:
            changes[name] = sum(values) / len(values)
    return replace(own, **changes)


def _averaged(gradient: Moments, ranks_: int) -> Moments:
    """Each rank differentiates the mean over its own samples; the mean over all is smaller by N."""
    return replace(
        gradient,
        total=gradient.total / ranks_,
        square=gradient.square / ranks_**2,
        peak=gradient.peak / ranks_,
    )


def _drifts(step: Step, others: dict[int, Step], sharded: frozenset[str]) -> Iterator[Drift]:
    for path, reading in step.readings.items():
        if reading.weight is None or path in sharded:
            continue
        norms = {0: sqrt(reading.weight.square)}
        for rank, other in others.items():
            known = other.readings.get(path)
            if known is not None and known.weight is not None:
                norms[rank] = sqrt(known.weight.square)
        low, high = min(norms.values()), max(norms.values())
        if high - low > _APART * high:
            yield Drift(
                layer=path,
                step=step.index,
                rank=max(norms, key=lambda r: abs(norms[r] - norms[0])),
                low=low,
                high=high,
            )
