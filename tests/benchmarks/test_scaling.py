"""benchmarks/scaling.py judges growth by the slope between the largest sizes."""

import pytest

from benchmarks import scaling
from tests.support.processes import ROOT, python


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_slope_is_the_power_of_the_growth(power: float) -> None:
    sizes = [10, 30, 100, 300]
    assert scaling.slope(sizes, [3e-4 * n**power for n in sizes]) == pytest.approx(power)


def test_a_fixed_cost_of_small_sizes_hides_no_growth_of_large_ones() -> None:
    sizes = [1, 10, 100, 1_000, 10_000]
    assert scaling.slope(sizes, [1.0, 1.0, 1.0, 1e2, 1e4]) == pytest.approx(2.0)


def test_a_network_has_as_many_parameters_as_it_is_asked_for() -> None:
    built = scaling.BUILDS["parameters"][1](1_000_000)
    assert sum(p.numel() for p in built.model.parameters()) == pytest.approx(1e6, rel=0.01)


def test_watching_a_real_step_costs_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "ENOUGH", 0.0)
    found = scaling.cost(scaling.work([8] * 30, 4))  # more layers than a busy machine hides
    assert found["bare"] > 0
    assert found["added"] > 1e-6


def test_too_few_sizes_for_a_slope_are_one_line() -> None:
    done = python(ROOT, "-m", "benchmarks.scaling", "--most", "1e6")
    assert done.returncode == 2
    assert "a slope needs 3 sizes, so 10,000,000 at least" in done.stderr
