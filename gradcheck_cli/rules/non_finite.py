"""GC501 non-finite."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.records.trace import Step, Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Evidence,
    Hit,
    Severity,
    in_order,
    number,
    rule,
)

# What may stop being finite, in the order in which a step computes it.
_WHERE = {
    "output": "output",
    "output_grad": "the gradient at the output",
    "weight_grad": "the gradient",
    "bias_grad": "the gradient",
    "update": "update",
    "weight": "weight",
}


@rule("GC501", "non-finite")
def non_finite(trace: Trace) -> Iterator[Hit]:
    """Numbers stopped being numbers: NaN or infinity in the loss, a layer, a gradient or the data.

    Measures  elements that are not finite in losses, inputs, weights, outputs, gradients and updates.
    Reports   any, with the first step and the first layer (in execution order) where they appear.
    Matters   one NaN spreads to every weight within a step.
    Severity  error.
    Not for   steps that a mixed-precision scaler skipped on purpose.
    Sources   IEEE 754; Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.2.
    """
    if not trace.steps:
        raise CannotTellError("no step was observed")
    bad = trace.data.nonfinite_inputs + trace.data.nonfinite_targets
    held = f"The data holds {number(bad)} values that are NaN or infinite." if bad else ""
    step = first_broken(trace)
    if step is not None:
        layer, what = _first_layer(trace, step) or (None, "the loss")
        place = f"{what} of {layer}" if layer else what
        yield Hit(
            severity=Severity.ERROR,
            message=f"NaN or infinity first appears in step {step.index + 1}, in {place}. {held}".rstrip(),
            layers=in_order([x for x in trace.layers if x.path == layer]),
            evidence=(
                Evidence("first step with numbers that are not finite", step.index + 1, None),
                Evidence("loss in that step", step.loss, None),
            ),
            first_step=step.index,
        )
        return
    if bad:
        yield Hit(
            severity=Severity.ERROR,
            message=held,
            evidence=(Evidence("values that are not finite in the inspected batches", bad, 0.0),),
        )


@once_per_trace
def first_broken(trace: Trace) -> Step | None:
    """Return the first step with a value that is not finite, of those that took place."""
    return next(
        (
            step
            for step in trace.steps
            if not step.skipped
            and (
                not isfinite(step.loss) or (step.readings and _first_layer(trace, step) is not None)
            )
        ),
        None,
    )


@once_per_trace
def whole(trace: Trace) -> Trace:
    """Return the trace up to the first value that was not finite: nothing measured after it counts."""
    broken = first_broken(trace)
    if broken is None:
        return trace
    kept = tuple(s for s in trace.steps if s.index < broken.index)
    return replace(trace, steps=kept, broken_at=broken.index)


def _first_layer(trace: Trace, step: Step) -> tuple[str, str] | None:
    """Return the first layer whose reading holds something that is not finite, and what it is."""
    for what, told in _WHERE.items():
        for layer in sorted(trace.layers, key=lambda x: x.order):
            reading = step.readings.get(layer.path)
            moments = None if reading is None else getattr(reading, what)
            if moments is not None and moments.nonfinite:
                return layer.path, told
    return None
