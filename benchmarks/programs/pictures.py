"""Stand-ins for pictures: real digits of 8 x 8 pixels, in the files that programs look for."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def scans(size: int, count: int, start: int = 0) -> tuple[Any, Any]:
    """Return handwritten digits (count, size, size) of bytes and their labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))[start : start + count]
    small = images.reshape(-1, 8, 8)[order] * (255 / 16)
    wide = small.repeat(-(-size // 8), axis=1).repeat(-(-size // 8), axis=2)
    return wide[:, :size, :size].astype(np.uint8), labels[order].astype(np.uint8)


def digits(*folders: str, train: int = 1024, test: int = 256) -> Callable[[Path], None]:
    """Write such digits of 28 x 28 pixels as the four files of MNIST, below each folder."""

    def write(root: Path) -> None:
        for part, count, start in (("train", train, 0), ("t10k", test, train)):
            pictures, labels = scans(28, count, start)
            for folder in folders:
                raw = root / folder / "raw"
                raw.mkdir(parents=True, exist_ok=True)
                head = struct.pack(">4i", 2051, count, 28, 28)
                for name, data in (
                    (f"{part}-images-idx3-ubyte", head + pictures.tobytes()),
                    (
                        f"{part}-labels-idx1-ubyte",
                        struct.pack(">2i", 2049, count) + labels.tobytes(),
                    ),
                ):
                    (raw / name).write_bytes(data)
                    (raw / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))

    return write


def folders(
    *places: str, size: int = 64, count: int = 60, classes: int = 3, form: str = "{label}/{at}.png"
) -> Callable[[Path], None]:
    """Write colored pictures of digits, count per class, at `place/form`."""

    def write(root: Path) -> None:
        from PIL import Image

        pictures, labels = scans(size, 1797)
        for place in places:
            for label in range(classes):
                for at, one in enumerate(pictures[labels == label][:count]):
                    colored = np.stack([one, one // (label + 1), 255 - one], -1)
                    to = root / place / form.format(label=f"n{label}", at=at)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(colored).save(to)

    return write


def small_unet(folder: str) -> Callable[[Path], None]:
    """Write the configuration of a U-Net of diffusers with 40,000 parameters."""

    def write(root: Path) -> None:
        from diffusers import UNet2DModel

        UNet2DModel(
            sample_size=16,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
            attention_head_dim=8,
            layers_per_block=1,
        ).save_config(root / folder)

    return write
