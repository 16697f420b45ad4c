"""The reason of a verdict says what is missing, in numbers that agree with it."""

import re

import pytest

from gradcheck_cli.verifying.arms import Run
from gradcheck_cli.verifying.verdicts import MATERIAL, Trio, verdict


def arms(control: float, sham: float, *treated: float, untrained: float = 2.0) -> Trio:
    def ran(loss: float, seed: int) -> Run:
        return Run(seed=seed, curve=[loss], untrained=untrained, held_out=loss)

    seeds = range(len(treated))
    return Trio(
        tuple(ran(control, s) for s in seeds),
        tuple(ran(sham, s) for s in seeds),
        tuple(ran(loss, s) for loss, s in zip(treated, seeds, strict=True)),
    )


@pytest.mark.parametrize(
    ("trio", "reason"),
    [
        (
            arms(1.0, 1.1, 0.93, 0.93),
            "held-out loss is 7.0 % lower than both controls', and 10 % is asked for",
        ),
        (arms(1.0, 1.1, 1.02, 1.0), "held-out loss is not lower than both controls'"),
        (arms(1.0, 1.1, 0.5, 1.05), "not clearly lower than both controls' at every seed"),
        (
            arms(2.5, 2.5, 1.98, 1.98),
            "its own held-out loss falls by less than 2 % of where it began",
        ),
    ],
)
def test_a_change_that_does_too_little_is_told_what_it_lacks(trio: Trio, reason: str) -> None:
    assert reason in verdict(trio, ()).reason


@pytest.mark.parametrize("lower", [0.0991, 0.0999, 0.09999])
def test_a_number_short_of_the_limit_is_not_rounded_up_to_it(lower: float) -> None:
    said = verdict(arms(1.0, 1.0, 1.0 - lower, 1.0 - lower), ()).reason
    printed = re.search(r"is ([\d.]+) % lower", said)
    assert printed is not None
    assert float(printed.group(1)) < 100 * MATERIAL
