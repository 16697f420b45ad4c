"""For each cause a run in which it wins, and beside it the run of its rival that differs in one thing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.records.trace import Cut, DataFacts, LossFacts, Role, Trace
from gradcheck_cli.rules.engine import judge
from tests.support.a_trace import (
    GUESSING,
    SCALES,
    a_trace,
    moments,
    scaled,
    with_layer,
    with_nonlinearity,
    with_parameter,
    with_reading,
)

ALL = ("l0", "l1", "l2", "l3")


def everywhere(trace: Trace, **values: object) -> Trace:
    """Return the trace with something else read at every weight layer."""
    for path in ALL:
        trace = with_reading(trace, path, **values)
    return trace


def clipped(trace: Trace, to: float) -> Trace:
    return replace(trace, steps=tuple(replace(s, clip=to) for s in trace.steps))


def loss(trace: Trace, **facts: object) -> Trace:
    return replace(trace, loss=replace(trace.loss, **facts))  # type: ignore[arg-type]


def bfloat(trace: Trace) -> Trace:
    for path in ALL:
        trace = with_parameter(trace, path, dtype="bfloat16")
    return trace


def frozen(*paths: str) -> Trace:
    trace = a_trace()
    for path in paths:
        trace = with_parameter(trace, path, trainable=False, reached=False)
        trace = with_reading(trace, path, weight_grad=None, update=moments(0.0))
    return trace


def cut(operation: str) -> Trace:
    trace = a_trace(cuts=(Cut(operation=operation, layer="l1"),))
    for path in ("l0", "l1"):
        trace = with_parameter(trace, path, reached=False)
        trace = with_reading(trace, path, weight_grad=None, update=moments(0.0))
    return trace


def unheld(*paths: str) -> Trace:
    trace = a_trace()
    for path in paths:
        trace = with_parameter(trace, path, optimized=False)
        trace = with_reading(trace, path, update=moments(0.0))
    return trace


def recurrent(ratio: float) -> Trace:
    trace = with_layer(a_trace(), "l0", role=Role.RECURRENT, kind="LSTM")
    return with_reading(trace, "l0", early_over_late=ratio)


def regression(**facts: object) -> Trace:
    trace = replace(a_trace(), loss=LossFacts(kind="mse_loss", baseline=GUESSING))
    return loss(trace, **facts)


SLOW = {"update": 1e-9}
WINNERS: dict[str, tuple[str, Callable[[], Trace]]] = {
    "small steps along good gradients": ("learning-rate-too-low", lambda: a_trace(**SLOW)),
    "small steps because of clipping": (
        "clipping-too-strong",
        lambda: clipped(a_trace(**SLOW), 1e-3),
    ),
    "small steps that 16 bits round away": (
        "low-precision",
        lambda: everywhere(bfloat(a_trace(**SLOW)), lost=0.9),
    ),
    "large steps, growing loss": ("learning-rate-too-high", lambda: a_trace(loss="diverging", update=1.0)),
    "nothing wrong but the loss": ("labels-without-signal", a_trace),
    "inputs that never vary": (
        "degenerate-data",
        lambda: a_trace(data=DataFacts(batch_size=32, constant_features=1.0)),
    ),
    "samples that repeat": (
        "degenerate-data",
        lambda: a_trace(data=DataFacts(batch_size=32, duplicate_inputs=0.99)),
    ),
    "shapes that are stretched": (
        "target-shape-broadcast",
        lambda: regression(broadcast=True, output_shape=(32, 1), target_shape=(32,)),
    ),
    "two softmaxes": ("double-softmax", lambda: loss(a_trace(), activation_before="softmax")),
    "a sigmoid before the softmax": (
        "wrong-output-activation",
        lambda: loss(a_trace(), activation_before="sigmoid"),
    ),
    "a graph that is cut": ("detached-graph", lambda: cut("detach")),
    "an operation without a slope": ("non-differentiable-operation", lambda: cut("argmax")),
    "layers that no optimizer holds": (
        "optimizer-misses-parameters",
        lambda: unheld("l0", "l1", "l2"),
    ),
    "layers that do not want a gradient": ("frozen-parameters", lambda: frozen("l0", "l1", "l2")),
    "modules in a list": ("unregistered-modules", lambda: a_trace(unregistered=("blocks",))),
    "units that are all the same": (
        "symmetric-init",
        lambda: with_parameter(a_trace(), "l1", rows_identical=True),
    ),
    "early steps without a gradient": ("long-recurrence", lambda: recurrent(1e-8)),
    "units that never fire": ("dead-relu", lambda: with_nonlinearity(a_trace(), dead=0.99)),
}  # fmt: skip


def first(trace: Trace) -> str | None:
    causes = rank(trace, judge(trace).findings)
    return causes[0].name if causes else None


@pytest.mark.parametrize("case", WINNERS)
def test_the_right_cause_wins(case: str) -> None:
    name, make = WINNERS[case]
    assert first(make()) == name


@pytest.mark.parametrize("case", WINNERS)
def test_the_winner_does_not_depend_on_the_scale_of_the_loss(case: str) -> None:
    name, make = WINNERS[case]
    assert {first(scaled(make(), by)) for by in SCALES} == {name}


@pytest.mark.parametrize("case", WINNERS)
def test_the_winner_gives_reasons_and_a_place_where_it_has_one(case: str) -> None:
    trace = WINNERS[case][1]()
    best = rank(trace, judge(trace).findings)[0]
    known = {x.path for x in trace.layers} | set(trace.unregistered)
    assert set(best.layers) <= known
    assert best.first_layer is None or best.first_layer in known
    assert all(reason.strip() for reason in best.reasons)
    numbers = any(character.isdigit() for reason in best.reasons for character in reason)
    assert numbers or not set(best.layers) & {x.path for x in trace.layers}


def test_learning_runs_need_no_cause() -> None:
    assert first(a_trace(loss="learning")) is None
    assert first(a_trace(loss="converged")) is None
