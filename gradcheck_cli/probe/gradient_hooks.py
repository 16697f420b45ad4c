"""Hooks of the user's own that change gradients: each is measured, and does what it always did.

A hook stands in its place inside a wrapper that compares the gradient that came with the one that
went on. Hooks of libraries and of ours are left alone; at the end all are as they were.
"""

import functools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from types import CodeType
from typing import Any, Self

import torch
from torch import Tensor, nn

from gradcheck_cli.probe.hooking import is_traced, transformed, unheard
from gradcheck_cli.probe.picking import plain, unreadable
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.shield import around
from gradcheck_cli.probe.sites import is_installed, site_of_code, user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.graph import is_leaf

_CALLS = 16  # that are measured of each hook, at its beginning
# Of the later calls one in so many is measured; few models call a hook at as many places.
_EVERY = 5
_LATEST = 8  # of those are kept: what it did in its last 40 calls
_ENOUGH = 3  # of those tell what it does now

Hook = Callable[..., Any]
Sizes = tuple[int, Tensor, Tensor]  # the number of the call, the norms before and after it
Came = Callable[..., Sequence[Any]]  # the gradients among what a hook is given


@dataclass(slots=True)
class Effect:
    """What a hook did to gradients; nothing of the user's is held."""

    at: SourceSite | None
    owner: int  # identity of the parameter or module that it was put on, 0 for what is computed
    calls: int = 0
    first: list[Sizes] = field(default_factory=list)
    latest: deque[Sizes] = field(default_factory=lambda: deque(maxlen=_LATEST))

    @property
    def is_due(self) -> bool:
        """Is this call to be measured?"""
        return self.calls <= _CALLS or self.calls % _EVERY == 0

    def note(self, before: Tensor, after: Tensor) -> None:
        """Keep the norms before and after a call."""
        kept = self.first if len(self.first) < _CALLS else self.latest
        kept.append((self.calls, before, after))

    @property
    def factor(self) -> float | None:
        """By how much it changes the size of gradients now; None where none was above zero."""
        latest = _ratios(self.latest)
        found = latest if len(latest) >= _ENOUGH else _ratios(self.first)
        return median(factor for _, factor in found) if found else None

    @property
    def since(self) -> int:
        """From which call on it was seen to do so, 1 where it always did."""
        now = self.factor
        if now is None:
            return 1
        seen = [*_ratios(self.first), *_ratios(self.latest)]
        others = [call for call, factor in seen if _power(factor) != _power(now)]
        return next((call for call, _ in seen if call > max(others, default=0)), 1)


@dataclass(slots=True, eq=False)
class Measured:
    """A hook that is measured."""

    hook: Hook
    came: Came
    effect: Effect

    def __call__(self, *args: Any) -> Any:
        """Call the hook, and return what it returns."""
        self.effect.calls += 1
        if is_traced() or transformed():
            return self.hook(*args)
        return around(self.hook, self._measured, args, {})

    def _measured(self, hook: Hook, *args: Any) -> Any:
        if not self.effect.is_due:
            return hook(*args)
        before = _norm(self.came(*args))
        result = hook(*args)
        after = _norm(self.came(*args) if result is None else _tensors(result))
        if before is not None and after is not None:
            self.effect.note(before, after)
        return result

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial, (self.hook,)


