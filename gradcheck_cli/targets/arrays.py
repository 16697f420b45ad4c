"""`.npy` and `.npz`: headers are read first, pickles never, and rows stay on disk where they can."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.checkpoints import check_not_a_bomb, megabytes


def training_columns(names: list[str], path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return new to old names: those for training, without a `train_` that all the rest says.

    `{x_train, y_train, x_test, y_test}` becomes `{x: x_train, y: y_train}`, and that is said.
    """
    if not names:
        raise UsageError(f"{path} is empty: it holds no array")
    parted = {name: name.lower().replace("-", "_").split("_") for name in names}
    training = [name for name, parts in parted.items() if "train" in parts]
    if not training:
        return {name: name for name in names}, ()
    left = [name for name in names if name not in training]
    kept = {
        "_".join(part for part in parted[name] if part != "train") or name: name
        for name in training
    }
    if not left:
        return kept, ()
    return kept, (f"data: {', '.join(training)} of {path}; {', '.join(left)} is left alone",)


IN_MEMORY = 4 * 2**30  # compressed arrays cannot be read row by row
LOCAL_HEADER = 30  # bytes of a zip entry before its name


class Arrays(Dataset[dict[str, Tensor]]):
    """Arrays of one length, row by row; float64 becomes float32."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: _row(column, index) for name, column in self.columns.items()}


def _row(column: Any, index: int) -> Tensor:
    value = torch.as_tensor(column[index].copy())  # the row leaves the disk here
    return value.float() if value.dtype == torch.float64 else value


def open_arrays(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Open one array or several. Raises UsageError on pickled, broken or swelling files."""
    try:
        import numpy as np
    except ModuleNotFoundError:
        raise UsageError(f"reading {path} needs numpy: pip install numpy") from None
    notes: tuple[str, ...] = ("arrays: float64 is read as float32",)
    if path.suffix == ".npy":
        with path.open("rb") as file:
            _check_header(_header(file, path), path, path.name)
        return Arrays({"inputs": np.load(path, mmap_mode="r")}), notes
    check_not_a_bomb(path)
    members = _members(path)
    kept, more = training_columns(list(members), path)
    columns = {new: members[old]() for new, old in kept.items()}
    lengths = {len(column) if column.ndim else 0 for column in columns.values()}
    if len(lengths) != 1:
        shapes = {name: column.shape for name, column in columns.items()}
        raise UsageError(f"{path} has arrays of different lengths: {shapes}")
    return Arrays(columns), (*notes, *more)


def _members(path: Path) -> dict[str, Callable[[], Any]]:
    """Return how to open each array, after looking at every header."""
    members: dict[str, Callable[[], Any]] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".npy"):
                raise UsageError(f"{path} holds {entry.filename!r}, which is no array")
            name = entry.filename.removesuffix(".npy")
            with archive.open(entry) as file:
                header = _header(file, path)
            declared = _check_header(header, path, name)
            if entry.compress_type == zipfile.ZIP_STORED:
                members[name] = _mapped(path, entry)
            elif declared > IN_MEMORY:
                raise UsageError(
                    f"{path}: {name} is compressed and {megabytes(declared)} large; save it with "
                    "numpy.savez (not compressed), which is read row by row"
                )
            else:
                members[name] = _unpacked(path, name)
    return members


def _header(file: IO[bytes], path: Path) -> tuple[Any, Any, Any]:
    import numpy as np

    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        header: tuple[Any, Any, Any] = read(file)
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as cause:
        raise UsageError(f"{path} is not a readable numpy file: {cause}") from None
    return header


def _check_header(header: tuple[Any, Any, Any], path: Path, name: str) -> int:
    """Return the bytes the header declares. Raises UsageError on objects."""
    shape, _, dtype = header
    if dtype.hasobject:
        raise UsageError(
            f"{path} is not loaded: {name} is an array of Python objects, a pickle that can run code"
        )
    if dtype.kind not in "biufc":
        raise UsageError(f"{path}: {name} holds {dtype}, no numbers")
    return int(math.prod(shape) * dtype.itemsize)


def _unpacked(path: Path, name: str) -> Callable[[], Any]:
    import numpy as np

    def read() -> Any:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]

    return read


def _mapped(path: Path, entry: zipfile.ZipInfo) -> Callable[[], Any]:
    """An array stored as it is begins somewhere in the file: map it from there."""
    import numpy as np

    def read() -> Any:
        with path.open("rb") as file:
            file.seek(entry.header_offset)
            local = file.read(LOCAL_HEADER)
            names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
            file.seek(entry.header_offset + LOCAL_HEADER + names)
            shape, fortran, dtype = _header(file, path)
            offset = file.tell()
        if math.prod(shape) * dtype.itemsize > path.stat().st_size - offset:
            raise UsageError(f"{path} is cut off: {entry.filename} is longer than the file")
        if not math.prod(shape):
            return np.empty(shape, dtype)
        order: Any = "F" if fortran else "C"
        return np.memmap(path, dtype, "r", offset, shape, order)

    return read
