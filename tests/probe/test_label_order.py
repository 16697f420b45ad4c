"""Sorted data is seen in the order of its labels."""

import torch

from gradcheck_cli.probe.label_order import LabelOrder


def order(labels: torch.Tensor, size: int) -> LabelOrder:
    """Go through the labels in batches."""
    found = LabelOrder()
    for batch in labels.split(size):
        found.saw(batch)
    return found


LABELS = torch.arange(10).repeat_interleave(100)


def test_classes_one_after_the_other_are_seen() -> None:
    found = order(LABELS, 20)
    assert found.spread is not None
    assert found.spread < 0.2
    assert found.in_rows
    assert order(LABELS.view(-1, 20)[::6].flatten(), 20).in_rows  # looked at now and then


def test_shuffled_classes_are_all_in_a_batch() -> None:
    found = order(LABELS[torch.randperm(1000, generator=torch.Generator().manual_seed(0))], 20)
    assert found.spread is not None
    assert found.spread > 0.9


def test_batches_of_a_few_classes_each_come_in_no_rows() -> None:
    chance = torch.Generator().manual_seed(0)
    batches = [torch.randint(10, (2,), generator=chance).repeat_interleave(10) for _ in range(40)]
    assert not order(torch.cat(batches), 20).in_rows


def test_classes_that_ascend_are_seen_where_each_pass_is_looked_at_in_other_places() -> None:
    chance = torch.Generator().manual_seed(0)
    batches = LABELS.view(-1, 20)
    places = [torch.randperm(50, generator=chance)[:5].sort().values for _ in range(3)]
    assert order(batches[torch.cat(places)].flatten(), 20).in_rows
    mixed = [place[torch.randperm(5, generator=chance)] for place in places]
    assert not order(batches[torch.cat(mixed)].flatten(), 20).in_rows


def test_nothing_is_said_of_single_samples_or_of_one_class() -> None:
    assert order(LABELS, 1).spread is None
    assert order(torch.zeros(500, dtype=torch.long), 20).spread is None


def test_further_passes_in_the_same_order_change_nothing() -> None:
    twice = torch.cat([LABELS, LABELS, LABELS[:300]])
    assert order(twice, 50).in_rows
    backwards = torch.cat([LABELS, LABELS.flip(0)])
    assert not order(backwards, 50).in_rows