@dataclass(slots=True)
class GradientHooks:
    """Measures the hooks that there are when it begins, and those that are put in place meanwhile."""

    _effects: dict[tuple[object, int], Effect] = field(default_factory=dict)  # by code and owner
    _changed: list[tuple[Callable[[], Any], int]] = field(default_factory=list)  # where, by key

    def watch(self, models: Iterable[nn.Module], stack: ExitStack) -> None:
        """Begin; the stack ends it."""
        stack.callback(self._give_back)
        for module in (m for model in models for m in model.modules()):
            self._take(module._backward_hooks, _input_gradients, module)  # noqa: SLF001 - no public way
            self._take(module._backward_pre_hooks, _output_gradients, module)  # noqa: SLF001
            for own in module._parameters.values():  # noqa: SLF001 - its own only
                self._take(getattr(own, "_backward_hooks", None), _tensors, own)
                self._take(getattr(own, "_post_accumulate_grad_hooks", None), _accumulated, own)
        for owner, name, came in (
            (Tensor, "register_hook", _tensors),
            (Tensor, "register_post_accumulate_grad_hook", _accumulated),
            (nn.Module, "register_full_backward_hook", _input_gradients),
            (nn.Module, "register_full_backward_pre_hook", _output_gradients),
        ):
            stack.enter_context(replaced(owner, name, functools.partial(self._measuring, came)))

    def habits(self, models: Mapping[str, nn.Module]) -> Iterator[Habit]:
        """Say by how much each hook changes gradients, by its code and the power of ten."""
        names = dict(_names(models))
        found: dict[tuple[object, int | None], list[tuple[Effect, float]]] = {}
        for (code, _), one in self._effects.items():
            if (factor := one.factor) is not None:
                found.setdefault((code, _power(factor)), []).append((one, factor))
        for members in found.values():
            owners = [names[one.owner] for one, _ in members if one.owner in names]
            yield Habit(
                kind=Kind.HOOKED,
                times=sum(one.calls for one, _ in members),
                at=members[0][0].at,
                names=tuple(dict.fromkeys(owners)),
                numbers={
                    "factor": median(factor for _, factor in members),
                    "since": min(one.since for one, _ in members),
                },
            )

    def _measuring(
        self, came: Came, original: Any, owner: Any, hook: Hook, *args: Any, **kwargs: Any
    ) -> Any:
        measured = None if is_traced() else self._measured(hook, came, owner)
        handle = original(owner, measured or hook, *args, **kwargs)
        if measured is not None and measured.effect.owner:
            self._changed.append((handle.hooks_dict_ref, handle.id))
        return handle

    def _take(self, hooks: MutableMapping[int, Any] | None, came: Came, owner: Any) -> None:
        for key, hook in list((hooks or {}).items()):
            measured = self._measured(hook, came, owner)
            if hooks is not None and measured is not None:
                hooks[key] = measured
                self._changed.append((lambda: hooks, key))

    def _measured(self, hook: Hook, came: Came, owner: Any) -> Measured | None:
        """Return what stands for a hook; None for those of libraries and of ours."""
        code = _code(hook)
        if isinstance(hook, Measured) or (code is not None and is_installed(code.co_filename)):
            return None
        stays = isinstance(owner, nn.Module) or is_leaf(owner)
        named = code or str(getattr(hook, "__qualname__", type(hook).__qualname__))
        key = (named, id(owner) if stays else 0)
        if key not in self._effects:
            at = user_site() if code is None else site_of_code(code)
            self._effects[key] = Effect(at, key[1])
        return Measured(hook, came, self._effects[key])

    def _give_back(self) -> None:
        for place, key in self._changed:
            hooks = place() or {}
            if isinstance(measured := hooks.get(key), Measured):
                hooks[key] = measured.hook
        self._changed.clear()


def _ratios(seen: Iterable[Sizes]) -> list[tuple[int, float]]:
    """Return the number of each call and by how much it changed the size of what was above zero."""
    sizes = [(call, float(before), float(after)) for call, before, after in seen]
    return [(c, a / b) for c, b, a in sizes if b > 0 and math.isfinite(a) and math.isfinite(b)]


def _power(factor: float) -> int | None:
    return round(math.log10(factor)) if factor > 0 else None


def _names(models: Mapping[str, nn.Module]) -> Iterator[tuple[int, str]]:
    """Yield the path of each module, and of the module that holds each parameter, by identity."""
    for prefix, model in models.items():
        for path, module in model.named_modules():
            name = ".".join(filter(None, (prefix, path)))
            yield id(module), name
            yield from ((id(p), name) for p in module._parameters.values() if p is not None)  # noqa: SLF001 - its own only


def _code(hook: Hook) -> CodeType | None:
    """Return the code of a hook, None where it is not written in Python."""
    while isinstance(hook, functools.partial):
        hook = hook.func
    function = getattr(hook, "__func__", hook)
    code = getattr(function, "__code__", None) or getattr(type(hook).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _tensors(given: Any) -> Sequence[Any]:
    return given if isinstance(given, (tuple, list)) else (given,)


def _input_gradients(_: nn.Module, grad_input: Any, __: Any) -> Sequence[Any]:
    return _tensors(grad_input)


def _output_gradients(_: nn.Module, grad_output: Any) -> Sequence[Any]:
    return _tensors(grad_output)


def _accumulated(parameter: Tensor) -> Sequence[Any]:
    return (parameter.grad,)


@unheard
@torch.no_grad()
def _norm(gradients: Sequence[Any]) -> Tensor | None:
    """Return the norm over all, None where there is nothing to be read."""
    read = [g for g in gradients if isinstance(g, Tensor) and unreadable(g) is None and g.numel()]
    if not read:
        return None
    norms = [torch.linalg.vector_norm(plain(g), dtype=torch.float32) for g in read]
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return total
