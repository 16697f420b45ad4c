"""Every gauge agrees with a slow, obvious computation in float64."""

import copy
from contextlib import ExitStack
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.probe.clipping import ClipWatch
from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.records.reading import Moments
from gradcheck_cli.records.trace import OVER_THE_BATCH, Reading
from tests.probe import twins
from tests.probe.problems import PROBLEMS, Problem
from tests.probe.watching import of_size, seeded, sequential, train

EXACT = 1e-6


def close(got: float | None, expected: float, tolerance: float = EXACT) -> bool:
    return got == pytest.approx(expected, rel=tolerance, abs=1e-300)


def same(got: Moments | None, expected: Moments, tolerance: float = EXACT) -> bool:
    assert got is not None
    counts = (got.count, got.nonfinite, got.zeros)
    assert counts == (expected.count, expected.nonfinite, expected.zeros)
    assert got.total == pytest.approx(
        expected.total, abs=tolerance * expected.norm * got.count**0.5
    )
    return close(got.square, expected.square, 2 * tolerance) and close(
        got.peak, expected.peak, tolerance
    )


by_name = pytest.mark.parametrize("problem", PROBLEMS, ids=[p.name for p in PROBLEMS])


def first_reading(problem: Problem, *, inspect: bool = True) -> dict[str, Reading]:
    model = problem.build()
    trace = train(model, lambda: problem.loss(model), inspect=inspect)
    return dict(trace.steps[0].readings)


@by_name
@pytest.mark.parametrize("inspect", [True, False])
def test_outputs_and_their_gradients(problem: Problem, inspect: bool) -> None:
    readings, twin = first_reading(problem, inspect=inspect), twins.first_step(problem)
    for layer in problem.layers:
        outputs = twin.outputs[layer]
        assert same(readings[layer].output, twins.moments(*outputs))
        gradients = [o.grad for o in outputs if o.grad is not None]
        assert same(readings[layer].output_grad, twins.moments(*gradients))
        assert close(readings[layer].spread, twins.spread(outputs))


@by_name
def test_weights_gradients_and_updates(problem: Problem) -> None:
    readings, twin = first_reading(problem), twins.first_step(problem)
    for layer in problem.layers:
        if problem.name == "words" and layer == "head":
            continue  # its only parameter belongs to the table, which runs first
        if twin.grads(layer):
            assert same(readings[layer].weight, twins.moments(*twin.matrices(layer)))
            assert same(readings[layer].weight_grad, twins.moments(*twin.grads(layer)))
            assert same(readings[layer].update, twins.moments(*twin.updates(layer)))
        if twin.vectors(layer):
            assert same(readings[layer].bias_grad, twins.moments(*twin.vectors(layer)))


def test_gradients_by_time_step_of_a_recurrent_layer() -> None:
    problem = next(p for p in PROBLEMS if p.name == "lstm")
    gradient = twins.input_gradient(problem, "lstm")
    by_time = gradient.square().mean((0, 2)).tolist()
    expected = (sum(by_time[:3]) / sum(by_time[-3:])) ** 0.5
    assert close(first_reading(problem)["lstm"].early_over_late, expected)


def test_gradients_by_call_of_a_recurrent_cell() -> None:
    problem = next(p for p in PROBLEMS if p.name == "cells")
    outputs = twins.first_step(problem).outputs["cell"]
    by_call = [float(o.grad.square().mean()) for o in outputs if o.grad is not None]
    expected = (sum(by_call[:3]) / sum(by_call[-3:])) ** 0.5
    assert close(first_reading(problem)["cell"].early_over_late, expected)


