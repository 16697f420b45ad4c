"""Which samples a loader draws: a sampler that never reaches most of them."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch.nn import functional
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    Sampler,
    TensorDataset,
    WeightedRandomSampler,
)

from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from tests.support.loops import adam, batch, findings, report, small

HELD = 800


class Again(Sampler[int]):
    """Draws from the first samples without end, as samplers for training by steps do."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        """Yield positions."""
        while True:
            yield from torch.randperm(self.first).tolist()


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs, classes, and the weight of each class."""
    x, y = batch(HELD)
    return x, y, 1 / y.bincount().float()


def trained(sampler: Callable[[torch.Tensor, torch.Tensor], Sampler[int]], peeks: int = 0) -> None:
    x, y, weights = data()
    loader = DataLoader(TensorDataset(x, y), batch_size=16, sampler=sampler(weights, y))
    for _ in range(peeks):
        next(iter(loader))
    model = small()
    optimizer = adam(model)
    given = iter(loader)
    for _ in range(40):
        x, y = next(given)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def of_classes(weights: torch.Tensor, _: torch.Tensor) -> Sampler[int]:
    return WeightedRandomSampler(weights, HELD)


def of_samples(weights: torch.Tensor, y: torch.Tensor) -> Sampler[int]:
    return WeightedRandomSampler(weights[y], HELD)


def found(sampler: Callable[[torch.Tensor, torch.Tensor], Sampler[int]], **more: int) -> Finding:
    return findings(lambda: trained(sampler, **more))["degenerate-data"]


def told(sampler: Callable[[torch.Tensor, torch.Tensor], Sampler[int]]) -> Report:
    return report(lambda: trained(sampler))


@pytest.mark.parametrize("peeks", [0, 2])
def test_a_sampler_that_was_given_the_weights_of_the_classes(peeks: int) -> None:
    finding = found(of_classes, peeks=peeks)
    assert finding.severity is Severity.ERROR
    assert "3 weights for 800 samples" in finding.message


def test_it_is_the_cause_and_the_fix_says_what_to_give() -> None:
    said = told(of_classes)
    assert said.causes[0].name == "degenerate-data"
    assert "a weight for each" in said.fixes[0].summary


def test_its_twin_with_a_weight_for_each_sample_is_left_alone() -> None:
    assert not told(of_samples).findings


def test_few_samples_that_are_drawn_again_and_again() -> None:
    assert "drew 20 of 800 samples, " in found(lambda _w, _y: Again(20)).message


@pytest.mark.parametrize(
    "sampler",
    [
        lambda _w, _y: Again(200),
        lambda _w, _y: RandomSampler(range(HELD), replacement=True, num_samples=HELD),
        lambda _w, _y: torch.utils.data.SubsetRandomSampler(list(range(640))),
        lambda _w, y: WeightedRandomSampler((y == 0).float() * 1e-3 + 1, HELD),
    ],
    ids=["a quarter", "with replacement", "a split", "weights that differ little"],
)
def test_other_samplers_have_nothing_to_mend(
    sampler: Callable[[torch.Tensor, torch.Tensor], Sampler[int]],
) -> None:
    assert "degenerate-data" not in findings(lambda: trained(sampler))


def test_positions_that_are_no_numbers_are_not_counted() -> None:
    """A dataset may be asked by names."""
    x, y, _ = data()

    class Named(TensorDataset):
        def __getitem__(self, name: str) -> tuple[torch.Tensor, ...]:
            return super().__getitem__(int(name[1:]))

    def loop() -> None:
        names: list[str] = ["s0", "s1"] * 320
        given = iter(DataLoader(Named(x, y), batch_size=16, sampler=names))
        model = small()
        optimizer = adam(model)
        for inputs, labels in given:
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()

    assert "sampler drew" not in str(findings(loop).get("degenerate-data", ""))
