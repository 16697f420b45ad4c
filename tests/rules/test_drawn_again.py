"""GC820 and GC823: layers that a loop makes outside of any module, and weights that it draws again."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, batch, findings, mistakes, report, small, update

LAYER, WEIGHTS = "made-in-forward", "made-in-the-loop"
Again = Callable[[nn.Module], object]


def steps_of(head: Callable[[Tensor], Tensor], kept: nn.Module | None = None) -> None:
    """Train a layer below a head, which holds the layers of `kept` if it is given."""
    below = nn.Linear(6, 16)
    held = nn.ModuleList([below, *([kept] if kept is not None else [])])
    optimizer = adam(held)
    for _ in range(30):
        x, y = batch()
        optimizer.zero_grad()
        functional.cross_entropy(head(below(x).tanh()), y).backward()
        optimizer.step()


def in_a_function() -> None:
    def head(h: Tensor) -> Tensor:
        out: Tensor = nn.Linear(16, 3)(h)
        return out

    steps_of(head)


def in_the_body() -> None:
    """The layer is made before anything else runs in the step."""
    below = nn.Linear(6, 16)
    optimizer = adam(below)
    for _ in range(30):
        head = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 3))
        x, y = batch()
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(below(x).tanh()), y)
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("loop", [in_a_function, in_the_body])
def test_a_layer_that_each_step_makes_outside_of_a_module_is_named_with_its_line(
    loop: Callable[[], None],
) -> None:
    found = findings(loop)[LAYER]
    assert found.severity is not Severity.NOTE
    assert found.at is not None
    assert found.at.file.endswith("test_drawn_again.py")
    assert loop.__code__.co_firstlineno < found.at.line < loop.__code__.co_firstlineno + 9


def a_kept_layer() -> None:
    head = nn.Linear(16, 3)
    steps_of(head, head)


def made_once() -> None:
    """A function makes the layer when it is called first."""
    made: list[nn.Module] = []

    def head(h: Tensor) -> Tensor:
        made.extend([nn.Linear(16, 3)] if not made else [])
        out: Tensor = made[0](h)
        return out

    steps_of(head)


def norms_and_slopes() -> None:
    """Layers that begin alike each time, whose weights are no draws, may be written in the place."""
    head = nn.Linear(16, 3)
    steps_of(lambda h: head(nn.PReLU()(nn.LayerNorm(16)(h))), head)


def a_probe() -> None:
    """A new probe is fitted after each epoch, by an optimizer of its own."""
    model = small()
    optimizer = adam(model)
    for _ in range(6):
        for _ in range(4):
            update(model, optimizer)
        probe = nn.Linear(3, 3)
        fit = adam(probe)
        for _ in range(4):
            x, y = batch()
            functional.cross_entropy(probe(model(x).detach()), y).backward()
            fit.step()


def first_order_meta_learning() -> None:
    """A learner of the same weights takes a step by hand; its gradients are the model's."""
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        learner = small()
        learner.load_state_dict(model.state_dict())
        for _ in range(2):
            x, y = batch()
            learner.zero_grad()
            functional.cross_entropy(learner(x), y).backward()
            with torch.no_grad():
                for p in learner.parameters():
                    p.sub_(0.1 * p.grad)
        for own, theirs in zip(model.parameters(), learner.parameters(), strict=True):
            own.grad = theirs.grad
        optimizer.step()


def data_for_new_networks() -> None:
    """Samples are learned on networks that are drawn anew on purpose."""
    samples = torch.randn(9, 6, requires_grad=True)
    optimizer = torch.optim.SGD([samples], lr=0.1)
    y = torch.arange(9) % 3
    for _ in range(20):
        network = small()
        optimizer.zero_grad()
        functional.cross_entropy(network(samples), y).backward()
        optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [
        a_kept_layer,
        made_once,
        norms_and_slopes,
        a_probe,
        first_order_meta_learning,
        data_for_new_networks,
    ],
)
def test_layers_that_are_kept_held_copied_or_not_drawn_are_fine(loop: Callable[[], None]) -> None:
    assert LAYER not in mistakes(loop)


def drawn(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)


def drawn_as_data(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        module.weight.data.normal_(0.0, 0.1)


def reset(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()


def per_epoch(again: Again, *, anew: bool = False) -> None:
    model = small()
    optimizer = adam(model)
    for epoch in range(5):
        if epoch:
            again(model)
        optimizer = adam(model) if anew else optimizer
        for _ in range(12):
            update(model, optimizer)


def put_back(*, anew: bool = False) -> None:
    model = small()
    start = copy.deepcopy(model.state_dict())
    optimizer = adam(model)
    for _epoch in range(5):
        model.load_state_dict(start)
        optimizer = adam(model) if anew else optimizer
        for _ in range(12):
            update(model, optimizer)


SICK: tuple[Callable[[], None], ...] = (
    lambda: per_epoch(lambda model: model.apply(drawn)),
    lambda: per_epoch(lambda model: model.apply(drawn_as_data)),
    lambda: per_epoch(reset),
    lambda: per_epoch(reset, anew=True),
    put_back,
    lambda: put_back(anew=True),
)


@pytest.mark.parametrize("loop", SICK, ids=range(len(SICK)))
def test_weights_that_each_epoch_draws_or_puts_back_are_named(loop: Callable[[], None]) -> None:
    found = findings(loop)[WEIGHTS]
    assert found.severity is not Severity.NOTE
    assert "thrown away" in found.message
    assert found.at is not None
    assert found.at.file.endswith("test_drawn_again.py")


def test_it_is_told_what_the_loop_counts() -> None:
    assert "in the loop over `epoch`" in report(lambda: per_epoch(reset)).headline


def folds(*, anew: bool) -> None:
    model = small()
    optimizer = adam(model)
    for _fold in range(4):
        reset(model)
        optimizer = adam(model) if anew else optimizer
        for _ in range(12):
            update(model, optimizer)


def a_last_layer() -> None:
    """One layer begins again now and then, as some agents' do."""
    model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))
    optimizer = adam(model)
    for step in range(60):
        update(model, optimizer)
        if step % 12 == 11:
            reset(model[2])


def the_best_epoch() -> None:
    """Weights that were learned are loaded again."""
    model = small()
    optimizer = adam(model)
    best = copy.deepcopy(model.state_dict())
    for _epoch in range(5):
        for _ in range(12):
            update(model, optimizer)
        best = copy.deepcopy(model.state_dict()) if _epoch < 2 else best
        model.load_state_dict(best)


def constrained() -> None:
    """Weights are changed between updates, and stay what they are about."""

    def clipped(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.weight.data.clamp_(-0.5, 0.5)

    model = small()
    optimizer = adam(model)
    for _step in range(40):
        update(model, optimizer)
        model.apply(clipped)


HEALTHY: tuple[Callable[[], None], ...] = (
    lambda: folds(anew=True),
    lambda: folds(anew=False),
    a_last_layer,
    the_best_epoch,
    constrained,
    lambda: per_epoch(lambda _: None),
)


@pytest.mark.parametrize("loop", HEALTHY, ids=range(len(HEALTHY)))
def test_weights_of_folds_single_layers_and_what_was_learned_are_fine(
    loop: Callable[[], None],
) -> None:
    assert WEIGHTS not in mistakes(loop)
