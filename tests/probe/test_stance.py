"""Compiled models run compiled, except in the steps whose layers are read."""

import pytest
import torch
from torch import nn

from gradcheck_cli import watch
from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.stance import spans

STEPS = 60


class Counted:
    """A backend that counts how often compiled code ran."""

    def __init__(self) -> None:
        self.made = self.ran = 0

    def __call__(self, graph, _):
        self.made += 1

        def run(*args):
            self.ran += 1
            return graph.forward(*args)

        return run


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))


def losses(model: nn.Module, parameters, steps: int = STEPS) -> list[float]:
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(1))
    y = (x[:, 0] > 0).long()
    found = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_only_observed_steps_run_eagerly() -> None:
    bare, backend = network(), Counted()
    alone = losses(bare, bare.parameters())
    with Everywhere() as watcher:
        net = network()
        model = torch.compile(net, backend=backend)
        assert losses(model, net.parameters()) == alone
        eager = list(watcher.stance.steps)
    [session] = watcher.sessions
    assert eager[:9] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert eager == [s.index + 1 for s in session.trace().steps if s.readings]
    assert backend.made == 1, "the stance changes, what is compiled stays"
    assert backend.ran == STEPS - len(eager)
    assert {x.path for x in session.trace().layers} == {"0", "1", "2"}
    assert "1-9" in watcher.stance.told


def test_a_compiled_function_may_hold_a_whole_step_and_stays_eager() -> None:
    backend = Counted()
    with Everywhere() as watcher:
        net = network()

        @torch.compile(backend=backend)
        def run(x: torch.Tensor) -> torch.Tensor:
            return net(x)

        losses(run, net.parameters(), 20)
    assert backend.made == 0
    assert "in all steps" in watcher.stance.told
    assert watcher.sessions[0].steps == 20


def test_a_model_that_was_compiled_before_it_is_watched_is_read() -> None:
    net, backend = network(), Counted()
    model = torch.compile(net, backend=backend)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(16, 6)
    with watch(model, optimizer) as seen:
        for _ in range(20):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    assert len(seen.report().layers) >= 2
    assert backend.ran > 0


def test_the_stance_of_the_user_is_given_back() -> None:
    torch.compiler.set_stance("eager_on_recompile")
    try:
        with Everywhere() as watcher:
            watcher.stance.compiles(network())
            assert torch._dynamo.eval_frame._stance.stance == "force_eager"
        assert torch._dynamo.eval_frame._stance.stance == "eager_on_recompile"
    finally:
        torch.compiler.set_stance("default")


def test_step_numbers_are_written_as_ranges() -> None:
    assert spans([1, 2, 3, 5, 9, 10]) == "1-3, 5, 9-10"
    assert spans([]) == "none"
    assert spans(list(range(1, 60, 2))) == "1, 3, 5, 7, 9, ..., 59"


def test_a_module_that_is_built_in_a_compiled_function_breaks_no_graph() -> None:
    def loss(x: torch.Tensor) -> torch.Tensor:
        return nn.MSELoss()(x, torch.zeros_like(x))

    with Alive().followed():
        assert torch.compile(loss, backend="eager", fullgraph=True)(torch.ones(3)) == 1.0
