"""What is noted of outputs and targets once costs no copy of them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gradcheck_cli.probe.facts import DataWatch
from gradcheck_cli.probe.loss_facts import LossWatch, score_scale
from gradcheck_cli.rules.engine import judge
from tests.probe.watching import train


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that was computed; views compute nothing."""

    def __init__(self, given: torch.Tensor) -> None:
        super().__init__()
        self.storage = given.untyped_storage().data_ptr()
        self.elements = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.untyped_storage().data_ptr() != self.storage:
            self.elements = max(self.elements, result.numel())
        return result


@pytest.mark.parametrize("shape", [(4096, 1000), (2, 1000, 5000), (512, 10), (16, 3, 256, 256)])
def test_the_size_of_scores_is_that_of_their_distance_from_the_mean_over_classes(
    shape: tuple[int, ...],
) -> None:
    scores = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 7
    with Largest(scores) as largest:
        found = score_scale("cross_entropy", scores)
    whole = (scores - scores.mean(1, keepdim=True)).square().mean().sqrt().item()
    assert found == pytest.approx(whole, rel=0.03)
    assert largest.elements <= 100_000


def test_for_yes_or_no_it_is_the_distance_from_zero() -> None:
    assert score_scale("binary_cross_entropy_with_logits", torch.full((64, 1), -3.0)) == 3.0


def test_other_losses_and_broken_scores_have_none() -> None:
    assert score_scale("mse_loss", torch.ones(4, 4)) is None
    assert score_scale("cross_entropy", torch.full((4, 4), torch.inf)) is None
    assert score_scale("cross_entropy", torch.ones(0, 4)) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_counted_and_called_neither_constant_nor_equal(
    value: float,
) -> None:
    varied = torch.randn(16, 4, generator=torch.Generator().manual_seed(0)) + 1.0
    for columns in (slice(None), slice(0, 3)):
        inputs = varied.clone()
        inputs[:, columns] = value
        seen = DataWatch()
        seen.saw(inputs)
        told = seen.facts(LossWatch())
        every = columns == slice(None)
        assert told.nonfinite_inputs == inputs.isnan().sum() + inputs.isinf().sum()
        assert told.constant_features == (None if every else 0.0)
        assert not told.duplicate_inputs
        assert told.input_mean == (None if every else pytest.approx(float(varied[:, 3].mean())))
    twin = DataWatch()
    twin.saw(torch.ones(16, 4))
    assert twin.facts(LossWatch()).constant_features == 1.0
    assert (twin.facts(LossWatch()).duplicate_inputs or 0) > 0.9


@pytest.mark.parametrize(("first", "later", "repeats"), [(1, 24, False), (1, 1, True)])
def test_a_memory_that_begins_with_one_sample_is_no_data_that_repeats(
    first: int, later: int, repeats: bool
) -> None:
    memory, seen = torch.randn(24, 4, generator=torch.Generator().manual_seed(0)), DataWatch()
    for kept in (first, later):
        seen.saw(memory[torch.arange(24) % kept])
    assert ((seen.facts(LossWatch()).duplicate_inputs or 0) > 0.9) is repeats


@pytest.mark.parametrize(("rate", "warms", "still"), [(0.0, 0, 1), (1e-2, 0, 0), (0.0, 1e-3, 0)])
def test_a_parameter_group_with_a_learning_rate_of_zero_is_a_note(
    rate: float, warms: float, still: int
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(32, 4)
    groups = [{"params": model[0].parameters(), "lr": rate}, {"params": model[2].parameters()}]
    optimizer = torch.optim.Adam(groups, lr=1e-2)

    def between() -> None:
        optimizer.param_groups[0]["lr"] += warms

    def loss() -> torch.Tensor:
        return nn.functional.mse_loss(model(x), x[:, :1])

    trace = train(model, loss, steps=5, optimizer=optimizer, between=between)
    found = [f for f in judge(trace).findings if f.code == "GC603"]
    assert [f.layers for f in found] == [("0",)] * still


@pytest.mark.parametrize("copied", [True, False])
def test_rows_that_are_standardized_in_place_drift_from_pass_to_pass(copied: bool) -> None:
    rows = 5 + 0.1 * torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    seen = DataWatch()
    for _ in range(4):
        for batch in rows.split(16):
            given = batch.clone() if copied else batch
            given -= 5
            given /= 0.1
            seen.saw(given)
    drift = seen.facts(LossWatch()).input_drift
    assert drift is not None
    assert (drift < 2) is copied
    assert (drift > 10) is not copied


@pytest.mark.parametrize("shrinks", [True, False])
def test_what_a_generator_makes_by_turns_is_no_data_that_shrinks(shrinks: bool) -> None:
    """A critic is given data, outputs of a generator with their graph, and the same without it."""
    generator, seen = nn.Linear(4, 6), DataWatch()
    nn.init.normal_(generator.weight, std=0.01)
    nn.init.zeros_(generator.bias)
    for step in range(12):
        made = generator(torch.randn(16, 4))
        seen.saw(torch.randn(16, 6) * (0.5**step if shrinks else 1.0))
        seen.saw(made)
        seen.saw(made.detach())
    drift = seen.facts(LossWatch()).input_drift
    assert drift is not None
    assert (drift < 0.1) is shrinks


def test_an_input_that_is_optimized_may_grow() -> None:
    seen, picture = DataWatch(), torch.ones(4, 6, requires_grad=True)
    for _ in range(12):
        seen.saw(picture)
        picture.data *= 3
    assert seen.facts(LossWatch()).input_drift is None
