"""Tables: wines, tumours, patients, flowers."""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset


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
def progress() -> TensorDataset:
    """10 standardized measurements of a patient, and the progress as measured: [1]."""
    features, measured = table("diabetes")
    return TensorDataset(scaled(features), measured.float().unsqueeze(1))


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


@cache
def two_patients() -> TensorDataset:
    """Two patients' measurements, and whose disease went further: 1 or -1."""
    features, progress = table("diabetes")
    known = scaled(features)
    other = torch.randperm(len(known), generator=torch.Generator().manual_seed(32))
    return TensorDataset(known, known[other], (progress - progress[other]).sign().float())


@cache
def patients_asked() -> TensorDataset:
    """Patients' measurements, their standardized progress [1], and nothing asked beyond them."""
    features, progress = table("diabetes")
    return TensorDataset(
        scaled(features), scaled(progress.float()).unsqueeze(1), torch.zeros(len(features))
    )


@cache
def logged_wine() -> TensorDataset:
    """Logarithms of a wine's measurements, one of which was entered as 0 now and then."""
    features, growers = table("wine")
    features = features.clone()
    features[::12, 6] = 0.0
    return TensorDataset(features.log(), growers)


@cache
def clean_logged_wine() -> TensorDataset:
    """Logarithms of a wine's measurements, standardized."""
    features, growers = table("wine")
    return TensorDataset(scaled(features.log()), growers)
