"""GC301: two matrices in a row that are both zero, and so get no gradient for ever."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.records.report import Verdict
from tests.support.loops import batch, findings, report

NAME = "poor-initialization"


class Adapter(nn.Module):
    """A frozen layer and a low-rank product beside it."""

    def __init__(self, inside: int, outside: int, *, zeros: str) -> None:
        super().__init__()
        self.base = nn.Linear(inside, outside).requires_grad_(requires_grad=False)
        self.down = nn.Parameter(torch.zeros(4, inside))
        self.up = nn.Parameter(torch.zeros(outside, 4))
        for name in ("down", "up"):
            if name not in zeros:
                nn.init.kaiming_uniform_(getattr(self, name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + functional.linear(functional.linear(x, self.down), self.up)


class Layers(nn.Module):
    """The product is one of layers."""

    def __init__(self, *, zeros: str, bias: bool = False) -> None:
        super().__init__()
        self.base = nn.Linear(6, 16)
        self.down, self.up = nn.Linear(6, 4, bias=bias), nn.Linear(4, 16, bias=bias)
        for name in zeros.split():
            nn.init.zeros_(getattr(self, name).weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(x))


class Product(nn.Module):
    """Written with `@`."""

    def __init__(self, *, zeros: str) -> None:
        super().__init__()
        self.base = nn.Linear(6, 16)
        self.left = nn.Parameter(torch.zeros(6, 4))
        self.right = nn.Parameter(torch.zeros(4, 16))
        for name in ("left", "right"):
            if name not in zeros:
                nn.init.normal_(getattr(self, name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + x @ self.left @ self.right


def trains(make: Callable[[], nn.Module], steps: int = 60) -> Callable[[], None]:
    def loop() -> None:
        model = nn.Sequential(make(), nn.ReLU(), nn.Linear(16, 3))
        held = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(held, lr=1e-2)
        for _ in range(steps):
            x, y = batch()
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Adapter(6, 16, zeros="down up"), id="adapter"),
        pytest.param(lambda: Layers(zeros="down up"), id="layers"),
        pytest.param(lambda: Product(zeros="left right"), id="product"),
    ],
)
def test_a_product_of_zeros_is_named_although_the_loss_falls(make: Callable[[], nn.Module]) -> None:
    found = findings(trains(make))[NAME]
    assert len(found.layers) == 2
    assert "are zero and stay zero" in found.message
    told = report(trains(make))
    assert told.verdict is Verdict.SICK
    assert told.causes[0].name == "symmetric-init"


class Gated(nn.Module):
    """A branch whose scalar gate, or whose last layer, starts at zero."""

    def __init__(self, *, gate: bool) -> None:
        super().__init__()
        self.first, self.branch = nn.Linear(6, 16), nn.Linear(16, 16)
        self.gate = nn.Parameter(torch.zeros(())) if gate else 1.0
        if not gate:
            nn.init.zeros_(self.branch.weight)
            nn.init.zeros_(self.branch.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return x + self.gate * self.branch(torch.tanh(x))


class Tokens(nn.Module):
    """A table of zeros of which hardly any row is used, and a frozen layer of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(200, 16, padding_idx=0)
        self.frozen = nn.Linear(6, 16, bias=False).requires_grad_(requires_grad=False)
        nn.init.zeros_(self.table.weight)
        nn.init.zeros_(self.frozen.weight)
        self.mix = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        words = (x > 0).long() + 2 * torch.arange(6)
        return self.mix(self.table(words).sum(1) + self.frozen(x))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Adapter(6, 16, zeros="up"), id="up"),
        pytest.param(lambda: Adapter(6, 16, zeros="down"), id="down"),
        pytest.param(lambda: Layers(zeros="up"), id="layers"),
        pytest.param(lambda: Layers(zeros="down up", bias=True), id="biases part them"),
        pytest.param(lambda: Product(zeros="right"), id="product"),
        pytest.param(lambda: Gated(gate=True), id="gate"),
        pytest.param(lambda: Gated(gate=False), id="last of a branch"),
        Tokens,
    ],
)
def test_zeros_that_get_a_gradient_are_fine(make: Callable[[], nn.Module]) -> None:
    told = report(trains(make))
    assert NAME not in {f.name for f in told.findings}
    assert told.verdict is not Verdict.SICK
