"""Pieces of two photos."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import TensorDataset

from benchmarks.cases.sources import tables

SIDE = 16


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
    return TensorDataset(tables.scaled(grey), origin.float().unsqueeze(1))


@cache
def picture() -> TensorDataset:
    """Places in a photo [2] from -1 to 1, and the standardized grey there: [1]."""
    photo = sample_image("flower.jpg").mean(dim=2)
    small = torch.nn.functional.avg_pool2d(photo[None, :424, :640], 8)[0]
    rows, columns = (torch.linspace(-1, 1, extent) for extent in small.shape)
    places = torch.cartesian_prod(rows, columns)
    return TensorDataset(places, tables.scaled(small.flatten()).unsqueeze(1))


@cache
def colours() -> TensorDataset:
    """Grey pieces of two photos [1, 16, 16], and their colours [3, 16, 16], both standardized."""
    pieces, _ = photos().tensors
    return TensorDataset(pieces.mean(dim=1, keepdim=True), pieces)


@cache
def raw_photos() -> TensorDataset:
    """Pieces of two photos [3, 16, 16] from 0 to 255, and which photo each is from."""
    return TensorDataset(*patches())


@cache
def deep_photos() -> TensorDataset:
    """Pieces of two photos [3, 16, 16] in sixteen bits, 0 to 65,535, and which photo each is from."""
    pieces, origin = patches()
    return TensorDataset(pieces * 257, origin)


@cache
def brightness() -> TensorDataset:
    """Pieces of two photos, and how bright the middle of each is from 0 to 255: []."""
    pieces, _ = photos().tensors
    raw, _ = patches()
    return TensorDataset(pieces, raw[:, :, 6:10, 6:10].mean(dim=(1, 2, 3)))


@cache
def scaled_brightness() -> TensorDataset:
    """The same with mean 0 and standard deviation 1: []."""
    pieces, bright = brightness().tensors
    return TensorDataset(pieces, tables.scaled(bright))


@cache
def brightness_columns() -> TensorDataset:
    """The same in a column of its own: [1]."""
    pieces, bright = scaled_brightness().tensors
    return TensorDataset(pieces, bright.unsqueeze(1))


@cache
def coloured_places() -> TensorDataset:
    """Places in a photo [2] from 0 to 1, and the standardized colour there: [3]."""
    pieces, _ = patches()
    photo = pieces[:1040].view(26, 40, 3, 16, 16).movedim(2, 0).movedim(2, 3)
    small = functional.avg_pool2d(photo.reshape(3, 26 * 16, 40 * 16), 8)
    rows, columns = (torch.linspace(0, 1, extent) for extent in small.shape[1:])
    return TensorDataset(torch.cartesian_prod(rows, columns), tables.scaled(small.flatten(1).T))


@cache
def shuffled_photos() -> TensorDataset:
    """Pieces of two photos with their origin in another order."""
    pieces, origin = photos().tensors
    order = torch.randperm(len(origin), generator=torch.Generator().manual_seed(35))
    return TensorDataset(pieces, origin[order])
