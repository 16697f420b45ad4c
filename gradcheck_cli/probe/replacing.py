"""Reversible patches: a function of ours is called in the place of another one, which it is handed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from gradcheck_cli.probe.shield import around


def instead(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls `ours(original, ...)` and goes by the name of the original."""

    @wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        return ours(original, *args, **kwargs)

    return called


@contextmanager
def put(owner: Any, name: str, ours: Any) -> Iterator[None]:
    """Put `ours` in the place of an attribute; leave alone what others put there since."""
    original = vars(owner)[name]
    setattr(owner, name, ours)
    try:
        yield
    finally:
        if vars(owner)[name] is ours:
            setattr(owner, name, original)


@contextmanager
def replaced(owner: Any, name: str, ours: Callable[..., Any]) -> Iterator[None]:
    """Let `ours(original, ...)` be called in the place of an attribute; where it fails, the original alone."""
    original = getattr(owner, name)

    @wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        return around(original, ours, args, kwargs)

    with put(owner, name, called):
        yield
