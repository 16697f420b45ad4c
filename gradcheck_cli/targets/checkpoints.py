"""Read `.pt` files without running what is in them, and no zip file that would swell."""

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from gradcheck_cli.errors import UsageError

BOMB_SIZE = 256 * 2**20  # below this a file may shrink as much as it likes
BOMB_RATIO = 100


def check_not_a_bomb(path: Path) -> None:
    """Raise UsageError when the file would swell to hundreds of times its size."""
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as cause:
        raise UsageError(f"{path} is not a readable file of its kind: {cause}") from None
    on_disk = path.stat().st_size
    if declared > BOMB_SIZE and declared > BOMB_RATIO * on_disk:
        raise UsageError(
            f"{path} is {megabytes(on_disk)} but declares {megabytes(declared)} of content; it is not read"
        )


def megabytes(size: int) -> str:
    """Return a size in MB with one decimal."""
    return f"{size / 2**20:,.1f} MB"


def load_plain(path: Path, *, trust: bool = False) -> Any:
    """Return what torch.save wrote: tensors and plain containers only, unless `trust`.

    Raises UsageError on a missing or broken file, and on one whose pickle would import code; the
    message lists what it would import.
    """
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    zipped = zipfile.is_zipfile(path)
    if zipped:
        check_not_a_bomb(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript archives warn before they are refused
            return torch.load(path, map_location="cpu", weights_only=not trust, mmap=zipped)
    except pickle.UnpicklingError as cause:
        raise UsageError(_refusal(path, cause, zipped=zipped)) from None
    except Exception as cause:  # noqa: BLE001 - a broken pickle fails in any way there is
        raise UsageError(f"{path} cannot be read by torch.load: {_first_line(cause)}") from None


def _refusal(path: Path, cause: Exception, *, zipped: bool) -> str:
    names = would_import(path) if zipped else []
    if names:
        listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        return (
            f"{path} is not loaded: it is a pickle that would import {listed}, which can run code; save "
            "a state_dict instead and name the class, or use --trust if you made the file yourself"
        )
    return f"{path} is not loaded: it holds more than tensors ({_first_line(cause)}); --trust loads it anyway"


def would_import(path: Path) -> list[str]:
    """Return the names that unpickling the file would import, as far as they can be listed."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # noqa: BLE001 - too odd to be listed; the refusal stands without
        return []


def _first_line(cause: Exception) -> str:
    return str(cause).strip().partition("\n")[0][:200] or type(cause).__name__
