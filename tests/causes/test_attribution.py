"""What is lost is charged to what loses it: softmaxes, time steps, the end, layers side by side."""

from dataclasses import replace
from math import log10, sqrt

import pytest

from gradcheck_cli.causes.attenuation import budget, crossings, lost_over_time, sharp
from gradcheck_cli.causes.base import Evidence
from gradcheck_cli.causes.of_wiring import _misfitting
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.features.circumstances import flat_end, saturated_at_start
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Cut, Role, SourceSite, Trace
from gradcheck_cli.rules.engine import judge
from tests.support.a_trace import (
    a_trace,
    moments,
    with_layer,
    with_nonlinearity,
    with_parameter,
    with_reading,
)

STARVED = (1e-9, 1e-9, 1e-2, 1e-2)


def causes(trace: Trace) -> list[str]:
    return [cause.name for cause in rank(trace, judge(trace).findings)]


def through_softmax(spread: float) -> Trace:
    """A softmax between the second and the third layer, above which this much differs by sample."""
    trace = with_nonlinearity(a_trace(STARVED), "softmax", "Softmax", depth=2)
    trace = with_layer(trace, "softmax", reads=("l1",))
    return with_reading(trace, "l2", spread=spread)


def test_a_softmax_that_hands_on_its_choice_and_no_gradient_has_chosen() -> None:
    [crossing] = crossings(through_softmax(0.5))
    assert crossing.lost == pytest.approx(7)
    assert sharp([crossing]) == [crossing]
    assert causes(through_softmax(0.5))[0] == "init-too-large"


def test_a_softmax_that_flattens_both_ways_is_in_the_wrong_place() -> None:
    assert not sharp(crossings(through_softmax(1e-5)))
    assert causes(through_softmax(1e-5))[0] == "double-softmax"


def test_one_softmax_that_flattens_speaks_for_all() -> None:
    trace = with_nonlinearity(through_softmax(1e-5), "softmax2", "Softmax", depth=1)
    trace = with_layer(trace, "softmax2", reads=("l2",))
    trace = with_reading(trace, "l3", spread=1e-5, output_grad=moments(1.0))
    assert [x.lost > 1 for x in crossings(trace)] == [True, True]
    assert not sharp(crossings(trace))


def test_a_softmax_of_channels_is_passed_and_one_of_attention_is_not() -> None:
    attends = with_layer(through_softmax(1e-5), "softmax", role=Role.ATTENTION)
    assert not crossings(with_layer(attends, "l2", reads=("softmax", "l1")))
    assert len(crossings(with_layer(attends, "l2", reads=("softmax",)))) == 1


def test_a_softmax_that_nothing_learned_goes_into_loses_nothing() -> None:
    assert not crossings(with_layer(through_softmax(1e-5), "softmax", reads=()))


def test_what_is_lost_over_time_is_not_charged_to_the_weights() -> None:
    trace = with_reading(a_trace(STARVED), "l1", early_over_late=1e-7)
    assert lost_over_time(trace) == pytest.approx(7)
    assert causes(trace)[0] == "long-recurrence"
    assert lost_over_time(with_reading(trace, "l1", early_over_late=1e7)) == 0


def test_where_not_even_the_last_layer_gets_a_gradient_the_end_is_flat() -> None:
    trace = a_trace((0.0,) * 4)
    assert flat_end(trace)
    assert causes(trace)[0] == "wrong-output-activation"
    assert not flat_end(a_trace((0.0,) * 4, "converged"))
    assert not flat_end(a_trace((0.0, 0.0, 0.0, 1e-2)))


def without_gradient(**facts: object) -> Trace:
    trace = a_trace(**facts)
    for path in ("l0", "l1"):
        trace = with_parameter(trace, path, reached=False)
        trace = with_reading(trace, path, weight_grad=None, update=moments(0.0))
    return trace


def test_a_graph_that_ends_without_a_call_that_ends_it_was_cut_by_an_operation() -> None:
    assert causes(without_gradient())[0] == "non-differentiable-operation"
    at = SourceSite(file="model.py", line=7)
    compared = without_gradient(comparisons=(Cut(operation="gt", layer="", at=at),))
    assert rank(compared, judge(compared).findings)[0].at == at
    cut = without_gradient(cuts=(Cut(operation="detach", layer="l1"),))
    assert causes(cut)[0] == "detached-graph"
    hidden = without_gradient(unregistered=("branches",))
    assert causes(hidden)[0] == "unregistered-modules"


def test_layers_that_read_the_same_add_their_variances_and_towers_do_not() -> None:
    single = budget(a_trace((1e-2,) * 3))
    beside = with_layer(a_trace((1e-2,) * 4), "l1", depth=2, reads=("in",))
    beside = with_layer(beside, "l0", depth=2, reads=("in",))
    beside = with_layer(beside, "l2", depth=1)
    assert budget(beside).floors == single.floors == 2
    assert budget(beside).weights == pytest.approx(single.weights + log10(sqrt(2)))
    towers = with_layer(beside, "l1", reads=("other",))
    assert budget(towers).weights == pytest.approx(single.weights)


