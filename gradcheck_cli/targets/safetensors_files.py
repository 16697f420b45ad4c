"""`.safetensors`: tensors and nothing else; rows are read when they are needed."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from gradcheck_cli.errors import UsageError


def open_file(path: Path) -> Any:
    """Open the file lazily. Raises UsageError where it is missing, broken, or the package is."""
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError:
        raise UsageError(f"reading {path} needs safetensors: pip install safetensors") from None
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as cause:
        raise UsageError(f"{path} is not a readable safetensors file: {cause}") from None


def read_all(path: Path) -> dict[str, Tensor]:
    """Return every tensor by name."""
    file = open_file(path)
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict


class Rows(Dataset[dict[str, Tensor]]):
    """The tensors of a file as columns; one row at a time leaves the disk."""

    def __init__(self, path: Path, columns: dict[str, str], length: int) -> None:
        self.path, self.columns, self.length = path, columns, length
        self.slices: dict[str, Any] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if self.slices is None:
            file = open_file(self.path)
            self.slices = {name: file.get_slice(key) for name, key in self.columns.items()}
        return {name: entry[index] for name, entry in self.slices.items()}
