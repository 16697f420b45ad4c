"""Values that losses are documented for: seen in loops, and told from those that they are not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, quiet, report

NAME = "mismatched-loss"
Compare = Callable[[nn.Module, Tensor], Tensor]


def training(compare: Compare, outputs: int = 4, steps: int = 40) -> Callable[[], None]:
    """A loop over new points; `compare` computes the loss from them."""

    def loop() -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 24), nn.GELU(), nn.Linear(24, outputs))
        optimizer = adam(model)
        for _ in range(steps):
            optimizer.zero_grad()
            compare(model, torch.randn(32, 6)).backward()
            optimizer.step()

    return quiet(loop)


def kinds(x: Tensor) -> Tensor:
    return x[:, :4].argmax(1)


def signs(yes: Tensor) -> Tensor:
    return yes.float() * 2 - 1


def alike(label: Callable[[Tensor], Tensor]) -> Compare:
    def compare(model: nn.Module, x: Tensor) -> Tensor:
        other = torch.randn_like(x)
        same = kinds(x) == kinds(other)
        return functional.cosine_embedding_loss(model(x), model(other), label(same), margin=0.1)

    return compare


def apart(label: Callable[[Tensor], Tensor]) -> Compare:
    def compare(model: nn.Module, x: Tensor) -> Tensor:
        distance = (model(x) - model(torch.randn_like(x))).norm(dim=1)
        return nn.HingeEmbeddingLoss()(distance, label(x[:, 0] > 0))

    return compare


def yes_or_no(label: Callable[[Tensor], Tensor]) -> Compare:
    return lambda model, x: nn.SoftMarginLoss()(model(x), label(x[:, :4] > 0))


def ranked(label: Callable[[Tensor], Tensor]) -> Compare:
    def compare(model: nn.Module, x: Tensor) -> Tensor:
        other = torch.randn_like(x)
        better = x[:, 0] > other[:, 0]
        return functional.margin_ranking_loss(
            model(x)[:, 0], model(other)[:, 0], label(better), margin=0.5
        )

    return compare


@pytest.mark.parametrize("loss", [alike, apart, yes_or_no, ranked])
@pytest.mark.parametrize(
    ("label", "right"),
    [
        pytest.param(signs, True, id="1 and -1"),
        pytest.param(lambda yes: yes.float(), False, id="1 and 0"),
        pytest.param(lambda yes: yes.long() + 1, False, id="1 and 2"),
    ],
)
def test_losses_of_signs_take_1_and_minus_1(loss, label, *, right: bool) -> None:
    found = findings(training(loss(label)))
    assert (NAME in found) is not right
    if not right:
        assert "takes 1 and -1" in found[NAME].message
        assert "test_domains.py" in found[NAME].message


def test_ties_and_weights_and_pairs_that_are_all_alike_are_no_mistake() -> None:
    def ordered(model: nn.Module, x: Tensor) -> Tensor:
        first, second = x[:, 0].round(), x[:, 1].round()
        scores = model(x)
        return functional.margin_ranking_loss(scores[:, 0], scores[:, 1], (first - second).sign())

    def positive(model: nn.Module, x: Tensor) -> Tensor:
        scores = model(x)
        return functional.margin_ranking_loss(scores[:, 0], scores[:, 1], torch.ones(32), margin=1)

    def towards(model: nn.Module, x: Tensor) -> Tensor:
        return functional.cosine_embedding_loss(model(x), x[:, :4].sin(), torch.ones(32))

    for compare in (ordered, positive, towards, ranked(lambda yes: 0.5 * signs(yes))):
        assert NAME not in findings(training(compare))


def several(x: Tensor) -> Tensor:
    """The numbers of the coordinates above 0, and -1 behind them."""
    rows = torch.full((len(x), 4), -1)
    for row, yes in zip(rows, x[:, :4] > 0, strict=True):
        numbers = yes.nonzero().flatten()
        row[: len(numbers)] = numbers
    return rows


CHANCES = {
    "kl_div": (
        lambda m, x: functional.kl_div(m(x).log_softmax(1), x[:, :4].softmax(1)),
        lambda m, x: functional.kl_div(m(x).log_softmax(1), x[:, :4].log_softmax(1)),
    ),
    "kl_div of logarithms": (
        lambda m, x: functional.kl_div(
            m(x).log_softmax(1), x[:, :4].log_softmax(1), log_target=True
        ),
        lambda m, x: functional.kl_div(m(x).log_softmax(1), x[:, :4].softmax(1), log_target=True),
    ),
    "poisson_nll_loss": (
        lambda m, x: functional.poisson_nll_loss(m(x), x[:, :4].exp().round()),
        lambda m, x: functional.poisson_nll_loss(m(x), x[:, :4].exp().round() - 2),
    ),
    "multilabel_soft_margin_loss": (
        lambda m, x: functional.multilabel_soft_margin_loss(m(x), (x[:, :4] > 0).float()),
        lambda m, x: functional.multilabel_soft_margin_loss(m(x), signs(x[:, :4] > 0)),
    ),
    "multilabel_margin_loss": (
        lambda m, x: functional.multilabel_margin_loss(m(x), several(x)),
        lambda m, x: functional.multilabel_margin_loss(m(x), (x[:, :4] > 0).long()),
    ),
}


@pytest.mark.parametrize("name", CHANCES)
def test_targets_outside_of_what_a_loss_is_documented_for(name: str) -> None:
    healthy, sick = CHANCES[name]
    assert NAME not in findings(training(healthy))
    said = report(training(sick))
    assert said.causes[0].name == "target-outside-loss-domain"
    assert name.split(maxsplit=1)[0] in said.causes[0].reasons[0]
    assert said.causes[0].at is not None
    assert any(f.severity is Severity.ERROR for f in said.findings)


def aligned(scores: Tensor) -> Tensor:
    """Eight rows as a sequence of 8 steps of 4 samples, in which two symbols are read."""
    steps = scores.reshape(8, 4, 4)
    return functional.ctc_loss(
        steps, torch.tensor([[1, 2]] * 4), torch.full((4,), 8), torch.full((4,), 2)
    )


LOGARITHMS = {
    "nll_loss": lambda given: lambda m, x: functional.nll_loss(given(m(x)), kinds(x)),
    "kl_div": lambda given: (
        lambda m, x: functional.kl_div(given(m(x)), x[:, :4].softmax(1), reduction="batchmean")
    ),
    "ctc_loss": lambda given: lambda m, x: aligned(given(m(x))),
}


@pytest.mark.parametrize("name", LOGARITHMS)
@pytest.mark.parametrize(
    ("given", "what"),
    [
        pytest.param(lambda x: x.softmax(1) + 1e-9, "probabilities", id="probabilities"),
        pytest.param(lambda x: x + 1, "never above 0", id="scores"),
        pytest.param(lambda x: x.log_softmax(1), "", id="logarithms"),
        pytest.param(functional.logsigmoid, "", id="logarithms of yes"),
    ],
)
def test_losses_of_logarithms_are_not_given_them(name: str, given, what: str) -> None:
    said = report(training(LOGARITHMS[name](given)))
    named = [c for c in said.causes if c.name == "output-outside-loss-domain"]
    if not what:
        assert not [c for c in named if "logarithms" in c.reasons[0]]
        return
    assert said.causes[0].name == "output-outside-loss-domain"
    assert what in said.causes[0].reasons[-1]
    [fix] = [f for f in said.fixes if f.name == "fit-output"][:1]
    assert "log_softmax" in fix.summary


def test_a_likelihood_by_hand_takes_the_logarithm_of_what_it_picks() -> None:
    def picked(model: nn.Module, x: Tensor) -> Tensor:
        return -model(x).softmax(1).gather(1, kinds(x)[:, None]).log().mean()

    assert NAME not in findings(training(picked))


def test_the_first_argument_of_kl_div_is_the_logarithm_whichever_is_the_model() -> None:
    def reverse(model: nn.Module, x: Tensor) -> Tensor:
        return functional.kl_div(x[:, :4].log_softmax(1), model(x).softmax(1))

    def exchanged(model: nn.Module, x: Tensor) -> Tensor:
        return functional.kl_div(x[:, :4].softmax(1), model(x).softmax(1))

    assert NAME not in findings(training(reverse))
    assert "logarithms" in findings(training(exchanged))[NAME].message


@pytest.mark.parametrize("along", [1, 2])
def test_logarithms_that_add_up_over_another_dimension_than_the_classes(along: int) -> None:
    def places(model: nn.Module, x: Tensor) -> Tensor:
        labels = torch.stack([kinds(x) % 4, (kinds(x) + 1) % 4, (kinds(x) + 2) % 4], 1)
        return functional.nll_loss(model(x).view(-1, 4, 3).log_softmax(along), labels)

    found = report(training(places, outputs=12))
    named = [c.name for c in found.causes]
    assert ("output-outside-loss-domain" in named) is (along == 2)
    if along == 2:
        assert "not over the classes" in found.causes[0].reasons[-1]


@pytest.mark.parametrize("along", [0, 2])
def test_an_alignment_whose_logarithms_add_up_over_time(along: int) -> None:
    def read(model: nn.Module, x: Tensor) -> Tensor:
        return aligned(model(x).view(8, 4, 4).log_softmax(along))

    found = report(training(read))
    assert ("output-outside-loss-domain" in [c.name for c in found.causes]) is (along == 0)


@pytest.mark.parametrize(("shift", "right"), [(0.0, True), (5.0, False)])
def test_a_regression_under_a_loss_of_chances_is_charged_to_its_targets(
    shift: float, *, right: bool
) -> None:
    def compare(model: nn.Module, x: Tensor) -> Tensor:
        targets = (x[:, :1] + x[:, 1:2]).sigmoid() * (1 + shift) + shift
        return functional.binary_cross_entropy_with_logits(model(x), targets)

    said = report(training(compare, outputs=1, steps=60))
    names = [cause.name for cause in said.causes]
    if right:
        assert names == []
        return
    assert names[0] == "target-outside-loss-domain"
    assert "takes targets from 0 to 1" in said.causes[0].reasons[0]
    assert "mse_loss" in next(f.code for f in said.fixes if f.name == "repair-by-hand")


def maps(turn: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    """A loop over pictures of 5 x 5 pixels in 5 classes, whose labels `turn` makes targets of."""

    def loop() -> None:
        torch.manual_seed(0)
        model = nn.Conv2d(1, 5, 3, padding=1)
        optimizer = adam(model)
        for _ in range(40):
            x = torch.rand(8, 1, 5, 5)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), turn((x[:, 0] * 5).long().clamp(max=4))).backward()
            optimizer.step()

    return quiet(loop)


def one_hot(labels: Tensor) -> Tensor:
    return functional.one_hot(labels, 5).float()


@pytest.mark.parametrize(
    ("turn", "right"),
    [
        pytest.param(one_hot, False, id="classes last"),
        pytest.param(lambda y: one_hot(y).transpose(1, 2), False, id="classes third"),
        pytest.param(lambda y: 0.9 * one_hot(y) + 0.02, False, id="smooth, classes last"),
        pytest.param(lambda y: one_hot(y).permute(0, 3, 1, 2), True, id="classes second"),
        pytest.param(lambda y: 0.9 * one_hot(y).movedim(3, 1) + 0.02, True, id="smooth"),
        pytest.param(lambda y: y, True, id="numbers"),
        pytest.param(
            lambda y: one_hot(y).movedim(3, 1) * (y > 0)[:, None], True, id="some pixels left out"
        ),
    ],
)
def test_targets_of_cross_entropy_are_probabilities_of_classes_in_dimension_1(
    turn: Callable[[Tensor], Tensor], right: bool
) -> None:
    found = findings(maps(turn))
    assert (NAME in found) is not right
    assert right or "add up to 1 over another dimension" in found[NAME].message
