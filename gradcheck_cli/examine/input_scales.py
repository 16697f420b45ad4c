"""Are inputs of a usual size, column by column?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.memory_order import of_pixels, of_positions
from gradcheck_cli.examine.missing_codes import of_missing
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FAR = 20.0  # times the usual size of 1, up or down
APART = 30.0  # times that the largest column exceeds the smallest one


@experiment(
    "input-scales",
    "Are inputs of a usual size, column by column?",
    pixels_in_order="Do neighbors in a picture belong together?",
    positions_in_order="Do neighbors in a sequence belong together?",
    values_measured="Are all numbers of a column measured, or is one a code for what is missing?",
)
def input_scales(scene: Scene) -> Iterator[Said]:
    """Measure the standard deviation of each column of the inputs, and of the whole where there are none.

    Procedure  of the fixed batches: floating-point inputs; a table [samples, columns] column by column. Of pictures
               [samples, channels, rows, columns]: how much values differ that stand 1, 2, ... apart in memory. Of
               sequences [samples, positions, columns]: how neighbors correlate, in the samples as they are and as they
               would be if the first two dimensions were turned round in a reshape. Of each column of a table: its ends
               that stand in three samples or more, and how far they are from the other values.
    Answers    fine: root mean square between 0.05 and 20, columns within a factor of 30. Noted: outside; the
               replays say whether it matters. Wrong: values as far apart as there are channels, or twice that, are much more
               alike than those one nearer or farther: the channels of a pixel stand side by side, and the
               picture was reshaped where its dimensions were to be exchanged; or neighbors correlate only in the other reading of memory;
               or one number stands 20 standard deviations of ten or more other values away from them, and in several samples.
    Costs      no pass at all.
    Sources    LeCun et al. 1998, Efficient BackProp, sec. 4.3.
    """
    subject = scene.subject
    yield from of_pixels(subject)
    yield from of_positions(subject)
    yield from of_missing(subject)
    named = [subject.inputs(batch) for batch in subject.batches]
    scales: dict[str, tuple[Tensor, Tensor]] = {}
    said: list[tuple[float, float, str]] = []
    floats = [n for n, t in named[0].items() if t.is_floating_point() and t.ndim >= 2]
    for name in floats:
        shape = named[0][name].shape[1:]
        alike = [entry[name].detach().float() for entry in named if entry[name].shape[1:] == shape]
        values = torch.cat(alike)
        size = float(values.square().mean().sqrt())
        by_column = values.ndim == 2 and values.shape[1] > 1
        spreads = values.std(0) if by_column else values.std().reshape(1)
        varying = spreads[spreads > 0]
        apart = float(varying.max() / varying.min()) if by_column and len(varying) > 1 else 1.0
        discrete = (
            by_column and bool((values == values.round()).all()) and float(values.abs().max()) <= 1
        )
        far = size > 0 and not 1 / FAR < size < FAR
        if far or (apart > APART and not discrete):
            low = values.mean(0) if by_column else values.mean()
            scales[name] = low, torch.where(spreads > 0, spreads, torch.ones_like(spreads))
            said.append((size, apart, name))
    if not floats:
        raise NotApplicableError("no input holds real numbers")
    if not scales:
        yield Said(outcome=Outcome.FINE, said="their size is near 1")
        return
    scene.known["input-scales"] = scales
    size, apart, name = max(said)
    yield Said(
        outcome=Outcome.NOTED,
        said=f"{name} has a root mean square of {number(size)}"
        + (f", and its columns differ by a factor of {number(apart)}" if apart > APART else ""),
        measured=size,
        limit=FAR if size >= 1 else 1 / FAR,
    )
