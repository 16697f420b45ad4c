"""GC101: the lower layers receive almost no gradient."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli import watch
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Cut, DataFacts
from gradcheck_cli.rules.vanishing_gradient import vanishing_gradient as gc101
from tests.support.a_trace import (
    SCALES,
    a_trace,
    found,
    losses,
    moments,
    scaled,
    skipped,
    with_layer,
    with_nonlinearity,
    with_parameter,
    with_reading,
)
from tests.support.answered import answer

STARVED = (1e-8, 1e-2, 1e-2, 1e-2)
LIMIT = gc101.thresholds


def test_names_the_starved_layer_and_the_number() -> None:
    [finding] = found(gc101, a_trace(STARVED))
    assert (finding.code, finding.name) == ("GC101", "vanishing-gradient")
    assert finding.layers == ("l0",)
    assert finding.severity is Severity.ERROR
    assert finding.evidence[0].measured == pytest.approx(1e-6)
    assert "l0" in finding.message
    assert "6.0 orders" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_the_limit_while_the_loss_stalls_is_where_the_card_says(times: float, count: int) -> None:
    weak = 1e-2 * LIMIT["attenuation_when_stuck"] * times
    assert len(found(gc101, a_trace((weak, 1e-2, 1e-2, 1e-2)))) == count


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
@pytest.mark.parametrize(("loss", "adaptive"), [("slow", False), ("stalled", True)])
def test_the_limit_is_stricter_for_adaptive_optimizers_and_falling_losses(
    times: float, count: int, loss: str, adaptive: bool
) -> None:
    weak = 1e-2 * LIMIT["attenuation"] * times
    trace = a_trace((weak, 1e-2, 1e-2, 1e-2), loss, adaptive=adaptive)
    assert len(found(gc101, trace)) == count


def test_a_configured_limit_is_used() -> None:
    assert not found(gc101, a_trace((2e-3, 1e-2, 1e-2, 1e-2)))
    assert found(gc101, a_trace((2e-3, 1e-2, 1e-2, 1e-2)), attenuation_when_stuck=0.5)


def test_attenuation_without_consequence_is_a_note_at_most() -> None:
    answer = found(gc101, a_trace(STARVED, "learning", adaptive=True))
    assert {f.severity for f in answer} <= {Severity.NOTE}


@pytest.mark.parametrize(
    ("lost", "told", "severities"),
    [
        (True, Outcome.WRONG, [Severity.WARNING]),
        (True, Outcome.FINE, []),
        (False, Outcome.WRONG, []),
    ],
)
def test_a_gradient_that_was_lost_at_first_counts_where_a_network_that_keeps_it_learns_far_more(
    told: Outcome, severities: list[Severity], *, lost: bool
) -> None:
    trace = a_trace((1e-2,) * 4, "learning", adaptive=True)
    weak = a_trace(STARVED if lost else (1e-2,) * 4).steps
    steps = (*weak[:3], *trace.steps[3:])
    trace = replace(trace, steps=steps, examination=(answer("without-saturation", told),))
    answers = found(gc101, trace)
    assert [f.severity for f in answers] == severities
    assert all("In the first steps the gradient" in f.message for f in answers)
    assert all("It is 2" in f.message for f in answers)


def test_a_gradient_beside_a_loss_that_becomes_nan_is_a_note() -> None:
    [finding] = found(gc101, a_trace(STARVED, "broken"))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize(
    ("late", "severity"), [(Outcome.NOTED, Severity.WARNING), (Outcome.FINE, Severity.NOTE)]
)
def test_a_plateau_that_ends_late_is_a_consequence_and_one_that_ends_soon_is_none(
    late: Outcome, severity: Severity, *, adaptive: bool
) -> None:
    starved = (1e-9, 1e-9, 1e-2, 1e-2)
    told = (answer("longer", Outcome.FINE), answer("plateau", late))
    trace = replace(a_trace(starved, "stalled", adaptive=adaptive), examination=told)
    [finding] = found(gc101, trace)
    assert finding.severity is severity
    assert ("It is 2" in finding.message) is (late is Outcome.NOTED)


def test_says_so_when_no_gradient_was_read() -> None:
    assert "no weight layer" in skipped(gc101, a_trace(())).reason
    trace = a_trace()
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, weight_grad=None)
    assert skipped(gc101, trace).code == "GC101"


def test_a_frozen_lower_layer_is_not_flagged() -> None:
    assert not found(gc101, with_parameter(a_trace(STARVED), "l0", trainable=False))


def test_a_side_branch_that_does_not_lead_to_the_loss_is_not_flagged() -> None:
    assert not found(gc101, with_layer(a_trace(STARVED), "l0", depth=None))


def test_zeros_that_another_rule_explains_are_left_to_it() -> None:
    zero = a_trace((0.0, 0.0, 1e-2, 1e-2))
    assert found(gc101, zero)
    cut = a_trace((0.0, 0.0, 1e-2, 1e-2), cuts=(Cut(operation="argmax", layer=None),))
    assert not found(gc101, cut)
    assert not found(gc101, with_nonlinearity(zero, dead=1.0))
    constant = a_trace((0.0, 0.0, 1e-2, 1e-2), data=DataFacts(constant_features=1.0))
    assert not found(gc101, constant)


def test_exactly_zero_is_said_without_an_infinite_number_of_decades() -> None:
    [finding] = found(gc101, a_trace((0.0, 1e-2, 1e-2, 1e-2)))
    assert "exactly zero" in finding.message
    assert "inf" not in finding.message


def test_a_solved_problem_with_tiny_gradients_everywhere_is_fine() -> None:
    assert not found(gc101, a_trace((1e-9, 1e-9, 1e-9), "converged"))


@pytest.mark.parametrize(("times", "count"), [(0.5, 1), (2.0, 0)])
def test_a_gradient_lost_along_time_is_named(times: float, count: int) -> None:
    trace = with_reading(a_trace(), "l1", early_over_late=LIMIT["through_time"] * times)
    answer = found(gc101, trace)
    assert len(answer) == count
    assert all(f.layers == ("l1",) and "time step" in f.message for f in answer)


def test_a_gradient_lost_along_time_is_no_fault_while_the_loss_falls() -> None:
    """Late time steps can tell enough, and gates learn to remember."""
    curve = [loss * (1 - 0.0015 * step) for step, loss in enumerate(losses("stalled"))]
    for loss, severity in (
        ("stalled", Severity.ERROR),
        (curve, Severity.NOTE),
        ("learning", Severity.NOTE),
    ):
        trace = with_reading(a_trace(loss=loss), "l1", early_over_late=1e-5)
        [finding] = found(gc101, trace)
        assert finding.severity is severity


@pytest.mark.parametrize(
    ("later", "severity"),
    [
        (Outcome.FINE, Severity.NOTE),
        (Outcome.NOTED, Severity.WARNING),
        (Outcome.WRONG, Severity.ERROR),
    ],
)
def test_a_gradient_lost_along_time_is_harmless_in_a_run_that_learns_when_it_goes_on(
    later: Outcome, severity: Severity
) -> None:
    told = (answer("longer", later), answer("plateau", Outcome.NOTED))
    stood = replace(a_trace(loss="stalled"), examination=told)
    [finding] = found(gc101, with_reading(stood, "l1", early_over_late=1e-5))
    assert finding.severity is severity


class Reader(nn.Module):
    """A recurrent layer that is read at its last step."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores."""
        return self.head(self.layer(x)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM])
