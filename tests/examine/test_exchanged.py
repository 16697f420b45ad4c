"""Losses over triples that are given what is to be far in the place of what is to be near."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.records.report import Report, Verdict
from tests.examine.loops import reported

KINDS = 1.5 * torch.randn(6, 12, generator=torch.Generator().manual_seed(1))


def told(how: str, call: str = "function") -> Report:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 8))
    module = nn.TripletMarginLoss()

    def sample(kinds: Tensor) -> Tensor:
        return model(KINDS[kinds] + torch.randn(len(kinds), 12))

    def loss() -> Tensor:
        kinds = torch.randint(6, (32,))
        near, far = kinds, (kinds + torch.randint(1, 6, (32,))) % 6
        if how == "no kinds":
            near, far = torch.randint(6, (2, 32))
        a, p, n = sample(kinds), sample(near), sample(far)
        p, n = (n, p) if how == "exchanged" else (p, n)
        if call == "module":
            return module(a, p, n)
        if call == "named":
            return functional.triplet_margin_loss(anchor=a, negative=n, positive=p, margin=1.0)
        return functional.triplet_margin_loss(a, p, n, 1.0)

    return reported(model, loss)


HEAVY = pytest.mark.heavy


@pytest.mark.heavy
@pytest.mark.parametrize(
    "call",
    ["function", pytest.param("named", marks=HEAVY), pytest.param("module", marks=HEAVY)],
)
def test_what_is_to_be_near_is_given_as_what_is_to_be_far(call: str) -> None:
    said = told("exchanged", call)
    assert said.causes[0].name == "flipped-loss"
    assert "positive and negative samples exchanged" in said.headline
    assert "anchor, positive, negative" in said.fixes[0].code


def test_its_twin_is_healthy() -> None:
    assert told("right").verdict is Verdict.HEALTHY


@pytest.mark.heavy
def test_triples_of_no_kind_are_learned_in_neither_order() -> None:
    said = told("no kinds")
    assert said.verdict is not Verdict.HEALTHY
    assert "flipped-loss" not in [cause.name for cause in said.causes]
