"""Layers that start at zero: last layers, tables, the gates of residual branches, LoRA's B."""

from collections.abc import Sequence
from math import sqrt

from gradcheck_cli.features.profile import begun, late, typical, update_ratio, weight_norm
from gradcheck_cli.features.progress import FALLING, progress
from gradcheck_cli.records.trace import Layer, Step, Trace

_NOTHING = 1e-2  # std * sqrt(fan-in) below which weights give their layer no signal to speak of
_GROWN = 1.5  # times its size in the first third of the run; a steady growth from zero gives five


def from_nothing(trace: Trace, layer: Layer) -> bool:
    """Did the layer's weights start at zero, or near it, and is what they are the work of the updates?

    Such a layer's first updates are large beside nothing, at any learning rate, and the loss hardly
    depends on it until it has grown.
    """
    weight = layer.weight
    reading = next((r for s in begun(trace) if (r := s.readings.get(layer.path)) is not None), None)
    if weight is None or reading is None or reading.weight is None or reading.update is None:
        return False
    fan_in = weight.numel / max(next(iter(weight.shape), 1), 1)
    tiny = weight.std * sqrt(fan_in) < _NOTHING
    return tiny and reading.weight.norm <= 2 * reading.update.norm


def largest_update(trace: Trace, path: str, *windows: Sequence[Step]) -> float | None:
    """Return the largest of a layer's typical relative updates in `windows` and late in the run.

    Of a layer that started at nothing, the late ones alone.
    """
    early = () if from_nothing(trace, trace.layer(path)) else windows
    values = [typical(steps, path, update_ratio) for steps in (*early, late(trace))]
    return max((v for v in values if v is not None), default=None)


def builds_up(trace: Trace) -> bool:
    """Does the loss fall while a layer that started at zero grows? It hardly acts on the loss yet."""
    if progress(trace).trend >= FALLING:
        return False
    third = max(1, len(trace.observed) // 3)
    for layer in trace.weight_layers:
        if layer.weight is None or layer.weight.std or not from_nothing(trace, layer):
            continue
        before = typical(trace.observed[:third], layer.path, weight_norm)
        after = typical(late(trace), layer.path, weight_norm)
        if before is not None and after is not None and after > _GROWN * before:
            return True
    return False
