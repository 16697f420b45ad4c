"""Quantities that many rules ask a trace for are computed once, and kept with the trace."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from gradcheck_cli.records.trace import Trace

P = ParamSpec("P")
R = TypeVar("R")


def once_per_trace(
    function: Callable[Concatenate[Trace, P], R],
) -> Callable[Concatenate[Trace, P], R]:
    """Return a pure function of a trace and hashable arguments that remembers its answers.

    They live and die with the trace; of another trace, also a changed copy, nothing is remembered.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def asked(trace: Trace, *args: P.args, **kwargs: P.kwargs) -> R:
        key: Any = (name, args, tuple(sorted(kwargs.items())))
        known = trace.derived
        if key not in known:
            known[key] = function(trace, *args, **kwargs)
        answer: R = known[key]
        return answer

    return cast("Callable[Concatenate[Trace, P], R]", asked)