NONLINEARITIES = [
    nn.ReLU(), nn.ReLU6(), nn.Sigmoid(), nn.Tanh(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Softsign(),
    nn.LeakyReLU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.ELU(), nn.CELU(), nn.SELU(),
    nn.Softplus(), nn.Tanhshrink(), nn.LogSigmoid(), nn.Threshold(0.0, 0.0), nn.PReLU(),
    nn.GELU("tanh"), nn.ELU(alpha=0.5), nn.LeakyReLU(0.3), nn.Softplus(beta=2.0), nn.Hardtanh(-2, 2),
]  # fmt: skip


@pytest.mark.parametrize(("axis", "seen"), [(1, "log_softmax"), (0, OVER_THE_BATCH)])
def test_chances_that_add_up_over_the_batch_are_told_from_those_over_classes(
    axis: int, seen: str
) -> None:
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.LogSoftmax(axis)))
    x, labels = of_size(20, 4), torch.arange(20) % 5
    trace = train(model, lambda: nn.functional.nll_loss(model(x), labels), inspect=True)
    assert trace.loss.activation_before == seen


def test_relu6_is_flat_below_zero_by_design_and_not_saturated_there() -> None:
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 12), nn.ReLU6(), nn.Linear(12, 1)))
    x = of_size(20, 4)
    trace = train(model, lambda: model(x).square().mean(), inspect=True)
    assert trace.layer("1").activation is None
    assert trace.layer("0").activation == "relu6"
    assert trace.steps[0].readings["1"].saturated is None
    assert trace.steps[0].readings["1"].dead is not None


@pytest.mark.parametrize("function", NONLINEARITIES, ids=repr)
def test_slope_and_death_of_units(function: nn.Module) -> None:
    function = function.double()
    same_function = copy.deepcopy(function)
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 12), nn.Identity(), nn.Linear(12, 1)))
    model[1] = function
    with torch.no_grad():
        model[0].bias[:3] = -1e3  # dead for rectifiers, flat for sigmoids
        model[0].bias[3:5] = 1e3
    x = of_size(20, 4)
    trace = train(model, lambda: model(x).square().mean(), inspect=True)
    found = trace.steps[0].readings["1"]
    fresh = seeded(lambda: nn.Linear(4, 12))
    with torch.no_grad():
        fresh.bias.copy_(torch.where(model[0].bias.abs() > 500, model[0].bias.round(), fresh.bias))
    slope = twins.derivative(same_function, fresh(x))
    assert close(found.slope, float(slope.square().mean().sqrt()), 1e-3)
    if found.dead is not None:
        assert found.dead == float((slope == 0).all(0).double().mean())
    steepest = (
        1.7581
        if isinstance(function, nn.SELU)
        else float(
            twins.derivative(same_function, torch.linspace(-9, 9, 4001).double()).abs().max()
        )
    )
    flat = slope.abs() < 0.01 * steepest
    assert found.stuck == pytest.approx(float(flat.all(0).double().mean()))
    if found.saturated is not None:
        assert found.saturated == pytest.approx(float(flat.double().mean()))


def test_a_unit_is_dead_when_silent_on_the_last_four_looks() -> None:
    model = seeded(lambda: sequential([4, 3, 1], nn.ReLU))
    inputs = iter([of_size(9, 4, seed=s) for s in range(6)])
    wake = [0, 0, 1, 0, 0, 0]  # the first unit lives in the third step only
    biases = iter([1e3 if w else -1e3 for w in wake])

    def loss() -> torch.Tensor:
        with torch.no_grad():
            model[0].bias[0] = next(biases)
            model[0].bias[1:] = 1e3
        return model(next(inputs)).square().mean()

    trace = train(model, loss, steps=6, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    dead = [s.readings["1"].dead for s in trace.steps]
    assert dead == pytest.approx([1 / 3, 1 / 3, 0, 0, 0, 0])


def test_agreement_with_the_gradient_before() -> None:
    model = seeded(lambda: nn.LSTM(3, 4))
    inputs = [of_size(6, 5, 3, seed=s) for s in range(4)]
    given = iter(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    trace = train(
        model, lambda: model(next(given))[0].square().mean(), steps=4, optimizer=optimizer
    )
    gradients = []
    for x in inputs:
        model.zero_grad()
        model(x)[0].square().mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.dim() > 1])
    expected = [twins.cosine(a, b) for a, b in pairwise(gradients)]
    got = [s.readings["LSTM"].agreement for s in trace.steps]
    assert got[0] is None
    assert got[1:] == pytest.approx(expected, rel=EXACT)


