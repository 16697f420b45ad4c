"""Several comparisons added up in one loss: one that drowns the others, and twins in which all are learned."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli import watch
from gradcheck_cli.examine.parts_learn import parts_learn
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report
from tests.examine.loops import Make, adam, reported, stepped

Terms = Callable[[Tensor, Tensor, Tensor], Tensor]  # of points, and of what two heads say of them


class TwoHeads(nn.Module):
    """Two answers from one body."""

    def __init__(self, first: int = 4, second: int = 1) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Linear(12, 32), nn.Tanh())
        self.first, self.second = nn.Linear(32, first), nn.Linear(32, second)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return both."""
        seen = self.body(x)
        return self.first(seen), self.second(seen)


def sgd(rate: float) -> Make:
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)


def trained(terms: Terms, make: Make, model: nn.Module | None = None) -> Report:
    heads = TwoHeads() if model is None else model

    def loss() -> Tensor:
        x = torch.randn(64, 12)
        return terms(x, *heads(x))

    return reported(heads, loss, make=make)


def kinds(x: Tensor) -> Tensor:
    return x[:, :4].argmax(1)


def sizes(x: Tensor) -> Tensor:
    return (x[:, 4:5] + x[:, 5:6]) / 2**0.5


def of_unit(unit: float) -> Terms:
    """Classes, and a size in that unit."""
    return lambda x, a, b: (
        functional.cross_entropy(a, kinds(x)) + functional.mse_loss(b, unit * (3 + sizes(x)))
    )


def by_hand(weight: float) -> Terms:
    """Yes or no, and an error written with operators that counts so much."""
    return lambda x, a, b: (
        functional.binary_cross_entropy_with_logits(a, (x[:, :4] > 0).float())
        + weight * (b - sizes(x)).pow(2).mean()
    )


def of_two_sizes(unit: float) -> Terms:
    """Two sizes, of which the first is a number near 1."""
    return lambda x, a, b: (
        (a[:, :1] - x[:, :1]).abs().mean() + functional.mse_loss(b, unit * sizes(x))
    )


SICK = [
    pytest.param(of_unit(100), 3e-6, id="unit"),
    pytest.param(by_hand(1e4), 3e-6, id="weight"),
    pytest.param(of_two_sizes(300), 4e-6, id="sizes", marks=pytest.mark.heavy),
]
WELL = [
    pytest.param(of_unit(1), 0.03, id="unit"),
    pytest.param(by_hand(1), 0.03, id="weight", marks=pytest.mark.heavy),
    pytest.param(of_two_sizes(1), 0.03, id="sizes", marks=pytest.mark.heavy),
]


@pytest.mark.parametrize(("terms", "rate"), SICK)
def test_a_part_that_hardly_has_a_gradient_is_named_with_its_line(
    terms: Terms, rate: float
) -> None:
    report = trained(terms, sgd(rate))
    assert report.verdict == "sick", report.headline
    assert report.findings[0].name == "held-back"
    assert "test_parts_learn.py:" in report.findings[0].message
    assert [c.name for c in report.causes[:1]] == ["target-scale"]
    assert "to one size" in report.fixes[0].summary


@pytest.mark.parametrize(("terms", "rate"), WELL)
def test_its_twins_of_one_size_are_left_alone(terms: Terms, rate: float) -> None:
    report = trained(terms, sgd(rate))
    assert report.verdict == "healthy", report.headline


def auxiliary(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return functional.cross_entropy(a, kinds(x)) + 0.003 * functional.mse_loss(b, sizes(x))


def later(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return functional.cross_entropy(a, kinds(x)) + 0.03 * functional.mse_loss(b, 0.1 * sizes(x))


def noise(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    drawn = torch.randint(4, (len(x),))
    return 1e-3 * functional.cross_entropy(a, drawn) + functional.mse_loss(b, sizes(x))


@pytest.mark.parametrize(
    ("terms", "make"),
    [
        pytest.param(auxiliary, adam, id="small and learned", marks=pytest.mark.heavy),
        pytest.param(auxiliary, sgd(0.1), id="small and slow"),
        pytest.param(later, sgd(0.1), id="a size that is learned later"),
        pytest.param(noise, adam, id="labels of nothing"),
        pytest.param(of_unit(100), adam, id="a head that Adam moves", marks=pytest.mark.heavy),
    ],
)
def test_parts_that_are_small_and_learn_or_have_no_signal_are_no_finding(
    terms: Terms, make: Make
) -> None:
    report = trained(terms, make)
    answer = next(a for a in report.examination if a.name == parts_learn.name)
    assert answer.outcome is not Outcome.WRONG, answer.said
    assert "held-back" not in [f.name for f in report.findings]


def test_networks_that_share_nothing_and_single_comparisons_are_not_asked() -> None:
    class Apart(TwoHeads):
        """Two networks in one."""

        def __init__(self) -> None:
            super().__init__()
            self.other = nn.Linear(12, 32)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """Return both."""
            return self.first(self.body(x)), self.second(self.other(x))

    for terms, model in (
        (of_unit(100), Apart()),
        (lambda x, a, b: functional.cross_entropy(a, kinds(x)) + b.square().mean(), TwoHeads()),
    ):
        report = trained(terms, sgd(3e-6), model)
        answer = next(a for a in report.examination if a.name == parts_learn.name)
        assert answer.outcome is Outcome.SKIPPED


def test_it_leaves_the_training_as_it_was() -> None:
    model = TwoHeads()
    model.body.extend([nn.BatchNorm1d(32), nn.Dropout(0.1)])
    optimizer = sgd(3e-6)(model)
    with watch(model, optimizer, verify=True, policy=Policy(examine="full")) as seen:
        stepped(lambda: of_unit(100)(x := torch.randn(64, 12), *model(x)), optimizer, 50)
    before = left_in(model, optimizer)
    report = seen.verify(budget=0.0)
    assert next(a for a in report.examination if a.name == parts_learn.name).seconds
    assert left_in(model, optimizer) == before


def left_in(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[object]:
    """All that an experiment might leave behind, as plain values."""
    return [
        [t.tolist() for t in model.state_dict().values()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [(m.training, len(m._forward_hooks)) for m in model.modules()],
        str(optimizer.state_dict()),
        torch.get_rng_state().tolist(),
    ]
