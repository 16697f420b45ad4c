# ruff: noqa: ARG002 - all interventions have one signature
"""Changed in the backward pass alone: slopes of nonlinearities, and calls that cut the graph."""

from math import sqrt
from typing import Any

from torch import Tensor

from gradcheck_cli.examine.changing import Call, Intervention, Layout, Proceed, is_float
from gradcheck_cli.ops import BOUNDED, CLAMPS, LEAKY, SOFTMAX_CALLS, STEPS
from gradcheck_cli.probe.nonlinearities import ALIASES, KNOWN

# The slope that initialization makes up for in one-sided functions (He et al. 2015, eq. 10).
ONE_SIDED_SLOPE = sqrt(0.5)
_CUTTING = STEPS | {"detach", "detach_"}


def _straight(before: Tensor, after: Tensor, slope: float = 1.0) -> Tensor:
    """Return the value `after` with the gradient of `slope` times `before` (Bengio et al. 2013)."""
    way = slope * before
    return way + (after - way).detach()


class _Slopes(Intervention):
    """Give calls of some functions a constant slope in the backward pass; their values stay."""

    slope = 1.0

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        before = call.first
        if before is None or not is_float(before):
            return proceed()
        overwrites = call.name.endswith("_") or call.kwargs.get("inplace", False)
        after = proceed(before.clone(), *call.args[1:]) if overwrites else proceed()
        if not isinstance(after, Tensor) or after.shape != before.shape:
            return after
        return _straight(before, after, self.slope)


class BoundedSlopes(_Slopes):
    """The slope of hidden sigmoids, tanhs and their kin is 1."""

    name = "slopes of bounded nonlinearities"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it one before the last weights?"""
        return ALIASES.get(call.name, call.name) in BOUNDED and call.index < layout.last_product


class OneSidedSlopes(_Slopes):
    """The slope of hidden ReLUs and their kin is the one that initialization makes up for."""

    name = "slopes of one-sided nonlinearities"
    slope = ONE_SIDED_SLOPE

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it one before the last weights?"""
        name = ALIASES.get(call.name, call.name)
        return name in KNOWN and name not in BOUNDED | LEAKY and call.index < layout.last_product


class OutputSlopes(_Slopes):
    """What stands behind the last weights, a nonlinearity, a softmax or a clamp, has slope 1."""

    name = "output operation"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it one behind the last weights?"""
        known = ALIASES.get(call.name, call.name) in KNOWN or call.name in CLAMPS | SOFTMAX_CALLS
        return known and call.index > layout.last_product and call.name != "log_softmax"


class HiddenSoftmaxes(_Slopes):
    """A softmax before the last weights has slope 1."""

    name = "softmax between layers"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Is it one before the last weights?"""
        return call.name in SOFTMAX_CALLS and call.index < layout.last_product


class Reconnected(Intervention):
    """Calls that cut the graph hand the gradient on."""

    name = "cut edges"

    def applies(self, call: Call, layout: Layout) -> bool:
        """Does it detach, or round?"""
        return call.name in _CUTTING and call.first is not None and call.first.requires_grad

    def changed(self, call: Call, proceed: Proceed) -> Any:
        """Return what the call returns now."""
        before = call.first
        if call.name in {"detach", "detach_"} and before is not None:
            return before
        after = proceed()
        fits = isinstance(after, Tensor) and before is not None and after.shape == before.shape
        return (
            _straight(before, after) if fits and before is not None and is_float(after) else after
        )
