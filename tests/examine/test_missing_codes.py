"""Numbers in a table that are codes for what is missing, and columns that look like it: sick and healthy twins."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.records.finding import Severity
from tests.examine.loops import answered, reported

Column = Callable[[Tensor], Tensor]
MISSING = torch.rand(256, generator=torch.Generator().manual_seed(1)) < 0.06


def coded(code: float) -> Column:
    """Return the change of a column in which `code` stands for what is missing."""
    return lambda x: x.masked_fill(MISSING, code)


def standardized(x: Tensor) -> Tensor:
    return (x - x.mean()) / x.std()


def squeezed(x: Tensor) -> Tensor:
    return (x - x.min()) / (x.max() - x.min())


def table(column: Column) -> Tensor:
    """Return 256 samples of four columns, the third of which is `column` of numbers drawn at random."""
    x = torch.randn(256, 4)
    x[:, 2] = column(x[:, 2].clone())
    return x


def said_of(x: Tensor) -> str:
    model = nn.Sequential(nn.Linear(x.shape[1], 8), nn.Tanh(), nn.Linear(8, 2))
    at = iter(range(100))

    def loss() -> Tensor:
        i = 64 * (next(at) % 4)
        return functional.cross_entropy(model(x[i : i + 64]), torch.arange(64) % 2)

    answer = answered(model, loss, input_scales, steps=8).get("values-measured")
    return answer.said if answer is not None else ""


SICK: dict[str, Column] = {
    "a code among small numbers": coded(-9999.0),
    "a code at the other end": coded(999.0),
    "standardized afterwards": lambda x: standardized(coded(-9999.0)(x)),
    "squeezed to 0 to 1 afterwards": lambda x: squeezed(coded(-9999.0)(x)),
    "years, and 0": lambda x: coded(0.0)((2000 + 10 * x).round()),
    "ages, and 9999": lambda x: coded(9999.0)((40 + 12 * x).round()),
    "two codes": lambda x: coded(-9999.0)(x).where(torch.rand(256) < 0.9, 9999.0),
    "two codes at one end": lambda x: coded(-9999.0)(x).where(torch.rand(256) < 0.9, -999.0),
}
HEALTHY: dict[str, Column] = {
    "numbers": lambda x: x,
    "log-normal": lambda x: (2 * x).exp(),
    "Cauchy": lambda x: x / torch.randn(256),
    "clicks, mostly none": lambda x: (30 * (x - 1).relu()).round(),
    "amounts, mostly none": lambda x: (4 * x).exp() * (x > 0),
    "clipped at a ceiling": lambda x: x.clamp(max=0.5),
    "clipped at both ends": lambda x: 100 * x.clamp(-0.5, 0.5),
    "clipped, with a long tail below": lambda x: -x.exp().clamp(max=1.5),
    "yes or no": lambda x: (x > 1.5).float(),
    "yes or no, standardized": lambda x: standardized((x > 1.8).float()),
    "one of five, far apart": lambda x: (x.clamp(-2, 2).round() + 2) ** 8,
    "counts with one large one": lambda x: (2 * x).abs().round().where(x < x.max(), 9999.0),
    "two outliers": lambda x: x.where(x < x.sort().values[-2], 9999.0),
    "two groups": lambda x: x + 12 * (x > 0),
    "a constant and a peak": lambda x: torch.zeros(256).where(x < 2, 1.0),
    "a code near the others": coded(-3.0),
    "one column always the same": lambda x: torch.full_like(x, -9999.0),
}


@pytest.mark.parametrize("name", SICK)
def test_a_code_for_missing_values_is_named_with_its_column_and_share(name: str) -> None:
    torch.manual_seed(0)
    said = said_of(table(SICK[name]))
    assert said.startswith("in column 2 of ")
    assert "code for missing values" in said


@pytest.mark.parametrize("name", HEALTHY)
def test_columns_without_a_code_are_not_charged(name: str) -> None:
    torch.manual_seed(0)
    assert not said_of(table(HEALTHY[name]))


def test_pictures_with_black_borders_and_words_by_their_frequency_are_not_charged() -> None:
    torch.manual_seed(0)
    picture = torch.zeros(256, 12, 12)
    picture[:, 3:9, 3:9] = torch.rand(256, 6, 6)
    assert not said_of(picture.flatten(1))
    assert not said_of(standardized(picture.flatten(1)))
    rare = torch.rand(256, 50) * (torch.rand(256, 50) < 0.1)
    assert not said_of(rare / rare.norm(dim=1, keepdim=True).clamp(min=1e-6))
    assert not said_of((1 + (20 * rare).round()).log())


def test_one_sample_that_is_recorded_many_times_is_one() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    x[3, 2] = -9999.0
    assert not said_of(x.repeat(4, 1))


@pytest.mark.parametrize("code", [-9999.0, None])
def test_a_run_that_sees_nothing_behind_a_code_is_told_why(code: float | None) -> None:
    torch.manual_seed(0)
    clean = torch.randn(256, 1)
    y = (clean[:, 0] > 0).long()
    x = standardized(clean if code is None else coded(code)(clean[:, 0])[:, None])
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2))
    at = iter(range(10_000))

    def loss() -> Tensor:
        i = 64 * (next(at) % 4)
        return functional.cross_entropy(model(x[i : i + 64]), y[i : i + 64])

    said = reported(model, loss, steps=60)
    found = [f for f in said.findings if f.code == "GC701"]
    assert [f.severity for f in found] == ([] if code is None else [Severity.ERROR])
    assert ("degenerate-data" in [c.name for c in said.causes[:1]]) is (code is not None)
