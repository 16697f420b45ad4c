"""Which steps of a long training are looked at."""

import pytest
import torch
from torch import nn

from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.sampling import Sampling

LONG = 5_000
SAMPLINGS = [
    Sampling(),
    Sampling(sparing=True),
    Sampling(first=3, every=7),
    Sampling(first=32, every=2**30),
    Sampling(last=50),
    Sampling(last=700),
]


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_the_step_that_follows_is_the_first_that_is_observed(sampling: Sampling) -> None:
    observed = [i for i in range(LONG) if sampling.observes(i)]
    for index in range(observed[-1]):
        assert sampling.following(index) == next(i for i in observed if i >= index)


def eager(*, compiled: bool) -> list[int]:
    """Return the steps of a training that are read, counted from 1."""
    torch._dynamo.reset()
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(1))
    with Everywhere() as watcher:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
        model = torch.compile(net, backend="eager") if compiled else net
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(70):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    [session] = watcher.sessions
    return [s.index + 1 for s in session.trace().steps if s.readings]


def test_a_compiled_model_runs_eagerly_in_few_of_the_later_steps() -> None:
    assert eager(compiled=True) == [*range(1, 10), 17, 33, 65]
    assert eager(compiled=False) == [*range(1, 10), 13, 19, 28, 41, 61]
