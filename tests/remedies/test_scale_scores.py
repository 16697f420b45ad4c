"""Scores are multiplied where a constant behind the last layer made them tiny or huge."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.support.small import case_of, proposals


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def answering(factor: float) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3), Times(factor))


@pytest.mark.parametrize(("factor", "cause"), [(1e-4, "init-too-small"), (1e4, "init-too-large")])
def test_they_are_brought_to_where_scores_usually_begin(factor: float, cause: str) -> None:
    target, case = case_of(lambda: answering(factor), cause)
    sizes = []
    x = torch.randn(64, 8)
    for proposal in proposals(case, "scale-scores"):
        assert proposal.change is not None
        scores = target.build([proposal.change]).model(x)
        sizes.append((scores - scores.mean(1, keepdim=True)).square().mean().sqrt().item())
    assert sizes == pytest.approx([0.1, 1.0], rel=0.6)


def test_scores_of_a_usual_size_are_left_alone() -> None:
    _, case = case_of(lambda: answering(1.0), "init-too-small")
    assert case.trace.loss.score_scale == pytest.approx(0.3, rel=0.9)
    assert proposals(case, "scale-scores") == []


def test_a_last_layer_that_is_small_itself_is_to_be_started_anew_instead() -> None:
    def small() -> nn.Module:
        model = answering(1.0)
        nn.init.normal_(model[2].weight, std=1e-6)
        nn.init.zeros_(model[2].bias)
        return model

    _, case = case_of(small, "init-too-small")
    assert case.trace.loss.score_scale < 1e-4
    assert proposals(case, "scale-scores") == []


def test_a_head_that_starts_at_zero_has_no_size_to_correct() -> None:
    def zero() -> nn.Module:
        model = answering(1.0)
        nn.init.zeros_(model[2].weight)
        nn.init.zeros_(model[2].bias)
        return model

    _, case = case_of(zero, "init-too-small")
    assert case.trace.loss.score_scale == 0
    assert proposals(case, "scale-scores") == []


def test_the_size_is_that_of_what_sets_the_chances() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x) + 1000  # the same chances as without

    _, case = case_of(Shifted, "init-too-large")
    assert 0.1 < case.trace.loss.score_scale < 2


@pytest.mark.parametrize("reason", ["with scores 9 times as large (no weights make ...)", "else"])
def test_scores_that_no_weights_make_large_are_multiplied_until_a_class_can_be_sure(
    reason: str,
) -> None:
    _, case = case_of(lambda: answering(1.0), "constant-factor")
    found = proposals(replace(case, cause=replace(case.cause, reasons=(reason,))), "scale-scores")
    assert len(found) == ("no weights" in reason)