def test_weights_that_are_all_alike_have_no_variance_to_speak_of() -> None:
    trace = with_parameter(a_trace(), "l1", std=0.0, rows_identical=True)
    assert "l1" not in {link.layer.path for link in budget(trace).links}


def test_a_hidden_layer_filled_with_one_value_starts_alike_and_zeros_do_not() -> None:
    filled = with_parameter(a_trace(), "l1", std=0.0)
    assert causes(filled)[0] == "symmetric-init"
    zeros = with_reading(filled, "l1", weight=moments(0.0))
    assert "symmetric-init" not in causes(zeros)
    assert "symmetric-init" not in causes(a_trace())
    last = with_parameter(a_trace(), "l3", std=0.0)
    assert "symmetric-init" not in causes(last)
    drawn = with_parameter(a_trace(), "l1", std=0.1)
    exploded = with_reading(drawn, "l1", weight=moments(1e9), update=moments(1e9))
    assert "symmetric-init" not in causes(exploded)  # its size is that of the first update


def test_the_start_is_what_was_there_before_the_first_update() -> None:
    calm = with_nonlinearity(a_trace(), "tanh", "Tanh", saturated=0.0)
    flat = with_nonlinearity(a_trace(), "tanh", "Tanh", saturated=1.0)
    assert saturated_at_start(flat)
    assert not saturated_at_start(replace(flat, steps=(calm.steps[0], *flat.steps[1:])))


def test_a_signal_of_exactly_zero_behind_a_bounded_output_is_weak_not_unknown() -> None:
    trace = with_reading(a_trace((0.0,) * 4), "l3", output_grad=moments(1e-30))
    assert not flat_end(trace)
    trace = replace(trace, loss=replace(trace.loss, kind="mse_loss", activation_before="softmax"))
    assert any(
        f.name == "vanishing-gradient" and f.severity is Severity.ERROR
        for f in judge(trace).findings
    )
    assert causes(trace)[0] == "wrong-output-activation"


def test_first_outputs_in_the_hundreds_of_usual_inputs_speak_for_large_weights_by_themselves() -> (
    None
):
    trace = with_reading(a_trace(loss="diverging", update=1.0), "l3", output=moments(300.0))
    assert "init-too-large" in causes(trace)
    assert "init-too-large" not in causes(a_trace(loss="diverging", update=1.0))


def broken_behind_a_root(trace: Trace, since: int = 0) -> Trace:
    """A gradient that is no number from a step on, and a root that layers feed."""
    root = Cut(operation="sqrt", layer="", at=SourceSite("net.py", 3))
    broken = with_reading(trace, "l0", weight_grad=moments(1e-2, nonfinite=1))
    steps = (*trace.steps[:since], *broken.steps[since:])
    return replace(broken, steps=steps, steep=(root,))


def test_a_root_is_blamed_for_a_broken_gradient_of_a_finite_loss() -> None:
    assert causes(broken_behind_a_root(a_trace()))[0] == "infinite-slope"


def test_what_sixteen_bits_or_huge_steps_may_have_broken_is_not_blamed_on_a_root_for_sure() -> None:
    def score(trace: Trace) -> float:
        found = rank(trace, judge(trace).findings)
        return next((c.score for c in found if c.name == "infinite-slope"), 0.0)

    sure = score(broken_behind_a_root(a_trace()))
    assert score(broken_behind_a_root(a_trace(precision="float16"))) < sure / 2
    later = score(broken_behind_a_root(a_trace(), since=5))
    huge = a_trace(loss="diverging", update=1.0)
    assert score(broken_behind_a_root(huge, since=5)) <= later / 2 <= sure / 2


def test_a_step_that_the_scaler_skipped_says_nothing_about_a_root() -> None:
    trace = broken_behind_a_root(a_trace())
    skipped = replace(trace, steps=tuple(replace(s, skipped=True) for s in trace.steps))
    assert "infinite-slope" not in causes(skipped)


def test_every_root_that_may_have_broken_it_is_named() -> None:
    trace = broken_behind_a_root(a_trace())
    other = Cut(operation="acos", layer="", at=SourceSite("net.py", 9))
    [cause] = [
        c
        for c in rank(replace(trace, steep=(*trace.steep, other)), judge(trace).findings)
        if c.name == "infinite-slope"
    ]
    assert "sqrt() at net.py:3" in cause.reasons[0]
    assert "acos() at net.py:9" in cause.reasons[0]


def test_no_sentence_names_an_operation_that_is_not_known() -> None:
    trace = a_trace()
    for before, kind in ((None, "cross_entropy"), ("relu", None), (None, None)):
        unknown = replace(trace, loss=replace(trace.loss, kind=kind, activation_before=before))
        for cause in rank(unknown, judge(unknown).findings):
            assert not any("None" in reason for reason in cause.reasons)
    said = _misfitting(Evidence(replace(trace, loss=replace(trace.loss, kind=None)), ()))
    assert said == "the loss does not fit the outputs it is computed from"
