"""Data of the fresh cases: photos, flowers, counts, kinds of letters, bags of words, triplets."""

import keyword
import re
import zlib
from functools import cache

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from benchmarks.cases.sources import WINDOW, letters, scaled, table
from sample_models.digits import ink, labels, standardized

SIDE = 16
WORDS = 512
PIECE = 48


def sample_image(name: str) -> Tensor:
    """Return a photo that scikit-learn ships [rows, columns, 3], from 0 to 255."""
    from sklearn import datasets  # takes seconds

    return torch.from_numpy(datasets.load_sample_image(name).copy()).float()


@cache
def patches() -> tuple[Tensor, Tensor]:
    """Pieces of two photos, [N, 3, 16, 16] from 0 to 255, and which photo each is from."""
    found, origin = [], []
    for number, name in enumerate(("china.jpg", "flower.jpg")):
        photo = sample_image(name).movedim(2, 0)
        cut = photo.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE).movedim((1, 2), (0, 1))
        pieces = cut.reshape(-1, 3, SIDE, SIDE)
        found.append(pieces)
        origin.append(torch.full((len(pieces),), number))
    return torch.cat(found), torch.cat(origin)


@cache
def photos() -> TensorDataset:
    """Standardized pieces of two photos [3, 16, 16], and which photo each is from."""
    pieces, origin = patches()
    mean, std = pieces.mean(dim=(0, 2, 3)), pieces.std(dim=(0, 2, 3))
    return TensorDataset((pieces - mean.view(3, 1, 1)) / std.view(3, 1, 1), origin)


@cache
def flat_photos() -> TensorDataset:
    """Grey pieces of two photos [64], standardized, and which photo each is from: [1]."""
    pieces, origin = photos().tensors
    grey = torch.nn.functional.avg_pool2d(pieces.mean(dim=1, keepdim=True), 2).flatten(1)
    return TensorDataset(scaled(grey), origin.float().unsqueeze(1))


@cache
def picture() -> TensorDataset:
    """Places in a photo [2] from -1 to 1, and the standardized grey there: [1]."""
    photo = sample_image("flower.jpg").mean(dim=2)
    small = torch.nn.functional.avg_pool2d(photo[None, :424, :640], 8)[0]
    rows, columns = (torch.linspace(-1, 1, extent) for extent in small.shape)
    places = torch.cartesian_prod(rows, columns)
    return TensorDataset(places, scaled(small.flatten()).unsqueeze(1))


@cache
def flowers() -> TensorDataset:
    """4 standardized measurements of an iris, and its species."""
    features, species = table("iris")
    return TensorDataset(scaled(features), species)


@cache
def tiny_unit_flowers() -> TensorDataset:
    """The same in thousandths of a millimetre: numbers of some 10,000."""
    features, species = table("iris")
    return TensorDataset(features * 1e4, species)


@cache
def broken_flowers() -> TensorDataset:
    """Irises of which every seventh lacks a measurement."""
    features, species = flowers().tensors
    broken = features.clone()
    broken[::7, 2] = float("nan")
    return TensorDataset(broken, species)


@cache
def flower_lengths() -> TensorDataset:
    """Three measurements of an iris, and the standardized fourth: []."""
    features, _ = flowers().tensors
    return TensorDataset(features[:, :3].clone(), features[:, 3].clone())


@cache
def flower_columns() -> TensorDataset:
    """The same with the fourth in a column of its own: [1]."""
    features, wanted = flower_lengths().tensors
    return TensorDataset(features, wanted.unsqueeze(1))


@cache
def stamped_wine() -> TensorDataset:
    """Wines whose measurements were put beside the second in which they were entered."""
    features, growers = table("wine")
    seconds = 1.7e9 + 60.0 * torch.arange(len(growers)).float().unsqueeze(1)
    return TensorDataset(torch.cat([scaled(features), seconds / 1e6], dim=1), growers)


@cache
def unstamped_wine() -> TensorDataset:
    """The same, every column with mean 0 and standard deviation 1."""
    features, growers = stamped_wine().tensors
    return TensorDataset(scaled(features.double()).float().nan_to_num(), growers)


@cache
def measured_in_turn() -> TensorDataset:
    """A wine's 13 standardized measurements, one after the other [13, 1], and its grower."""
    features, growers = table("wine")
    return TensorDataset(scaled(features).unsqueeze(2), growers)


@cache
def sorted_wine() -> TensorDataset:
    """A wine's measurements in five classes each, one of five numbers is 1: [65]."""
    features, growers = table("wine")
    ranks = features.argsort(dim=0).argsort(dim=0) * 5 // len(growers)
    return TensorDataset(torch.nn.functional.one_hot(ranks, 5).flatten(1).float(), growers)


