"""Were dimensions exchanged by a reshape, which keeps the order in memory, and not by a transpose?"""

from collections.abc import Iterator
from statistics import fmean

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

CHANNELS = (3, 4)  # of colors: others have no order that is known
ALIKE = 0.8  # of the difference to the values one nearer or farther
NEARLY = 0.9  # of the pictures
SMALLEST = 36  # pixels
FEWEST, LEAST = 8, 1000  # positions or samples, and numbers: fewer do not tell
SOME = 0.3  # correlation of neighbors
FEWER = 0.5  # of it, that neighbors have in the wrong order, at most


def of_pixels(subject: Subject) -> Iterator[Said]:
    """Say where pictures of [rows, columns, channels] were reshaped to [channels, rows, columns]."""
    for name, first in subject.inputs(subject.batches[0]).items():
        if first.ndim != 4 or not first.is_floating_point() or first.shape[1] not in CHANNELS:
            continue
        channels, values = first.shape[1], first.detach().float().flatten(1)

        def apart(lag: int, values: Tensor = values) -> Tensor:
            """Return the mean difference of values so far apart, of each picture."""
            return (values[:, lag:] - values[:, :-lag]).abs().mean(1)

        alike = torch.ones(len(values), dtype=torch.bool, device=values.device)
        for lag in (channels, 2 * channels):
            alike &= apart(lag) < ALIKE * torch.minimum(apart(lag - 1), apart(lag + 1))
        if first[0, 0].numel() > SMALLEST and float(alike.float().mean()) >= NEARLY:
            yield Said(
                about="pixels-in-order",
                outcome=Outcome.WRONG,
                said=f"in {name} [samples, {channels}, rows, columns] values {channels} apart are much more alike than neighbors: "
                f"the {channels} channels of a pixel stand side by side; exchange dimensions with permute, not with "
                "reshape or view",
                measured=float((apart(channels) / apart(1)).median()),
                limit=ALIKE,
                supports=("labels-without-signal",),
            )


def of_positions(subject: Subject) -> Iterator[Said]:
    """Say where sequences of [positions, samples, columns] were reshaped to [samples, positions, columns]."""
    for name, first in subject.inputs(subject.batches[0]).items():
        if first.ndim != 3 or not first.is_floating_point() or first.numel() < LEAST:
            continue
        samples, positions, columns = first.shape
        if samples == positions or min(samples, positions) < FEWEST:
            continue
        rows = [
            t
            for batch in subject.batches
            if (t := subject.inputs(batch).get(name, first)).shape == first.shape
        ]
        centered = [t.detach().float() - t.detach().float().mean(0) for t in rows]
        ways = (
            [t.reshape(positions, samples, columns) for t in centered],
            centered,
            [t.transpose(0, 1) for t in centered],
        )
        turned, *as_is = (fmean(map(_of_neighbors, way)) for way in ways)
        if turned > SOME and max(as_is) < FEWER * turned:
            yield Said(
                about="positions-in-order",
                outcome=Outcome.WRONG,
                said=f"in {name} [{samples} samples, {positions} positions, {columns}] neighbors correlate by {number(max(as_is))}, and by "
                f"{number(turned)} when they are read as [{positions} positions, {samples} samples, {columns}]: "
                "exchange dimensions with transpose or permute, not with reshape or view",
                measured=turned,
                limit=SOME,
                supports=("mixed-samples",),
            )


def _of_neighbors(values: Tensor) -> float:
    """Return the correlation of neighbors along the first dimension."""
    products = (values[1:] * values[:-1]).mean()
    return float(products / values.square().mean().clamp(min=1e-12))