@pytest.mark.parametrize(("at", "severity"), [(-1, Severity.NOTE), (0, Severity.ERROR)])
def test_twins_that_have_to_tell_by_the_last_entry_and_by_the_first(
    kind: type[nn.RNNBase], at: int, severity: Severity
) -> None:
    torch.manual_seed(0)
    model = Reader(kind(3, 16, batch_first=True))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with watch(model, optimizer, policy=Policy(examine="none")) as seen:
        for _ in range(60):
            x = torch.randn(32, 28, 3)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), (x[:, at, 0] > 0).long()).backward()
            optimizer.step()
    [faded] = [f for f in seen.report().findings if f.code == "GC101"]
    assert "first time steps" in faded.message
    assert faded.severity is severity


@pytest.mark.parametrize("scale", SCALES)
def test_a_network_that_hardly_acts_on_its_loss_is_weak_as_a_whole(scale: float) -> None:
    weak = scaled(a_trace((1e-6,) * 4), scale)
    [finding] = found(gc101, weak)
    assert finding.layers == ("l0", "l1", "l2", "l3")
    assert finding.evidence[0].measured < LIMIT["weak_network"]
    assert not found(gc101, scaled(a_trace((1e-6,) * 4, "learning"), scale))


def test_what_clipping_takes_from_all_gradients_is_no_weakness() -> None:
    trace = a_trace((1e-6,) * 4)
    for step in trace.steps:
        object.__setattr__(step, "clip", 1e-6)
    assert not found(gc101, trace)


@pytest.mark.parametrize(("times", "count"), [(0.9, 1), (1.1, 0)])
def test_a_saturated_nonlinearity_is_a_wall(times: float, count: int) -> None:
    slope = LIMIT["wall"] * times
    trace = with_nonlinearity(a_trace(), "tanh", "Tanh", saturated=0.97, slope=slope)
    answer = found(gc101, trace)
    assert len(answer) == count
    assert all("tanh" in f.message and f.layers == ("l0", "l1", "l2", "l3") for f in answer)


