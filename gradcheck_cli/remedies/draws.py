"""Draws of distributions that carry a gradient to the distribution's parameters: rsample() in place of sample()."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from gradcheck_cli.records.trace import SourceSite


class Reparameterized:
    """While active, `sample()` draws as `rsample()` does where a gradient could pass; `cut`: the same numbers without it.

    What a policy drew is a constant to its own `log_prob`: that gradient comes from the score, and stays so.
    `sites` are those of draws, by `site`, and what draws there.
    """

    def __init__(
        self, site: Callable[[], SourceSite | None] = lambda: None, *, cut: bool = False
    ) -> None:
        self.site, self.cut = site, cut
        self.sites: dict[SourceSite | None, str] = {}
        self._drawn: list[tuple[Any, Tensor]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for kind in _kinds(Distribution):
            for name, made in (("sample", self._sampling), ("log_prob", self._scoring)):
                if name in vars(kind):
                    self._stack.callback(setattr, kind, name, vars(kind)[name])
                    setattr(kind, name, made(vars(kind)[name]))
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn.clear()
        self._stack.close()

    def told(self) -> str:
        """Say which draws cut a gradient off, and what to write."""
        where = ", ".join(f"{what} at {site}" for site, what in self.sites.items())
        return f"{where} hands no gradient to the parameters of what is drawn from (use rsample())"

    def _sampling(self, usual: Any) -> Any:
        @wraps(usual)
        def sample(drawn: Any, *args: Any, **kwargs: Any) -> Any:
            if not (drawn.has_rsample and torch.is_grad_enabled()):
                return usual(drawn, *args, **kwargs)
            value = drawn.rsample(*args, **kwargs)
            if value.requires_grad:
                self.sites.setdefault(self.site(), f"{type(drawn).__name__}.sample()")
                value = value.detach() if self.cut else value
                self._drawn.append((drawn, value))
            return value

        return sample

    def _scoring(self, usual: Any) -> Any:
        @wraps(usual)
        def log_prob(drawn: Any, value: Any, *args: Any) -> Any:
            own = any(value is v and drawn is d for d, v in self._drawn)
            return usual(drawn, value.detach() if own else value, *args)

        return log_prob


def _kinds(kind: type) -> set[type]:
    found = {kind}
    return found.union(*map(_kinds, kind.__subclasses__()))
