"""Data and losses of the unseen cases: colours, teachers, ranks, classes apart by a margin."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import TensorDataset

from benchmarks.cases.fresh_sources import flowers, measured_in_turn, patches, photos
from benchmarks.cases.sources import scaled, table
from sample_models.digits import ink, labels, standardized


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
def taught() -> TensorDataset:
    """Images, and the scores that a linear teacher (a ridge regression) gives each digit: [10]."""
    images = standardized()
    wanted = torch.eye(10)[labels()]
    ridge = images.T @ images + 10 * torch.eye(64)
    return TensorDataset(images, 20 * images @ torch.linalg.solve(ridge, images.T @ wanted))


@cache
def inked() -> TensorDataset:
    """Images from 0 to 1, to be rebuilt as chances."""
    return TensorDataset(ink(), ink())


@cache
def alone() -> TensorDataset:
    """Images and their place in the list, of which a contrastive loss makes nothing."""
    return TensorDataset(standardized(), torch.zeros(1797))


@cache
def shuffled_flowers() -> TensorDataset:
    """Irises with species in another order."""
    features, species = flowers().tensors
    order = torch.randperm(len(species), generator=torch.Generator().manual_seed(21))
    return TensorDataset(features, species[order])


@cache
def tumour_sizes() -> TensorDataset:
    """29 standardized measurements of a tumour, and the standardized first: []."""
    features, _ = table("breast_cancer")
    return TensorDataset(scaled(features)[:, 1:].clone(), scaled(features)[:, 0].clone())


@cache
def tumour_columns() -> TensorDataset:
    """The same with what is asked in a column of its own: [1]."""
    features, wanted = tumour_sizes().tensors
    return TensorDataset(features, wanted.unsqueeze(1))


@cache
def gappy_tumours() -> TensorDataset:
    """Tumours of which every ninth lacks a measurement, and nothing asked."""
    features, benign = table("breast_cancer")
    known = scaled(features)
    known[::9, 3] = float("nan")
    return TensorDataset(known, benign)


@cache
def whole_tumours() -> TensorDataset:
    """Tumours with all their measurements, and nothing asked."""
    features, benign = table("breast_cancer")
    return TensorDataset(scaled(features), benign)


@cache
def in_grams() -> TensorDataset:
    """13 measurements of a wine in units a thousand times smaller than usual, and its grower."""
    features, growers = table("wine")
    return TensorDataset(features * 1e3, growers)


wines_in_turn = measured_in_turn


def contrast(output: Tensor, _: Tensor) -> Tensor:
    """Each view must find the other one of the same sample (InfoNCE)."""
    return functional.cross_entropy(output, torch.arange(len(output)))


def evidence(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Minus the evidence lower bound, per pixel."""
    scores, away = output
    return functional.binary_cross_entropy_with_logits(scores, target) + 0.2 * away / 64


def distilled(output: Tensor, target: Tensor) -> Tensor:
    """Divergence from the teacher's softened answers."""
    heat = 4.0
    wanted = (target / heat).softmax(dim=1)
    single = functional.kl_div((output / heat).log_softmax(dim=1), wanted, reduction="batchmean")
    return heat * heat * single


def apart(output: Tensor, target: Tensor) -> Tensor:
    """The right class must lead by a margin."""
    return functional.multi_margin_loss(output, target)


def smooth(output: Tensor, target: Tensor) -> Tensor:
    """Huber's loss of outputs of a usual size."""
    return functional.smooth_l1_loss(output, target)


def average(output: Tensor, _: Tensor) -> Tensor:
    """The mean of what the model computed itself."""
    return output.mean()
