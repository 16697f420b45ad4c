"""Rules, causes, remedies and renderers of other packages, found by their entry points.

A package says in its `pyproject.toml` what it adds, and gradcheck asks for it when it is needed:

    [project.entry-points."gradcheck.rules"]
    silent-channel = "acme_checks.rules:silent_channel"

The value names one object, or a list or tuple of them. Nothing of a package is imported before its kind
is asked for. A package that cannot be imported, adds something else than it says, or takes a name
that exists already costs only itself: it is left out, and `broken()` says why.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError
from gradcheck_cli.records.finding import A_PLUGINS_RULES, FROM_A_PLUGIN, Crash

T = TypeVar("T")

RULES = A_PLUGINS_RULES
CAUSES = "gradcheck.causes"
REMEDIES = "gradcheck.remedies"
RENDERERS = "gradcheck.renderers"
GROUPS = (RULES, CAUSES, REMEDIES, RENDERERS)

_found: dict[str, tuple[Any, ...]] = {}  # a plugin is imported once, also when it fails
_origins: dict[int, str] = {}  # by the id of what a plugin added, which lives as long as we do
_broken: dict[tuple[str, str], Crash] = {}


class PluginError(Exception):
    """A package adds something that cannot be taken; the message says what and why."""


@cache
def _everything() -> Any:  # before Python 3.12 its declared type has no way to say that it is one
    return entry_points()  # reads a file of every installed package: once


@cache
def installed(group: str) -> tuple[EntryPoint, ...]:
    """Return what installed packages add to a group, sorted by name; nothing is imported."""
    found: tuple[EntryPoint, ...] = _everything().select(group=group)
    return tuple(sorted(found, key=lambda point: (point.name, point.value)))


def described(point: EntryPoint) -> str:
    """Name a plugin and the package it comes from."""
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"{point.name} ({point.group}){package}"


def added(
    group: str, kind: type[T], own: Sequence[T], names: Callable[[T], Iterable[str]]
) -> tuple[T, ...]:
    """Return `own` and what plugins add to it: objects of `kind` with `names` that are still free."""
    if group not in _found:
        taken = {name.lower(): "gradcheck" for one in own for name in names(one)}
        _found[group] = ()
        for point in installed(group):
            with costing_only(point):
                more = tuple(_objects(point, kind))
                for name in (name.lower() for one in more for name in names(one)):
                    if name in taken:
                        raise PluginError(f"{name!r} is taken already, by {taken[name]}")
                    taken[name] = described(point)
                _origins.update((id(one), described(point)) for one in more)
                _found[group] += more
    return (*own, *_found[group])


def whose(one: object, name: str) -> str:
    """Return `name` for a report of a crash, after the plugin that `one` comes from, if it does."""
    origin = _origins.get(id(one))
    return f"{FROM_A_PLUGIN}{origin}: {name}" if origin else name


@contextmanager
def answerable(one: object, name: str) -> Iterator[None]:
    """Put down to its plugin what `one` raises within: a CannotDiagnoseError; ours raises as ever."""
    try:
        yield
    except THEIRS as raised:
        if id(one) not in _origins:
            raise
        said = Crash(whose(one, name), traceback.format_exc()).said
        raise CannotDiagnoseError(said) from raised


def broken(*groups: str) -> tuple[Crash, ...]:
    """Return which plugins (of these groups, else of all) could not be used so far, and why."""
    return tuple(crash for (group, _), crash in _broken.items() if group in (groups or GROUPS))


@contextmanager
def costing_only(point: EntryPoint) -> Iterator[None]:
    """Put down to one plugin what goes wrong within, and go on; Ctrl-C and the like pass."""
    try:
        yield
    except THEIRS as raised:  # what a package does must not cost the others
        told = str(raised) if isinstance(raised, PluginError) else traceback.format_exc()
        where = f"{FROM_A_PLUGIN}{described(point)}"
        _broken[point.group, point.name] = Crash(where, told)


def _objects(point: EntryPoint, kind: type[T]) -> Iterator[T]:
    value = point.load()
    for one in value if isinstance(value, list | tuple) else (value,):
        if not isinstance(one, kind):
            raise PluginError(f"{point.value} is {type(one).__name__}, not {kind.__name__}")
        yield one
