"""GC405: a loss that does not fit its input."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import OVER_THE_BATCH, DataFacts, LossFacts
from gradcheck_cli.rules.loss_calls import mismatched_loss as gc405
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    skipped,
)
from tests.support.loops import adam, batch, findings, quiet, report

NAME = "mismatched-loss"
LIMIT = gc405.thresholds["outside"]


def fed(kind: str | None, before: str | None, loss: str = "stalled", **data: float):
    facts = LossFacts(kind=kind, activation_before=before, baseline=GUESSING)
    return replace(a_trace(loss=loss), loss=facts, data=DataFacts(**data))


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("cross_entropy", "softmax"),
        ("cross_entropy", "sigmoid"),
        ("binary_cross_entropy_with_logits", "sigmoid"),
        ("nll_loss", "softmax"),
        ("kl_div", "softmax"),
        ("nll_loss", OVER_THE_BATCH),
        ("cross_entropy", OVER_THE_BATCH),
    ],
)
def test_names_the_loss_and_what_it_was_fed(kind: str, before: str) -> None:
    [finding] = found(gc405, fed(kind, before))
    assert (finding.code, finding.severity) == ("GC405", Severity.ERROR)
    assert kind in finding.message
    assert before.split(maxsplit=1)[0] in finding.message


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("cross_entropy", None),
        ("cross_entropy", "log_softmax"),
        ("nll_loss", "log_softmax"),
        ("kl_div", "log_softmax"),
        ("binary_cross_entropy", "sigmoid"),
        ("mse_loss", None),
    ],
)
def test_losses_that_fit_pass(kind: str, before: str | None) -> None:
    assert not found(gc405, fed(kind, before))


@pytest.mark.parametrize(("more", "count"), [(-0.01, 0), (0.01, 1)])
@pytest.mark.parametrize("before", ["sigmoid", "tanh", "relu"])
def test_the_limit_of_targets_out_of_reach_is_where_the_card_says(
    more: float, count: int, before: str
) -> None:
    lowest = {"sigmoid": 0.0, "tanh": -1.0, "relu": 0.0}[before]
    outside = LIMIT + more  # of the range of the targets
    inside = 1.0 - lowest
    low = lowest - inside * outside / (1 - outside)
    answer = found(gc405, fed("mse_loss", before, target_low=low, target_high=1.0))
    assert len(answer) == count


def test_shapes_that_are_stretched_are_said() -> None:
    trace = fed("mse_loss", None)
    loss = replace(trace.loss, broadcast=True, output_shape=(32, 1), target_shape=(32,))
    [finding] = found(gc405, replace(trace, loss=loss))
    assert "(32, 1)" in finding.message
    assert "(32,)" in finding.message


def test_a_misfit_that_learns_all_the_same_is_a_warning_at_most() -> None:
    [finding] = found(gc405, fed("cross_entropy", "softmax", "learning"))
    assert finding.severity in {Severity.WARNING, Severity.NOTE}


@pytest.mark.parametrize(("classes", "count"), [(1, 1), (2, 0)])
def test_a_softmax_over_a_single_class_is_an_error_though_the_loss_is_0(
    classes: int, count: int
) -> None:
    facts = LossFacts(kind="cross_entropy", baseline=0.0, output_shape=(32, classes))
    told = found(gc405, replace(a_trace(loss="learning"), loss=facts))
    assert [f.severity for f in told] == [Severity.ERROR] * count
    assert all("single class" in f.message for f in told)


@pytest.mark.parametrize("right", [False, True])
def test_one_output_given_to_cross_entropy_is_seen_in_a_loop(right: bool) -> None:
    loss = nn.BCEWithLogitsLoss() if right else nn.CrossEntropyLoss()

    def loop() -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = adam(model)
        for _ in range(40):
            x, y = batch()
            optimizer.zero_grad()
            loss(model(x), (y > 0).float().unsqueeze(1)).backward()
            optimizer.step()

    assert (NAME in findings(loop)) is not right


def test_constant_targets_do_not_divide_by_zero() -> None:
    [finding] = found(gc405, fed("mse_loss", "sigmoid", target_low=5.0, target_high=5.0))
    assert finding.evidence[0].measured == pytest.approx(4.0)


def test_says_so_when_the_loss_is_not_one_of_torchs() -> None:
    assert "torch" in skipped(gc405, fed(None, None)).reason


@pytest.mark.parametrize("twice", [True, False])
def test_one_of_two_losses_that_is_fed_chances(twice: bool) -> None:
    def loop() -> None:
        body, place, kind = nn.Linear(6, 16), nn.Linear(16, 1), nn.Linear(16, 3)
        optimizer = adam(nn.ModuleList([body, place, kind]))
        for _ in range(8):
            x, y = batch()
            seen, functions = torch.relu(body(x)), nn.functional
            there = torch.sigmoid(place(seen)) if twice else place(seen)
            first = functions.binary_cross_entropy_with_logits(there, x[:, :1].gt(0).float())
            optimizer.zero_grad()
            (first + functions.cross_entropy(kind(seen), y)).backward()
            optimizer.step()

    found = findings(loop)
    assert ("mismatched-loss" in found) is twice
    if twice:
        assert "went through sigmoid already" in found["mismatched-loss"].message


def stretched(compare, shape, *, classes: int = 5, numbers: bool = True):
    """A loop over 60 batches of points in rows, whose targets are class numbers or are measured."""

    def loop() -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, classes))
        optimizer = adam(model)
        for _ in range(60):
            x = torch.randn(32, 6)
            values = x[:, :classes].argmax(1).float() if numbers else x.sum(1)
            optimizer.zero_grad()
            compare(model(x), shape(values)).backward()
            optimizer.step()

    return quiet(loop)


def by_hand(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return ((output - target) ** 2).mean()


def column(values: torch.Tensor) -> torch.Tensor:
    return values[:, None]


def one_hot(values: torch.Tensor) -> torch.Tensor:
    return nn.functional.one_hot(values.long(), 5).float()


@pytest.mark.parametrize(
    "compare", [nn.functional.smooth_l1_loss, nn.L1Loss(), by_hand], ids=["smooth", "l1", "by hand"]
)
@pytest.mark.parametrize("right", [False, True])
def test_class_numbers_that_are_stretched_over_the_outputs_are_an_error(compare, *, right) -> None:
    said = findings(stretched(compare, one_hot if right else column))
    assert (NAME in said) is not right
    if not right:
        assert said[NAME].severity is Severity.ERROR
        assert "(32, 1)" in said[NAME].message
        assert "5" in said[NAME].message


def test_whole_targets_are_compared_in_shapes_as_well_as_broken_ones() -> None:
    def integers(values: torch.Tensor) -> torch.Tensor:
        return values.round().long()

    def right(values: torch.Tensor) -> torch.Tensor:
        return integers(values)[:, None]

    assert NAME in findings(stretched(by_hand, integers, classes=1, numbers=False))
    assert NAME not in findings(stretched(by_hand, right, classes=1, numbers=False))


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("name", ["poisson_nll_loss", "gaussian_nll_loss"])
def test_likelihoods_stretch_shapes_without_a_warning(name: str, *, right: bool) -> None:
    loss = getattr(nn.functional, name)

    def compare(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        more = (torch.ones_like(output),) if name == "gaussian_nll_loss" else ()
        return loss(output, target.abs(), *more)

    shape = column if right else torch.clone
    said = findings(stretched(compare, shape, classes=1, numbers=False))
    assert (NAME in said) is not right


@pytest.mark.parametrize("right", [False, True])
def test_a_binary_likelihood_by_hand_of_a_column_and_a_row(*, right: bool) -> None:
    def compare(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        yes, chance = (target > 0).float(), output.sigmoid()
        return -(yes * chance.log() + (1 - yes) * (1 - chance).log()).mean()

    shape = column if right else torch.clone
    found = report(stretched(compare, shape, classes=1, numbers=False)).causes
    assert ("target-shape-broadcast" in [c.name for c in found]) is not right
    if not right:
        assert "(32, 1) with a target (32,)" in found[0].reasons[0]


def test_several_outputs_may_learn_one_measured_target() -> None:
    for compare in (by_hand, nn.HuberLoss()):
        found = findings(stretched(compare, column, numbers=False))
        assert NAME not in found or found[NAME].severity is Severity.NOTE


def test_one_output_that_is_compared_with_a_row_of_targets_is_told() -> None:
    def row(values: torch.Tensor) -> torch.Tensor:
        return torch.stack([values, -values, values.abs()], 1)

    found = findings(stretched(nn.MSELoss(), row, classes=1, numbers=False))
    assert "(32, 3)" in found[NAME].message
