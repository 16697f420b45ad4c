"""The 1,797 handwritten digits every sample learns from, read with nothing but torch.

Data: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0.
"""

import gzip
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

FILE = Path(__file__).parent / "data" / "digits.csv.gz"
FULL_INK = 16.0


@cache
def table() -> Tensor:
    """All rows as whole numbers: 64 pixels from 0 to 16, then the digit."""
    lines = gzip.decompress(FILE.read_bytes()).decode("ascii").splitlines()
    return torch.tensor([[int(cell) for cell in line.split(",")] for line in lines])


def labels() -> Tensor:
    """Return which digit each image shows, int64."""
    return table()[:, -1].clone()


def ink() -> Tensor:
    """Images as [1797, 64] floats from 0 (blank) to 1 (full ink)."""
    return table()[:, :-1].float() / FULL_INK


def pixels() -> Tensor:
    """Images as an 8-bit picture file holds them: [1797, 64] floats from 0 to 255."""
    return (ink() * 255).round()


def standardized() -> Tensor:
    """Images with mean 0 and standard deviation 1 over all pixels together."""
    images = ink()
    return (images - images.mean()) / images.std()


def load() -> TensorDataset:
    """Pairs of a standardized image [64] and its digit: what most samples train on."""
    return TensorDataset(standardized(), labels())
