"""The witness of the loop: what it does around the steps, whoever wrote it.

Parts that each look at one thing are told of every backward pass and every update; here they are
called, and what they counted is collected for a training.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.patches import backwards_seen, optimizers_seen, scaled_updates_seen
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, LoopFacts


@dataclass(slots=True)
class LoopWatch:
    """Watches all loops of the process while it is entered; nothing stays behind."""

    accounts: weakref.WeakKeyDictionary[Optimizer, Account] = field(
        default_factory=weakref.WeakKeyDictionary
    )
    on_begin: Callable[[tuple[torch.Tensor, ...]], None] = lambda _: None  # of a backward pass
    on_end: Callable[[], None] = lambda: None  # of a backward pass
    _exit: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._exit.callback(register_optimizer_step_post_hook(self._updated).remove)
        self._exit.enter_context(backwards_seen(self._begins, self._ends))
        self._exit.enter_context(optimizers_seen(self._built))
        self._exit.enter_context(scaled_updates_seen(self._asked))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def account(self, optimizer: Optimizer) -> Account:
        """Return the account of an optimizer; a new one when it was not met before."""
        known = self.accounts.get(optimizer)
        if known is None:
            known = self.accounts[optimizer] = Account()
            known.choose(optimizer)
        return known

    def facts(self, optimizers: Iterable[Optimizer]) -> LoopFacts:
        """Return what was seen of the loop around these optimizers."""
        seen = [self.accounts[o] for o in optimizers if o in self.accounts]
        return LoopFacts(
            backwards=max((a.backwards for a in seen), default=0),
            updates=max((a.updates for a in seen), default=0),
            habits=tuple(self._habits(seen)),
        )

    def _habits(self, accounts: Iterable[Account]) -> Iterator[Habit]:
        for account in accounts:
            yield from (h for h in account.habits() if h.times or h.numbers)

    # ---- events ---------------------------------------------------------------------------

    def _built(self, optimizer: Optimizer) -> None:
        self.account(optimizer).built_at = user_site()

    def _begins(self, tensors: tuple[torch.Tensor, ...]) -> None:
        self.on_begin(tensors)
        for account in list(self.accounts.values()):
            account.backward_begins()

    def _ends(self) -> None:
        for account in list(self.accounts.values()):
            account.backward_ended()
        self.on_end()

    def _updated(self, optimizer: Optimizer, *_: Any) -> None:
        self.account(optimizer).updated(optimizer)

    def _asked(self, optimizer: Optimizer) -> None:
        self.account(optimizer).asked()
