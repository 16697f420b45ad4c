"""Models that hand out scores beside what they compute from them, both of which the loss reads."""

import pytest
from torch import Tensor, nn

from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from gradcheck_cli.records.examination import Outcome
from tests.support.trainings import answers, network


class Normalized(nn.Module):
    """Scores of classes and their normalization, in as much as that is asked for."""

    def __init__(self, *, both: bool = True) -> None:
        super().__init__()
        self.net, self.both = network(), both

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.net(x)
        return scores, scores.logsumexp(1) if self.both else x.sum(1)


def likelihood(output: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
    """Cross entropy, half of which the model has computed."""
    return (output[1] - output[0].gather(1, labels[:, None])[:, 0]).mean()


def own(output: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
    """Cross entropy of scores that are never normalized: it falls without end."""
    return (output[1].tanh() - output[0].gather(1, labels[:, None])[:, 0]).mean()


@pytest.mark.parametrize("asked", [loss_prefers_right, against_constant])
def test_outputs_that_would_contradict_each_other_are_not_written(asked: object) -> None:
    [found] = answers(only=asked, model=Normalized, loss=likelihood).values()  # type: ignore[arg-type]
    assert found.outcome is Outcome.SKIPPED
    assert "computes from the one compared with targets" in found.reason


def test_another_output_that_is_computed_from_the_inputs_alone_does_not_matter() -> None:
    parts = {"model": lambda: Normalized(both=False), "loss": own}
    [found] = answers(only=loss_prefers_right, **parts).values()
    assert found.outcome is Outcome.WRONG
    assert found.supports == ("loss-without-bound",)
