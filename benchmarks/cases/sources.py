"""The data of the cases: small, real, and on every machine with Python and scikit-learn.

The digits (UCI, bundled with the sample models), the text of Python's standard library, and the
tables of scikit-learn. Each source is a function without arguments, read once.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from sample_models.digits import ink, labels, pixels, standardized

MODULES = ("argparse", "ast", "decimal", "textwrap", "socket", "typing")
LETTERS = 96  # printable ASCII, and one for all else
WINDOW = 32


class Records(Dataset[dict[str, Tensor]]):
    """Rows handed out as dicts, as `transformers` models take them."""

    def __init__(self, **columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: column[index] for name, column in self.columns.items()}


@cache
def digits() -> TensorDataset:
    """Standardized images [64] and their digit."""
    return TensorDataset(standardized(), labels())


@cache
def unit_digits() -> TensorDataset:
    """Images [64] from 0 to 1 and their digit."""
    return TensorDataset(ink(), labels())


@cache
def raw_digits() -> TensorDataset:
    """Images [64] from 0 to 255 and their digit."""
    return TensorDataset(pixels(), labels())


@cache
def dark_digits() -> TensorDataset:
    """Images [64] from -1 (full ink) to 0 and their digit."""
    return TensorDataset(-ink(), labels())


@cache
def images() -> TensorDataset:
    """Standardized images [1, 8, 8] and their digit."""
    return TensorDataset(standardized().view(-1, 1, 8, 8), labels())


@cache
def rows() -> TensorDataset:
    """Images as sequences of eight rows [8, 8] and their digit."""
    return TensorDataset(standardized().view(-1, 8, 8), labels())


@cache
def pixel_rows() -> TensorDataset:
    """Images as sequences of 64 pixels [64, 1] and their digit."""
    return TensorDataset(standardized().unsqueeze(-1), labels())


@cache
def first_32_digits() -> TensorDataset:
    """One batch of images and their digit."""
    return TensorDataset(standardized()[:32], labels()[:32])


@cache
def shuffled_digits() -> TensorDataset:
    """Images with labels in another order: nothing to learn."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(1))
    return TensorDataset(standardized(), labels()[order])