@cache
def shuffled_wine() -> TensorDataset:
    """Wines with growers in another order."""
    features, growers = table("wine")
    order = torch.randperm(len(growers), generator=torch.Generator().manual_seed(12))
    return TensorDataset(scaled(features), growers[order])


@cache
def ink_counts() -> TensorDataset:
    """The upper half of a digit [32], and how many pixels of the lower half are inked: [1]."""
    upper, lower = ink().split(32, dim=1)
    return TensorDataset(upper - upper.mean(), (lower > 0).sum(dim=1, keepdim=True).float())


@cache
def progress() -> TensorDataset:
    """10 standardized measurements of a patient, and the progress as measured: [1]."""
    features, measured = table("diabetes")
    return TensorDataset(scaled(features), measured.float().unsqueeze(1))


@cache
def triplets() -> TensorDataset:
    """A digit, another image of the same digit, one of another digit, and nothing asked."""
    random = torch.Generator().manual_seed(13)
    kinds = labels()
    order = kinds.argsort(stable=True)
    same = order[(torch.arange(len(kinds)) + 1) % len(kinds)][order.argsort()]
    other = torch.randperm(len(kinds), generator=random)
    keep = (kinds[other] != kinds) & (kinds[same] == kinds)
    images = standardized()
    return TensorDataset(images[keep], images[same][keep], images[other][keep], kinds[keep])


@cache
def kinds_of_letters() -> TensorDataset:
    """Program text [32], and what each letter is part of; half the letters are not asked."""
    text = letters("textwrap")
    written = "".join(chr(int(letter) + 31) for letter in text)
    kinds = torch.full((len(text),), 0)
    pattern = r"(?P<c>#[^\x1f\x7e]*)|(?P<s>'[^']*')|(?P<n>\d+)|(?P<w>[A-Za-z_]\w*)|(?P<o>[^\w\s])"
    for hit in re.finditer(pattern, written):
        number = "csnwo".index(str(hit.lastgroup)) + 1
        if hit.lastgroup == "w" and keyword.iskeyword(hit.group()):
            number = 6
        kinds[hit.start() : hit.end()] = number
    asked = torch.rand(len(text), generator=torch.Generator().manual_seed(14)) < 0.5
    kinds = torch.where(asked, kinds, -100)
    return TensorDataset(text.unfold(0, WINDOW, 9), kinds.unfold(0, WINDOW, 9))


@cache
def following() -> TensorDataset:
    """Eight letters of program text as 96 numbers each, one of which is 1 [768], and the next."""
    pieces = letters("ast").unfold(0, 9, 5)
    known = torch.nn.functional.one_hot(pieces[:, :-1], 96).flatten(1).float()
    return TensorDataset(known, pieces[:, -1])


@cache
def neighbours() -> TensorDataset:
    """A letter, one close to it, and whether it stood there or was drawn: skip-grams."""
    text = letters("socket")
    random = torch.Generator().manual_seed(15)
    place = torch.randint(2, len(text) - 2, (6000,), generator=random)
    step = torch.tensor([-2, -1, 1, 2])[torch.randint(0, 4, (6000,), generator=random)]
    real = torch.rand(6000, generator=random) < 0.5
    drawn = torch.randint(0, 96, (6000,), generator=random)
    return TensorDataset(text[place], torch.where(real, text[place + step], drawn), real.float())


@cache
def hashed() -> TensorDataset:
    """Numbers of the hashed three-letter pieces of a text [46], and which of six it is from."""
    pieces, origin = origins().tensors
    grams = pieces.unfold(1, 3, 1)
    numbers = [zlib.crc32(bytes(gram.tolist())) % WORDS for gram in grams.flatten(0, 1)]
    return TensorDataset(torch.tensor(numbers).view(len(pieces), -1), origin)


@cache
def bags() -> TensorDataset:
    """How often each of 512 hashed pieces occurs in a text, mostly never; and where it is from."""
    numbers, origin = hashed().tensors
    counts = torch.zeros(len(numbers), WORDS)
    return TensorDataset(counts.scatter_add(1, numbers, torch.ones(numbers.shape)), origin)


@cache
def origins() -> TensorDataset:
    """Pieces of text [48] from four modules, and which of them each is from."""
    found = [letters(name).unfold(0, PIECE, 37)[:350] for name in ("ast", "socket", "typing")]
    found.append(letters("tarfile").unfold(0, PIECE, 37)[:350])
    origin = [torch.full((len(piece),), number) for number, piece in enumerate(found)]
    return TensorDataset(torch.cat(found), torch.cat(origin))


@cache
def rebuilt() -> TensorDataset:
    """Images [1, 8, 8] from -1 to 1, to be rebuilt."""
    images = 2 * ink().view(-1, 1, 8, 8) - 1
    return TensorDataset(images, images)
