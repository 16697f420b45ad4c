"""Samples as records, for models of `transformers`."""

from torch import Tensor
from torch.utils.data import Dataset


class Records(Dataset[dict[str, Tensor]]):
    """Rows handed out as dicts, as `transformers` models take them."""

    def __init__(self, **columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: column[index] for name, column in self.columns.items()}