def test_lost_updates() -> None:
    torch.manual_seed(0)
    model = nn.Linear(30, 20).to(torch.bfloat16)
    before = model.weight.detach().clone()
    x = torch.randn(8, 30).to(torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-2)
    trace = train(model, lambda: model(x).square().mean(), optimizer=optimizer)
    moved = model.weight.detach() != before
    expected = float((~moved & (model.weight.grad != 0)).double().mean())
    assert 0.1 < expected < 0.99
    assert close(trace.steps[0].readings["Linear"].lost, expected)


def test_lost_updates_of_many_layers() -> None:
    """More weights than are reduced at a time, each with another share of gradients that are zero."""
    torch.manual_seed(0)
    width = 90  # so that only a sample is read of none, and a row of a sheet is not filled
    wide = [nn.Linear(width, 45, bias=False).to(torch.bfloat16) for _ in range(30)]
    before = [layer.weight.detach().clone() for layer in wide]
    x = torch.randn(8, width).to(torch.bfloat16)
    x[:, :20] = 0
    model = nn.ModuleList(wide)
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-3)
    trace = train(
        model,
        lambda: torch.stack(
            [layer(x).square().mean() * (i + 1) for i, layer in enumerate(wide)]
        ).sum(),
        optimizer=optimizer,
    )
    shares = []
    for index, layer in enumerate(wide):
        moved = layer.weight.detach() != before[index]
        shares.append(float((~moved & (layer.weight.grad != 0)).double().mean()))
        assert close(trace.steps[0].readings[str(index)].lost, shares[-1])
    assert max(shares) > 1.5 * min(shares) > 0


def test_distance_traveled() -> None:
    model = seeded(lambda: sequential([5, 6, 2], nn.Tanh))
    start = model[0].weight.detach().clone()
    x = of_size(9, 5)
    trace = train(model, lambda: model(x).square().mean(), steps=3)
    expected = float((model[0].weight.detach() - start).norm() / start.norm())
    assert close(trace.steps[-1].readings["0"].traveled, expected)


@pytest.mark.parametrize("limit", [0.01, 1e9])
def test_clip_factor(limit: float) -> None:
    model = seeded(lambda: sequential([5, 6, 2], nn.Tanh))
    x = of_size(9, 5)
    trace = train(
        model,
        lambda: model(x).square().mean(),
        between=lambda: nn.utils.clip_grad_norm_(model.parameters(), limit),
    )
    fresh = seeded(lambda: sequential([5, 6, 2], nn.Tanh))
    fresh(x).square().mean().backward()
    norm = float(torch.cat([p.grad.flatten() for p in fresh.parameters()]).norm())
    assert close(trace.steps[0].clip, min(1.0, limit / (norm + 1e-6)))


def test_gradients_that_others_accumulate_are_not_taken_for_clipped_ones() -> None:
    """Sharded training calls these hooks itself, some of them when a backward pass has ended."""
    model = nn.Linear(4, 2)
    late = nn.Parameter(torch.ones(3))
    held = torch.nn.ParameterList([*model.parameters(), late])
    optimizer = torch.optim.SGD(held, lr=0.1)
    ledger = Ledger()
    watch = ClipWatch(ledger)

    def hand_over() -> None:
        late.grad = torch.full((3,), 7.0)
        for hook in late._post_accumulate_grad_hooks.values():
            hook(late)

    def ends(_: torch.Tensor) -> None:
        torch.autograd.Variable._execution_engine.queue_callback(hand_over)

    for during in (True, False):
        with ExitStack() as stack:
            watch.begin(held, stack)
            if during:
                handle = model.weight.register_post_accumulate_grad_hook(ends)
            model(torch.ones(3, 4)).sum().backward()
            handle.remove() if during else hand_over()
            optimizer.step()
            watch.after_update(optimizer)
        (((_, pair)),) = ledger.fetch().numbers
        assert pair[0] == pair[1] > 3 * 49