@cache
def blank_digits() -> TensorDataset:
    """Images lost in a whole-number division: all pixels 0."""
    return TensorDataset(pixels() // 256, labels())


@cache
def constant_digits() -> TensorDataset:
    """The average image for every digit."""
    mean = standardized().mean(dim=0, keepdim=True)
    return TensorDataset(mean.expand(1797, -1).clone(), labels())


@cache
def broken_digits() -> TensorDataset:
    """Images of which every tenth has a pixel that is not a number."""
    broken = standardized()
    broken[::10, 20] = float("nan")
    return TensorDataset(broken, labels())


@cache
def digit_values() -> TensorDataset:
    """Images and their digit as a number from 0 to 9."""
    return TensorDataset(standardized(), labels().float())


@cache
def digit_scores() -> TensorDataset:
    """Images and their digit as a standardized number."""
    return TensorDataset(standardized(), (labels() - 4.5) / 2.87)


@cache
def digit_columns() -> TensorDataset:
    """Images and their digit as a standardized number in a column of its own: [1]."""
    return TensorDataset(standardized(), ((labels() - 4.5) / 2.87).unsqueeze(1))


@cache
def onehot_digits() -> TensorDataset:
    """Images and their digit as ten numbers, one of which is 1."""
    return TensorDataset(standardized(), torch.eye(10)[labels()])


@cache
def digit_bits() -> TensorDataset:
    """Images and the four bits of their digit: several labels at once."""
    bits = torch.stack([(labels() >> place) & 1 for place in range(4)], dim=1)
    return TensorDataset(standardized(), bits.float())


@cache
def copies() -> TensorDataset:
    """Images from 0 to 1, to be rebuilt."""
    return TensorDataset(ink(), ink())


@cache
def strokes() -> TensorDataset:
    """Noisy images [1, 8, 8], and which of their pixels are inked."""
    clean = ink().view(-1, 1, 8, 8)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    return TensorDataset(clean + 0.2 * noise, (clean > 0.5).float())


@cache
def noised() -> TensorDataset:
    """Image plus noise, how much noise, and the noise: what a diffusion model learns."""
    random = torch.Generator().manual_seed(3)
    share = torch.rand(1797, 1, generator=random)
    noise = torch.randn(1797, 64, generator=random)
    return TensorDataset((1 - share).sqrt() * standardized() + share.sqrt() * noise, share, noise)


@cache
def pairs() -> TensorDataset:
    """Two images, and whether they show the same digit."""
    random = torch.Generator().manual_seed(4)
    other = torch.randperm(1797, generator=random)
    order = labels().argsort(stable=True)
    same = order[(torch.arange(1797) + 1) % 1797][order.argsort()]
    chosen = torch.where(torch.rand(1797, generator=random) < 0.5, same, other)
    alike = (labels()[chosen] == labels()).float()
    return TensorDataset(standardized(), standardized()[chosen], alike)


@cache
def forgeries() -> TensorDataset:
    """Real digits and ones whose rows were shuffled, and which is real."""
    fake = standardized().view(-1, 8, 8)[:, torch.tensor([3, 6, 1, 4, 7, 0, 2, 5])].flatten(1)
    real = torch.cat([torch.ones(1797), torch.zeros(1797)])
    return TensorDataset(torch.cat([standardized(), fake]), real.unsqueeze(1))


@cache
def noise() -> TensorDataset:
    """Random codes for a generator, all of which the discriminator is to call real: [1]."""
    codes = torch.randn(1797, 16, generator=torch.Generator().manual_seed(8))
    return TensorDataset(codes, torch.ones(1797, 1))


@cache
def image_records() -> Records:
    """Images as vision transformers take them."""
    return Records(pixel_values=standardized().view(-1, 1, 8, 8), labels=labels())


@cache
def letters(module: str) -> Tensor:
    """Return the text of a standard module as numbers from 0 to 95."""
    text = (Path(os.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    return torch.tensor([min(max(ord(letter) - 31, 0), LETTERS - 1) for letter in text[:40000]])


@cache
def windows() -> Tensor:
    """Pieces of text, [N, 33]."""
    return letters("argparse").unfold(0, WINDOW + 1, 17)


@cache
def text() -> TensorDataset:
    """Pieces of text, and the same moved on by one letter."""
    return TensorDataset(windows()[:, :-1], windows()[:, 1:])


@cache
def text_records() -> Records:
    """Pieces of text as causal language models take them."""
    return Records(input_ids=windows()[:, :-1], labels=windows()[:, :-1].clone())


@cache
def masked_records() -> Records:
    """Text with some letters hidden, as masked language models take it."""
    seen = windows()[:, :-1].clone()
    hidden = torch.rand(seen.shape, generator=torch.Generator().manual_seed(5)) < 0.15
    wanted = torch.where(hidden, seen, -100)
    return Records(input_ids=seen.masked_fill(hidden, 0), labels=wanted)


@cache
def copy_records() -> Records:
    """Text to be handed on as it is: an easy task for encoder and decoder."""
    return Records(input_ids=windows()[:, :16], labels=windows()[:, :16].clone())


@cache
def authors() -> TensorDataset:
    """Pieces of text [48], and which of six modules each is from."""
    pieces = [letters(module).unfold(0, 48, 40)[:300] for module in MODULES]
    origin = [torch.full((len(piece),), place) for place, piece in enumerate(pieces)]
    return TensorDataset(torch.cat(pieces), torch.cat(origin))


@cache
def author_records() -> Records:
    """The same for sequence classifiers of `transformers`."""
    pieces, origin = authors().tensors
    return Records(input_ids=pieces, labels=origin)


def table(name: str) -> tuple[Tensor, Tensor]:
    """Return features and targets of one of scikit-learn's tables."""
    from sklearn import datasets  # takes seconds

    found: Any = getattr(datasets, f"load_{name}")()
    return torch.tensor(found.data).float(), torch.tensor(found.target)


def scaled(column: Tensor) -> Tensor:
    """Return columns with mean 0 and standard deviation 1."""
    return (column - column.mean(dim=0)) / column.std(dim=0)


@cache
def wine() -> TensorDataset:
    """13 standardized measurements of a wine, and its grower."""
    features, growers = table("wine")
    return TensorDataset(scaled(features), growers)


@cache
def raw_wine() -> TensorDataset:
    """The same, measured as they come: one is near 1000, others near 1."""
    return TensorDataset(*table("wine"))


@cache
def tumours() -> TensorDataset:
    """30 standardized measurements of a tumour, and whether it is benign: [1]."""
    features, benign = table("breast_cancer")
    return TensorDataset(scaled(features), benign.float().unsqueeze(1))


@cache
def raw_tumours() -> TensorDataset:
    """The same, measured as they come: some are near 1000."""
    features, benign = table("breast_cancer")
    return TensorDataset(features, benign.float().unsqueeze(1))


@cache
def shuffled_tumours() -> TensorDataset:
    """Tumours with labels in another order."""
    features, benign = tumours().tensors
    order = torch.randperm(len(benign), generator=torch.Generator().manual_seed(6))
    return TensorDataset(features, benign[order])


@cache
def diabetes() -> TensorDataset:
    """10 standardized measurements of a patient, and the standardized progress: [1]."""
    features, progress = table("diabetes")
    return TensorDataset(scaled(features), scaled(progress.float()).unsqueeze(1))


@cache
def raw_diabetes() -> TensorDataset:
    """The same with the progress as measured, from 25 to 346."""
    features, progress = table("diabetes")
    return TensorDataset(scaled(features), progress.float().unsqueeze(1))


@cache
def flat_diabetes() -> TensorDataset:
    """The same with the progress as measured and not in a column of its own: []."""
    features, progress = table("diabetes")
    return TensorDataset(scaled(features), scaled(progress.float()))