def test_a_gradient_that_is_infinite_in_one_step_is_no_reason_to_call_others_weak() -> None:
    trace = with_reading(a_trace(), "l3", weight_grad=moments(1.0, nonfinite=3))
    assert not found(gc101, trace)


def fading(by: float, loss: str = "stalled", **facts: object):
    """Even norm(w) * norm(dL/dw), and gradients at the outputs that lose this factor per layer."""
    trace = a_trace(loss=loss, **facts)
    for depth, path in enumerate(("l3", "l2", "l1", "l0")):
        trace = with_reading(trace, path, output_grad=moments(1e-2 * by**depth))
    return trace


def test_a_gradient_lost_at_the_outputs_is_found_where_the_weights_hide_it() -> None:
    [finding] = found(gc101, fading(0.05))
    assert (finding.layers, finding.severity) == (("l0",), Severity.ERROR)
    assert finding.evidence[0].measured == pytest.approx(0.05**2)
    assert not found(gc101, fading(0.2))


def test_that_is_no_reason_where_the_loss_falls_or_the_optimizer_adapts() -> None:
    assert not found(gc101, fading(0.05, "slow"))
    assert not found(gc101, fading(0.05, adaptive=True))


def test_a_plateau_without_a_signal_counts_although_the_network_begins_to_leave_it() -> None:
    weak, strong = a_trace((1e-7,) * 4), a_trace((1e-1,) * 4)
    assert not found(gc101, strong)
    for steps, count in ((20, 1), (10, 0)):
        begun = (*weak.steps[:steps], *strong.steps[steps:])
        assert len(found(gc101, replace(weak, steps=begun))) == count


def test_a_wall_is_a_warning_while_the_loss_falls_by_less_than_half() -> None:
    curve = [loss * (1 - 0.01 * step) for step, loss in enumerate(losses("stalled"))]
    for loss, severity in ((curve, Severity.WARNING), ("learning", Severity.NOTE)):
        trace = with_nonlinearity(a_trace(loss=loss), "tanh", "Tanh", saturated=0.97, slope=1e-3)
        [finding] = found(gc101, trace)
        assert finding.severity is severity


def test_a_branch_that_the_gradient_passes_by_is_a_note_while_an_optimizer_makes_up_for_it() -> (
    None
):
    """As queries and keys of near uniform attention, beside which values carry the gradient."""
    trace = a_trace((1e-2, 1e-8, 1e-2, 1e-2), adaptive=True, skips=True)
    assert [f.severity for f in found(gc101, trace)] == [Severity.NOTE]
    alone = replace(trace, skips=False)
    assert [f.severity for f in found(gc101, alone)] == [Severity.ERROR]
    below = a_trace((1e-8, 1e-8, 1e-2, 1e-2), adaptive=True, skips=True)
    assert [f.severity for f in found(gc101, below)] == [Severity.ERROR]
    tied = with_parameter(trace, "l0", shared_with=("head.weight",))
    assert [f.severity for f in found(gc101, tied)] == [Severity.ERROR]


@pytest.mark.parametrize(
    ("update", "adaptive", "severity"),
    [
        (3e-6, True, Severity.NOTE),
        (3e-3, True, Severity.ERROR),
        (3e-6, False, Severity.ERROR),
    ],
)
def test_a_loss_that_stands_while_nothing_has_moved_yet_is_no_consequence(
    update: float, adaptive: bool, severity: Severity
) -> None:
    """In a warm-up an adaptive optimizer has moved no layer by 1 % yet, the weak ones as little as others."""
    trace = a_trace((1e-6, 1e-2, 1e-2, 1e-2), update=update, adaptive=adaptive)
    [finding] = found(gc101, trace)
    assert finding.severity is severity


def test_a_layer_that_is_used_many_times_is_compared_with_where_it_is_used_last() -> None:
    trace = a_trace((5e-6, 1e-2, 1e-3, 1e-3), adaptive=True)
    assert not found(gc101, with_layer(trace, "l1", calls=1))
    assert found(gc101, with_layer(with_layer(trace, "l1", calls=30, shortest=0), "l0", depth=31))


@pytest.mark.parametrize(("decay", "count"), [(1.0, 1), (0.0, 0)])
def test_a_signal_that_weight_decay_takes_away_is_named_before_it_is_gone(
    decay: float, count: int
) -> None:
    trace = a_trace((1e-2,) * 4)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_parameter(trace, path, weight_decay=decay)
    steps = [
        replace(
            s,
            readings={
                p: replace(
                    r, weight=moments(0.3 * 0.97**s.index), weight_grad=moments(0.1 * 0.9**s.index)
                )
                for p, r in s.readings.items()
            },
        )
        for s in trace.steps
    ]
    answer = found(gc101, replace(trace, steps=tuple(steps)))
    assert [f.severity for f in answer] == [Severity.ERROR] * count
    assert all("Weight decay" in f.message for f in answer)