class Attends(nn.Module):
    """Attention written by hand or through torch, over 6 positions."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.qkv, self.how, self.kept = nn.Linear(4, 12), how, None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (3 * self.qkv(x)).chunk(3, -1)
        mask = torch.ones(6, 6, dtype=torch.bool)
        if self.how == "causal":
            mask = mask.tril()
        if self.how == "padded":
            mask[:, 4:] = False
        scores = (q @ k.mT / 2).masked_fill(~mask, -torch.inf)
        self.kept, self.seen = scores.detach(), mask
        if self.how == "by hand":
            return scores.softmax(-1) @ v
        if self.how == "padded":
            return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return functional.scaled_dot_product_attention(q, k, v, is_causal=self.how == "causal")


@pytest.mark.parametrize("how", ["plain", "causal", "padded", "by hand"])
def test_entropy_of_attention(how: str) -> None:
    model = seeded(lambda: Attends(how))
    x = of_size(3, 6, 4)
    trace = train(model, lambda: model(x).square().mean())
    rows = model.kept[:1].softmax(-1)
    entropy = -torch.special.xlogy(rows, rows).sum(-1)
    uniform = model.seen.sum(-1).double().log().expand_as(entropy)
    expected = float(entropy.mean() / uniform.mean())
    found = [r.entropy for r in trace.steps[0].readings.values() if r.entropy is not None]
    assert found == [pytest.approx(expected, rel=EXACT)]


def test_non_finite_elements_are_counted_and_left_out() -> None:
    model = seeded(lambda: sequential([4, 5, 2], nn.Tanh))
    x = of_size(6, 4)
    x[0, 0], x[1, 1] = torch.inf, torch.nan
    trace = train(model, lambda: model(x).square().mean())
    with torch.no_grad():
        first = seeded(lambda: sequential([4, 5, 2], nn.Tanh))[0](x)
    assert same(trace.steps[0].readings["0"].output, twins.moments(first))
    assert trace.steps[0].readings["0"].weight_grad.nonfinite > 0


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1.0, 1e17, 1e25])
@pytest.mark.parametrize("width", [12, 700])
def test_float32_neither_underflows_nor_overflows(scale: float, width: int) -> None:
    torch.manual_seed(0)
    model = nn.Linear(width, width)
    x = torch.randn(6, width)
    trace = train(model, lambda: model(x).sum() * scale)
    expected = twins.moments(model.weight.grad)
    assert close(trace.steps[0].readings["Linear"].weight_grad.norm, expected.norm, 2e-2)


@pytest.mark.parametrize(
    "layout", ["contiguous", "transposed", "channels last", "every other", "expanded"]
)
def test_norms_of_millions_of_elements_are_as_exact_as_those_of_few(layout: str) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 3, 1001, 500).pow(5)
    values = {
        "contiguous": lambda: values,
        "transposed": lambda: values.mT,
        "channels last": lambda: values.contiguous(memory_format=torch.channels_last),
        "every other": lambda: values[..., ::2],
        "expanded": lambda: values[:, :1].expand(-1, 3, -1, -1),
    }[layout]()
    ledger = Ledger()
    ledger.read(("layer", "weight"), values)
    ((_, found),) = ledger.fetch().moments
    assert close(found.norm, float(values.double().norm()))


@pytest.mark.parametrize("width", [64, 256, 1000])
def test_large_tensors_are_estimated_within_one_percent(width: int) -> None:
    """Norms and means are exact; shares and peaks come from a sample of every column alike."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 256))
    with torch.no_grad():
        model[0].weight[:, 3] *= 50  # one hot column: a stride of a multiple of it would alias
    x = torch.randn(512, width)
    trace = train(model, lambda: model(x).square().mean())
    reading = trace.steps[0].readings["0"]
    grad = twins.moments(model[0].weight.grad)
    assert close(reading.weight_grad.norm, grad.norm)
    assert close(reading.weight.norm, float(model[0].weight.detach().double().norm()))
    assert abs(reading.weight_grad.zero_share - grad.zero_share) < 0.02
