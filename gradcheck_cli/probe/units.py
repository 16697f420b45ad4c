"""What single units of a nonlinearity do over all batches seen: dead, stuck, saturated."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.autograd.graph import saved_tensors_hooks

from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.nonlinearities import Nonlinearity

LOOKS = 4  # inspected batches in a row without a sign of life make a unit dead
_VALUES = 32_768  # of one call are read, where that leaves rows enough to call a unit dead
_MOST = 524_288  # elements that wait to be summed up
_LEAST_ROWS = {True: 256, False: 64}  # by whether the units can die

Again = Callable[[torch.Tensor], torch.Tensor]


@dataclass(slots=True)
class UnitWatch:
    """Follows the units of every nonlinearity from batch to batch.

    Slopes are taken when a nonlinearity runs and summed up many at a time: between two layers of a
    model every kind of call is slow once, since the caches are full of the model's own.
    """

    ledger: Ledger
    # How many looks in a row each unit was silent, or flat, on every sample.
    silent: dict[str, torch.Tensor] = field(default_factory=dict)
    flat: dict[str, torch.Tensor] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    _slopes: list[tuple[str, Nonlinearity, torch.Tensor]] = field(default_factory=list)
    _waiting: int = 0  # elements of these

    def saw(
        self,
        path: str,
        found: Nonlinearity,
        x: torch.Tensor,
        y: torch.Tensor,
        axis: int,
        again: Again,
    ) -> bool:
        """A nonlinearity turned `x` into `y`; its units lie along `axis`. False if unreadable."""
        if y.dim() < 2 or y.numel() == 0 or x.is_complex():  # of real numbers only it is known
            return True
        least = _LEAST_ROWS[found.can_die]
        if x is y or x.data_ptr() == y.data_ptr():  # it overwrote what it was given
            if found.slope_of_output is None:
                return False
            steep = found.slope_of_output(_thinned(y, axis, least))
        elif found.random:
            inputs = _thinned(x, axis, least)
            steep = torch.where(inputs == 0, 1.0, _thinned(y, axis, least) / inputs)
        elif found.slope_of_input is not None:
            steep = found.slope_of_input(_thinned(x, axis, least))
        else:
            rows = _thinned(x, axis, least)
            steep = slope(again, rows.reshape(-1, rows.shape[-1]))
        self._slopes.append((path, found, steep))
        self._waiting += steep.numel()
        if self._waiting > _MOST:
            self.sum_up()
        return True

    def forget(self) -> None:
        """Drop what was not summed up."""
        self._slopes.clear()
        self._waiting = 0

    def sum_up(self) -> None:
        """Note what the slopes say, and follow the units."""
        for path, found, steep in self._slopes:
            self._note(path, found, torch.nan_to_num(steep.abs()))
        self.forget()

    def _note(self, path: str, found: Nonlinearity, steep: torch.Tensor) -> None:
        square = torch.linalg.vector_norm(steep).double().square() / steep.numel()
        self.ledger.add((path, "slope"), square, 1.0)
        limit = 0.01 * found.steepest
        if found.saturates:
            self.ledger.add((path, "saturated"), (steep < limit).double().mean(), 1.0)
        self.looks[path] = self.looks.get(path, 0) + 1
        highest = steep.amax(tuple(range(steep.dim() - 1)))
        self._follow(self.flat, path, highest < limit, "stuck")
        if found.can_die:
            self._follow(self.silent, path, highest == 0, "dead")

    def _follow(
        self, rows: dict[str, torch.Tensor], path: str, now: torch.Tensor, key: str
    ) -> None:
        """Count on where a unit is still so, and note the share that was so in the last looks."""
        past = rows.get(path)
        count = now.long() if past is None or past.shape != now.shape else (past + 1) * now
        rows[path] = count
        share = (count >= min(LOOKS, self.looks[path])).double().mean()
        self.ledger.add((path, key), share, 1.0)


def _as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def slope(function: Again, x: torch.Tensor) -> torch.Tensor:
    """Return the derivative of an elementwise function at each element of x, by autograd."""
    # Hooks on saved tensors (checkpointing, offloading) are for the user's graph, not for this one.
    with torch.enable_grad(), saved_tensors_hooks(_as_it_is, _as_it_is):
        inputs = x.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(function(inputs).sum(), inputs)
    return found


def _thinned(tensor: torch.Tensor, axis: int, least: int) -> torch.Tensor:
    """Return [..., units], thinned out evenly over all but the units where it is large."""
    last = tensor.detach().movedim(axis, -1)
    most = max(_VALUES, least * last.shape[-1])
    stride = -(-last.numel() // most)
    for at in range(last.dim() - 1):
        if stride > 1:
            step = min(stride, last.shape[at])
            last = last[(slice(None),) * at + (slice(None, None, step),)]
            stride = -(-stride // step)
    return last if last.dtype is torch.float64 else last.float()
