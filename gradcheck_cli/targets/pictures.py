"""A folder of pictures, one folder per class: `class/xxx.png`."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gradcheck_cli.errors import UsageError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


class Pictures(Dataset[tuple[Tensor, int]]):
    """Each picture as float32 [channels, height, width] in 0..1, and the number of its class."""

    def __init__(self, files: list[tuple[Path, int]], size: tuple[int, int], mode: str) -> None:
        self.files, self.size, self.mode = files, size, mode

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        picture = _open(path).convert(self.mode)
        if picture.size != self.size:
            picture = picture.resize(self.size)
        pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
        width, height = self.size
        return pixels.reshape(height, width, -1).permute(2, 0, 1).float() / 255, label


def open_pictures(folder: Path) -> tuple[Pictures, tuple[str, ...]]:
    """Find the pictures. Raises UsageError where there are none, or no folder per class."""
    root = folder / "train" if (folder / "train").is_dir() else folder
    classes = sorted(entry for entry in root.iterdir() if entry.is_dir() and entry.name[0] != ".")
    files = [
        (file, label)
        for label, entry in enumerate(classes)
        for file in sorted(entry.rglob("*"))
        if file.suffix.lower() in SUFFIXES and file.is_file()
    ]
    if not files:
        raise UsageError(
            f"{folder} is no data: it has no class/picture.png below it, and is no saved dataset"
        )
    first = _open(files[0][0])
    mode = "L" if first.mode in {"1", "L", "I", "I;16", "F"} else "RGB"
    width, height = first.size
    names = ", ".join(entry.name for entry in classes[:5]) + ", ..." * (len(classes) > 5)
    notes = (
        f"pictures: {len(files)} files of {len(classes)} classes ({names}), as {mode} from 0 to 1, "
        f"{width} x {height} like the first, others resized, not normalized",
    )
    return Pictures(files, first.size, mode), notes


def _open(path: Path) -> Any:
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError:
        raise UsageError(f"reading {path} needs Pillow: pip install pillow") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(path)
            picture.load()
    except (
        UnidentifiedImageError,
        OSError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as cause:
        raise UsageError(f"{path} cannot be read as a picture: {cause}") from None
    return picture
