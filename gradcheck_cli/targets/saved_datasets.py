"""A dataset that Hugging Face datasets saved on disk."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.options import Options

SCALARS = ("int", "uint", "float", "double", "bool")


class Samples(Dataset[dict[str, Tensor]]):
    """Dicts of tensors; lists shorter than the longest seen are filled up, so that they batch."""

    def __init__(self, rows: Any, lengths: dict[str, int]) -> None:
        self.rows, self.lengths = rows, lengths

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = {name: torch.as_tensor(value) for name, value in self.rows[index].items()}
        return {name: self._filled(name, value) for name, value in row.items()}

    def _filled(self, name: str, value: Tensor) -> Tensor:
        length = self.lengths.get(name)
        if length is None:
            return value
        filling = -100 if name == "labels" else 0
        missing = max(0, length - len(value))
        return torch.cat([value, value.new_full((missing,), filling)])[:length]


def open_dataset(path: Path, options: Options) -> tuple[Any, tuple[str, ...]]:
    """Open it lazily; of several splits the training one. Raises UsageError."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import datasets
    except ModuleNotFoundError:
        raise UsageError(f"reading {path} needs datasets: pip install datasets") from None
    try:
        loaded = datasets.load_from_disk(str(path))
    except (ValueError, OSError, FileNotFoundError) as cause:
        raise UsageError(f"{path} is not a readable saved dataset: {cause}") from None
    notes: list[str] = []
    if isinstance(loaded, datasets.DatasetDict):
        split = "train" if "train" in loaded else next(iter(loaded))
        notes.append(f"split {split!r} of {path}, which has {', '.join(loaded)}")
        loaded = loaded[split]
    kept = [name for name, feature in loaded.features.items() if _holds_numbers(feature)]
    if left := [name for name in loaded.column_names if name not in kept]:
        notes.append(f"columns {', '.join(left)} hold no numbers and are left out")
    if not kept:
        raise UsageError(f"{path} has no column of numbers: it has {loaded.features}")
    rows = loaded.select_columns(kept).with_format("torch")
    lengths = _ragged(rows, notes)
    if options.target_column:
        rows = rows.rename_column(options.target_column, "labels")
    return Samples(rows, lengths), tuple(notes)


def _holds_numbers(feature: Any) -> bool:
    inner = getattr(feature, "feature", feature)
    kind = str(getattr(inner, "dtype", ""))
    return kind.startswith(SCALARS)


def _ragged(rows: Any, notes: list[str]) -> dict[str, int]:
    """Return the columns whose lists differ in length, with the longest of the first rows."""
    seen: dict[str, set[int]] = {}
    for index in range(min(len(rows), 256)):
        for name, value in rows[index].items():
            if isinstance(value, Tensor) and value.ndim == 1:
                seen.setdefault(name, set()).add(len(value))
    ragged = {name: max(lengths) for name, lengths in seen.items() if len(lengths) > 1}
    if ragged:
        shown = ", ".join(f"{name} to {length}" for name, length in ragged.items())
        notes.append(f"lists of different lengths are filled up or cut: {shown} (labels with -100)")
    return ragged
