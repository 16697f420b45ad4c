"""What single units of a nonlinearity do over all batches seen: dead, stuck, saturated."""

from dataclasses import dataclass, field

import torch

from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.nonlinearities import Nonlinearity

LOOKS = 4  # inspected batches in a row without a sign of life make a unit dead
_ROWS = 131_072  # at most so many values of one call are read


@dataclass(slots=True)
class UnitWatch:
    """Follows the units of every nonlinearity from batch to batch."""

    ledger: Ledger
    # How many looks in a row each unit was silent, or flat, on every sample.
    silent: dict[str, torch.Tensor] = field(default_factory=dict)
    flat: dict[str, torch.Tensor] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def saw(
        self, path: str, found: Nonlinearity, x: torch.Tensor, y: torch.Tensor, axis: int
    ) -> None:
        """A nonlinearity turned `x` into `y`; its units lie along `axis`."""
        if y.dim() < 2 or y.numel() == 0 or (x is y and found.name not in _READABLE_FROM_OUTPUT):
            return
        inputs, outputs = _rows(x, axis), _rows(y, axis)
        slope = found.slope(inputs, outputs)
        steep = torch.nan_to_num(slope.double())
        self.ledger.add((path, "slope"), torch.stack([(steep * steep).mean(), steep.new_ones(())]))
        flat = slope.abs() < 0.01 * found.steepest
        if found.saturates:
            self.ledger.add(
                (path, "saturated"), torch.stack([flat.double().mean(), steep.new_ones(())])
            )
        self.looks[path] = self.looks.get(path, 0) + 1
        self._follow(self.flat, path, flat.all(0), "stuck")
        if found.can_die:
            self._follow(self.silent, path, (slope == 0).all(0), "dead")

    def _follow(
        self, rows: dict[str, torch.Tensor], path: str, now: torch.Tensor, key: str
    ) -> None:
        """Count on where a unit is still so, and note the share that was so in the last looks."""
        past = rows.get(path)
        count = now.long() if past is None or past.shape != now.shape else (past + 1) * now
        rows[path] = count
        share = (count >= min(LOOKS, self.looks[path])).double().mean()
        self.ledger.add((path, key), torch.stack([share, share.new_ones(())]))


_READABLE_FROM_OUTPUT = frozenset(
    {"relu", "relu6", "threshold", "sigmoid", "tanh", "hardtanh", "softsign"}
)


def _rows(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return [rows, units], thinned out evenly over rows where it is large."""
    units = tensor.detach().movedim(axis, -1).reshape(-1, tensor.shape[axis])
    stride = -(-units.numel() // _ROWS)
    return (units[::stride] if stride > 1 else units).float()


def spread(output: torch.Tensor, batch_axis: int) -> torch.Tensor | None:
    """Return float64 [2]: sums over units of the variance across the batch, and of the mean square."""
    samples = output.shape[batch_axis]
    if samples < 2 or output.dim() < 2:
        return None
    flat = output.detach().movedim(batch_axis, 0).reshape(samples, -1)
    stride = -(-flat.numel() // _ROWS)
    wide = torch.nan_to_num(
        (flat[:, ::stride] if stride > 1 else flat).double(), posinf=0.0, neginf=0.0
    )
    variance = wide.var(0, unbiased=False).sum()
    return torch.stack([variance, (wide * wide).mean(0).sum()])
