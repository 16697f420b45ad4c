"""Layers stand in the order in which they run, with their distance from the loss."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.records.trace import Role
from tests.probe import architectures
from tests.probe.watching import depths, paths, train


def watch(model: nn.Module, *shape: int, steps: int = 1):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    return train(model, lambda: model(x).square().mean(), steps=steps)


class Backwards(nn.Module):
    """Registered from the last to the first."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.middle, self.first = nn.Linear(4, 2), nn.Linear(4, 4), nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.middle(torch.tanh(self.first(x)))))


def test_registration_order_does_not_matter() -> None:
    trace = watch(Backwards(), 5, 3)
    assert paths(trace) == ["first", "middle", "last"]
    assert depths(trace) == {"first": 2, "middle": 1, "last": 0}
    assert trace.layer("middle").reads == (":tanh",) or trace.layer("middle").reads == ("tanh",)
    assert trace.layer("first").activation == "tanh"


def test_a_shared_module_is_one_layer_with_many_calls() -> None:
    trace = watch(architectures.Shared(), 5, 6)
    assert paths(trace) == ["inner", "head"]
    assert (trace.layer("inner").calls, trace.layer("head").calls) == (4, 1)
    assert (trace.layer("inner").depth, trace.layer("inner").shortest) == (4, 1)


def test_tied_weights_are_read_where_they_run_first() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.mid = nn.Embedding(7, 4), nn.Linear(4, 4)
            self.head = nn.Linear(4, 7, bias=False)
            self.head.weight = self.table.weight

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.mid(self.table(words))))

    model = Tied()
    words = torch.arange(6)
    trace = train(model, lambda: functional.cross_entropy(model(words), words))
    assert [x.path for x in trace.layers if x.role is not Role.ACTIVATION] == [
        "table",
        "mid",
        "head",
    ]
    assert trace.layer("table").depth == 2
    assert trace.layer("head").depth == 0
    assert trace.layer("table").parameters[0].reached


def test_branches_join() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.long1, self.long2 = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)
            self.short, self.head = nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            return self.head(self.long2(torch.relu(self.long1(x))) + self.short(x))

    trace = watch(Fork(), 5, 3)
    assert paths(trace) == ["stem", "long1", "long2", "short", "head"]
    assert depths(trace) == {"stem": 3, "long1": 2, "long2": 1, "short": 1, "head": 0}
    assert (trace.layer("stem").shortest, trace.skips) == (2, True)
    assert set(trace.layer("head").reads) == {"long2", "short"}


def test_a_residual_block_of_its_own_input() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            x = x + torch.relu(self.a(x))
            return x + torch.relu(self.b(x))

    trace = watch(Residual(), 5, 3)
    assert (trace.layer("stem").depth, trace.layer("stem").shortest) == (2, 0)


def test_recurrent_cells_called_many_times() -> None:
    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.LSTMCell(2, 4), nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = c = x.new_zeros(x.shape[0], 4)
            for t in range(x.shape[1]):
                h, c = self.cell(x[:, t], (h, c))
            return self.head(h)

    trace = watch(Cells(), 5, 9, 2)
    assert paths(trace) == ["cell", "head"]
    assert (trace.layer("cell").calls, trace.layer("cell").depth) == (9, 9)
    assert trace.steps[0].readings["cell"].early_over_late is not None


def test_functional_calls_and_bare_parameters() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Parameter(torch.ones(4))
            self.w2, self.w1 = nn.Parameter(torch.randn(1, 4)), nn.Parameter(torch.randn(4, 3))
            self.position = nn.Parameter(torch.zeros(5, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = torch.sigmoid(functional.linear(x + self.position, self.w1)) * self.gate
            return hidden @ self.w2.T

    trace = watch(Bare(), 5, 3)
    ran = [x.path for x in trace.layers if x.parameters and x.calls]
    assert ran == ["w1", "w2"]
    assert (trace.layer("w1").depth, trace.layer("w2").depth) == (1, 0)
    assert trace.layer("w1").activation == "sigmoid"
    for path in ("gate", "position"):
        layer = trace.layer(path)
        assert layer.parameters[0].reached
        assert layer.called or layer.gradient_arrives or layer.parameters[0].reached
    assert trace.steps[0].readings["gate"].bias_grad is not None


def test_a_module_skipped_by_a_condition() -> None:
    class Maybe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.skipped, self.head = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.a(x)
            return self.head(x if x.shape[0] else self.skipped(x))

    trace = watch(Maybe(), 5, 3)
    skipped = trace.layer("skipped")
    assert (skipped.called, skipped.calls, skipped.depth) == (False, 0, None)
    assert not skipped.parameters[0].reached
    assert depths(trace)["a"] == 1


def test_a_module_that_runs_in_some_steps_only_keeps_its_place() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.extra, self.head = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)
            self.count = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.count += 1
            x = self.a(x)
            return self.head(self.extra(x) if self.count == 2 else x)

    trace = watch(Sometimes(), 5, 3, steps=3)
    assert trace.layer("extra").called
    assert trace.layer("extra").depth == 1
    assert trace.layer("a").depth == 2


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputed_calls_are_not_new_layers(reentrant: bool) -> None:
    trace = watch(architectures.Checkpointed(reentrant=reentrant), 5, 6)
    assert paths(trace) == ["stem", "a.0", "b.0", "head"]
    assert depths(trace) == {"stem": 3, "a.0": 2, "b.0": 1, "head": 0}
    assert [trace.layer(p).calls for p in paths(trace)] == [1, 1, 1, 1]
    assert trace.cuts == ()
    for path in paths(trace):
        reading = trace.steps[0].readings[path]
        assert reading.output.count == 5 * trace.layer(path).fan_out
        assert reading.output_grad.count == reading.output.count


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_changes_no_reading(reentrant: bool) -> None:
    def one(*, used: bool):
        torch.manual_seed(0)
        model = architectures.Checkpointed(reentrant=reentrant)
        model.a[1] = nn.Identity()
        if not used:
            model.forward = lambda x: model.head(model.b(model.a(model.stem(x))))
        return watch(model, 5, 6).steps[0].readings

    with_, without = one(used=True), one(used=False)
    for path in ("stem", "a.0", "b.0", "head"):
        assert with_[path].output_grad == without[path].output_grad
        assert with_[path].weight_grad == without[path].weight_grad


def test_no_grad_around_a_layer_is_a_cut() -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                x = self.encoder(x)
            return self.head(x)

    trace = watch(Blind(), 5, 3)
    assert [(c.operation, c.layer) for c in trace.cuts] == [("no_grad", "encoder")]
    assert not trace.layer("encoder").gradient_arrives


def test_a_nonlinearity_with_parameters_is_no_weight_layer() -> None:
    trace = watch(nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 1)), 5, 3)
    assert depths(trace) == {"0": 1, "1": 0, "2": 0} or trace.layer("0").depth == 1
    assert trace.layer("1").role is Role.ACTIVATION
    assert trace.layer("0").activation == "prelu"
    assert trace.steps[0].readings["1"].output.count == 20


def test_parametrized_layers_stay_one_layer() -> None:
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
        nn.Tanh(),
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 1)),
    )
    trace = watch(model, 5, 3)
    assert paths(trace) == ["0", "2"]
    assert depths(trace) == {"0": 1, "2": 0}
