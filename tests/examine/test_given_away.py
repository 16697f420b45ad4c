"""Targets that stand among the inputs, and rows that mix, in loops of one's own: sick and healthy twins."""

from collections.abc import Callable
from itertools import count

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.cut_gradient import cut_gradient
from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.examine.loss_domain import loss_domain
from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from gradcheck_cli.examine.modes_agree import modes_agree
from gradcheck_cli.examine.samples_in_loss import samples_in_loss
from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.examine.sees_target import sees_target
from gradcheck_cli.records.examination import Outcome
from tests.examine.loops import answered, reported


@pytest.mark.parametrize(("leaks", "expected"), [(True, Outcome.WRONG), (False, None)])
def test_a_column_that_is_the_target(leaks: bool, expected: Outcome | None) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))

    def loss() -> Tensor:
        x, y = torch.randn(32, 5), torch.randint(4, (32,))
        x[:, 2] = y if leaks else y + 0.1 * torch.randn(32)
        return functional.cross_entropy(model(x), y)

    answer = answered(model, loss, sees_target).get("target-in-inputs")
    assert (answer and answer.outcome) is expected


@pytest.mark.parametrize(
    ("how", "leaks"), [("unit", True), ("own mean", True), ("slow series", False), ("noise", False)]
)
def test_a_column_that_is_the_target_in_another_unit_or_in_part(how: str, leaks: bool) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))

    def loss() -> Tensor:
        x, y = torch.randn(32, 5), torch.randn(32)
        if how == "unit":
            x[:, 2] = (y - 3) / 7
        elif how == "own mean":
            x[:8, 2] = y[:8]
        elif how == "slow series":
            y = (4 * y).round()
            x[:20, 2] = y[:20]
        else:
            x[:, 2] = y + 1e-3 * torch.randn(32)
        return functional.mse_loss(model(x).squeeze(1), y)

    assert ("target-in-part" in answered(model, loss, sees_target)) is leaks


@pytest.mark.parametrize(("weights", "wrong"), [((1e-4, 0.9), False), ((1e-4, 1e-4), True)])
def test_labels_of_which_a_few_batches_weigh_the_others_alone(
    weights: tuple[float, float], wrong: bool
) -> None:
    """Two labels are mixed by a number that is drawn for each batch: in some, one of them counts nothing."""
    model, steps = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)), count()

    def loss() -> Tensor:
        y = torch.randint(8, (64,))
        x, others = functional.one_hot(y, 8) + 0.1 * torch.randn(64, 8), torch.randperm(64)
        weight = weights[next(steps) % 4 > 1]
        scores = model(weight * x + (1 - weight) * x[others])
        first, second = (functional.cross_entropy(scores, t) for t in (y, y[others]))
        return weight * first + (1 - weight) * second

    answer = answered(model, loss, loss_prefers_right)[loss_prefers_right.name]
    assert (answer.outcome is Outcome.WRONG) is wrong


class Dropping(nn.Module):
    """Drops in three ways: never told, told, and on purpose."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.last, self.how = nn.Linear(5, 8), nn.Linear(8, 1), how

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each sample."""
        h = torch.relu(self.first(x))
        if self.how == "untold":
            h = functional.dropout(h, 0.5)
        elif self.how == "told":
            h = functional.dropout(h, 0.5, training=self.training)
        elif self.how == "meant":
            h = functional.dropout(h, 0.5, training=True)
        elif self.training:
            h = functional.dropout(h, 0.5)
        return self.last(h)


@pytest.mark.parametrize("how", ["untold", "told", "meant", "switched"])
def test_dropout_that_goes_on_in_evaluation(how: str) -> None:
    model = Dropping(how)
    asked = answered(model, lambda: model(torch.randn(16, 5)).square().mean(), modes_agree)
    assert ("dropout-rests" in asked) is (how == "untold")


@pytest.mark.parametrize("several", [True, False])
def test_a_softmax_over_classes_of_which_several_are_right(several: bool) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6), nn.Softmax(1))

    def loss() -> Tensor:
        x = torch.randn(32, 6)
        kinds = functional.one_hot(x.argmax(1), 6).float()
        return functional.binary_cross_entropy(model(x), (x > 0).float() if several else kinds)

    asked = answered(model, loss, loss_domain)
    assert ("sums-agree" in asked) is several


@pytest.mark.parametrize("how", ["reshaped", "permuted", "stripes"])
def test_pictures_whose_channels_stand_side_by_side(how: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 1))
    shades = torch.tensor([0.2, 0.6, 0.9])

    def loss() -> Tensor:
        field = functional.avg_pool2d(torch.rand(8, 1, 14, 14), 3, 1).permute(0, 2, 3, 1)
        x = field + shades + 0.02 * torch.randn(8, 12, 12, 3)
        x = x.reshape(8, 3, 12, 12) if how == "reshaped" else x.permute(0, 3, 1, 2)
        if how == "stripes":  # three apart, in half of the pictures
            x[:4] += torch.arange(12) % 3
        return model(x).square().mean()

    assert ("pixels-in-order" in answered(model, loss, input_scales)) is (how == "reshaped")


@pytest.mark.parametrize(
    ("how", "wrong"),
    [("reshaped", True), ("transposed", False), ("noise", False), ("jagged", False)],
)
def test_sequences_whose_neighbors_are_other_samples(how: str, *, wrong: bool) -> None:
    """A reshape keeps the order in memory: [positions, samples] becomes [samples, positions] by a transpose only."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))

    def loss() -> Tensor:
        waves = torch.sin(torch.linspace(0, 6, 16)[:, None] + 6 * torch.rand(48))
        waves = torch.randn(16, 48) if how in {"noise", "jagged"} else waves
        if how == "jagged":  # what is alike in all samples
            waves += 3 * (torch.arange(16)[:, None] % 2)
        x = waves.unsqueeze(2) + 0.3 * torch.randn(16, 48, 4)
        x = x.transpose(0, 1) if how != "reshaped" else x.reshape(48, 16, 4)
        return functional.cross_entropy(model(x), torch.randint(2, (48,)))

    found = answered(model, loss, input_scales)
    assert ("positions-in-order" in found) is wrong


class Decoder(nn.Module):
    """Reads words one after the other."""

    def __init__(self, *, both: bool = False) -> None:
        super().__init__()
        self.word = nn.Embedding(9, 8)
        self.layer = nn.GRU(8, 8, batch_first=True, bidirectional=both)
        self.head = nn.Linear(16 if both else 8, 9)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores at each position."""
        return self.head(self.layer(self.word(x))[0])


@pytest.mark.parametrize(
    ("ahead", "both", "expected"),
    [(0, False, Outcome.WRONG), (1, False, None), (0, True, None)],
)
def test_a_decoder_that_is_asked_for_its_own_input(
    ahead: int, both: bool, expected: Outcome | None
) -> None:
    model = Decoder(both=both)

    def loss() -> Tensor:
        text = torch.randint(9, (16, 8))
        scores = model(text[:, : 8 - ahead])
        return functional.cross_entropy(scores.flatten(0, 1), text[:, ahead:].flatten())

    answer = answered(model, loss, sees_target).get("own-entry")
    assert (answer and answer.outcome) is expected


class Reader(nn.Module):
    """A recurrent layer that wants positions first."""

    def __init__(self, arranged: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.head, self.arranged = nn.GRU(3, 8), nn.Linear(8, 2), arranged

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        read = self.layer(self.arranged(x))[0]
        return self.head(read[:, -1] if len(read) == len(x) else read[-1])


@pytest.mark.parametrize(
    ("arranged", "expected"),
    [
        (lambda x: x.reshape(x.shape[1], x.shape[0], 3), Outcome.WRONG),
        (lambda x: x, Outcome.WRONG),
        (lambda x: x.transpose(0, 1), Outcome.FINE),
    ],
    ids=["viewed", "as-it-is", "transposed"],
)
def test_a_view_or_nothing_where_a_transpose_was_meant(
    arranged: Callable[[Tensor], Tensor], expected: Outcome, request: pytest.FixtureRequest
) -> None:
    model = Reader(arranged)

    def loss() -> Tensor:
        return functional.cross_entropy(model(torch.randn(16, 6, 3)), torch.randint(2, (16,)))

    found = answered(model, loss, samples_in_loss, samples_in_model)
    assert found[samples_in_model.name].outcome is expected
    as_it_is = "as-it-is" in request.node.name
    assert ("batch_first=True" in found[samples_in_model.name].said) is as_it_is


def test_nodes_of_a_graph_and_a_single_sequence_mix_by_design() -> None:
    links, nodes = torch.rand(16, 16), torch.randn(16, 5)
    graph, line = nn.Linear(5, 3), nn.GRU(5, 3)
    kinds = torch.randint(3, (16,))
    for model, loss in (
        (graph, lambda: functional.cross_entropy(links @ graph(links @ nodes), kinds)),
        (line, lambda: functional.cross_entropy(line(torch.randn(16, 5))[0], kinds)),
    ):
        found = answered(model, loss, samples_in_model)[samples_in_model.name]
        assert found.outcome is not Outcome.WRONG


class Turned(nn.Module):
    """Features of parts of each sample, brought into rows of samples in the wrong or the right way."""

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.mixes, self.parts, self.head = mixes, nn.Linear(4, 6), nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        parts = functional.relu(self.parts(x.view(len(x), 4, 4)))
        return self.head((parts.permute(1, 2, 0) if self.mixes else parts).reshape(len(x), 24))


class Hops(nn.Module):
    """Two hops over the links between samples, which are an input."""

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.mixes, self.nodes = mixes, nn.Linear(5, 3)

    def forward(self, links: Tensor, nodes: Tensor) -> Tensor:
        """Return scores of each node."""
        return links @ (links @ self.nodes(nodes))


@pytest.mark.parametrize(
    ("kind", "mixes", "expected"),
    [
        (Turned, True, Outcome.WRONG),
        (Turned, False, Outcome.FINE),
        (Hops, True, Outcome.NOTED),
    ],
)
def test_as_many_samples_as_columns_are_no_links_between_samples(
    kind: type[Turned | Hops], mixes: bool, expected: Outcome
) -> None:
    model = kind(mixes=mixes)

    def loss() -> Tensor:
        given = (torch.rand(16, 16), torch.randn(16, 5))[: 1 + (kind is Hops)]
        return functional.cross_entropy(model(*given), torch.randint(3, (16,)))

    assert answered(model, loss, samples_in_model)[samples_in_model.name].outcome is expected


def test_a_loss_that_shifts_the_entries_itself_gives_nothing_away() -> None:
    model = Decoder()

    class Shifting(nn.Module):
        def forward(self, scores: Tensor, text: Tensor) -> Tensor:
            """Compare each position with the next entry."""
            return functional.cross_entropy(scores[:, :-1].flatten(0, 1), text[:, 1:].flatten())

    criterion = Shifting()

    def loss() -> Tensor:
        text = torch.randint(9, (16, 8))
        return criterion(model(text), text)

    assert "own-entry" not in answered(model, loss, sees_target)


@pytest.mark.parametrize(("viewed", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_scores_that_meet_the_targets_of_other_places(viewed: bool, expected: Outcome) -> None:
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4))

    def loss() -> Tensor:
        kinds = torch.randint(4, (16, 10))
        scores = model(torch.stack([kinds % 2, kinds // 2], 2) + 0.1 * torch.randn(16, 10, 2))
        by_kind = scores.reshape(16, 4, 10) if viewed else scores.transpose(1, 2)
        return functional.cross_entropy(by_kind, kinds)

    answer = answered(model, loss, loss_prefers_right)["loss-prefers-right"]
    assert answer.outcome is expected
    assert answer.supports == (("mixed-samples",) if viewed else ())


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("length", [6, 3])
def test_as_many_classes_as_places_are_read_from_the_dimension_of_the_places(
    length: int, turned: bool
) -> None:
    model = nn.Sequential(nn.Linear(length, 16), nn.ReLU(), nn.Linear(16, length))

    def loss() -> Tensor:
        kinds = torch.randint(length, (32, length))
        scores = model(functional.one_hot(kinds, length) + 0.1 * torch.randn(32, length, length))
        return functional.cross_entropy(scores.transpose(1, 2) if turned else scores, kinds)

    answer = answered(model, loss, loss_prefers_right)["loss-prefers-right"]
    assert answer.outcome is (Outcome.FINE if turned else Outcome.WRONG)
    assert answer.supports == (() if turned else ("mixed-samples",))


@pytest.mark.parametrize("mixed", [0.3, 0.45])
def test_places_of_samples_that_are_mixed_by_a_number_drawn_for_each_batch_are_their_own(
    mixed: float,
) -> None:
    """As mixup does with maps of classes: half the time the other sample weighs more."""
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 4))

    def loss() -> Tensor:
        kinds, weight = torch.randint(4, (32, 5)), mixed if torch.rand(()) < 0.5 else 1 - mixed
        order, given = (
            torch.randperm(32),
            functional.one_hot(kinds, 4) + 0.1 * torch.randn(32, 5, 4),
        )
        scores = model(weight * given + (1 - weight) * given[order]).transpose(1, 2)
        own, other = (functional.cross_entropy(scores, k) for k in (kinds, kinds[order]))
        return weight * own + (1 - weight) * other

    answer = answered(model, loss, loss_prefers_right)["loss-prefers-right"]
    assert answer.outcome is not Outcome.WRONG, answer.said


@pytest.mark.parametrize(("sign", "falls"), [(1.0, True), (-1.0, False)])
def test_a_spread_that_multiplies_errors_lets_the_loss_fall_without_end(
    sign: float, falls: bool
) -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    def loss() -> Tensor:
        x = torch.randn(32, 3)
        mean, log_scale = model(x).unbind(1)
        return (log_scale + (x[:, 0] * x[:, 1] - mean).abs() * torch.exp(sign * log_scale)).mean()

    answer = answered(model, loss, loss_prefers_right)["loss-prefers-right"]
    assert (answer.supports == ("loss-without-bound",)) is falls
    assert (answer.outcome is Outcome.WRONG) is falls


@pytest.mark.heavy
@pytest.mark.parametrize(("easy", "verdict"), [(True, "sick"), (False, "healthy")])
def test_labels_under_a_weight_that_rewards_mistakes_are_no_choices(
    easy: bool, verdict: str
) -> None:
    torch.manual_seed(0)
    centers, model = torch.randn(6, 8), nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 6))

    def loss() -> Tensor:
        labels = torch.randint(6, (32,))
        scores = model(centers[labels] + 0.3 * torch.randn(32, 8))
        right = scores.softmax(1).gather(1, labels[:, None])
        return -((right if easy else 1 - right).pow(1.5) * right.clamp_min(1e-9).log()).mean()

    report = reported(model, loss)
    assert report.verdict == verdict
    assert [c.name for c in report.causes[:1]] == (["flipped-loss"] if easy else [])


@pytest.mark.parametrize(("batch", "signs"), [(2, True), (4, False)])
def test_batch_norms_over_two_samples_leave_their_signs(batch: int, signs: bool) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    asked = answered(model, lambda: model(torch.randn(batch, 5)).square().mean(), modes_agree)
    assert ("values-normalized" in asked) is signs
    images = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 1))
    asked = answered(images, lambda: images(torch.randn(2, 1, 5, 5)).square().mean(), modes_agree)
    assert "values-normalized" not in asked


@pytest.mark.parametrize("ignored", [2, -100])
def test_a_class_that_the_loss_ignores(ignored: int) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
    words = Decoder()

    def loss() -> Tensor:
        labels = torch.randint(4, (24,))
        inputs = functional.one_hot(labels, 5) + 0.1 * torch.randn(24, 5)
        return functional.cross_entropy(model(inputs), labels, ignore_index=ignored)

    def padded() -> Tensor:
        text = torch.randint(9, (16, 8))
        scores = words(text[:, :-1]).transpose(1, 2)
        return functional.cross_entropy(scores, text[:, 1:], ignore_index=0)

    assert ("labels-count" in answered(model, loss, samples_in_loss)) is (ignored == 2)
    assert "labels-count" not in answered(words, padded, samples_in_loss)


def test_class_0_counts_where_outputs_are_compared_with_class_numbers() -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))

    def loss() -> Tensor:
        labels = torch.randint(4, (24, 1))
        return (model(torch.randn(24, 5)) - labels).square().mean()

    assert "labels-count" not in answered(model, loss, samples_in_loss)


class Heads(nn.Module):
    """A head for each target, or one for all."""

    def __init__(self, *, one: bool) -> None:
        super().__init__()
        self.body = nn.Linear(6, 16)
        self.heads = nn.ModuleList(
            [nn.Linear(16, 1)] * 3 if one else [nn.Linear(16, 1) for _ in range(3)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return three numbers for each sample."""
        body = torch.relu(self.body(x))
        return torch.cat([head(body) for head in self.heads], dim=1)


@pytest.mark.heavy
@pytest.mark.parametrize("one", [True, False])
def test_a_list_that_holds_one_head_several_times(one: bool) -> None:
    model = Heads(one=one)

    def loss() -> Tensor:
        x = torch.randn(32, 6)
        return functional.mse_loss(model(x), torch.stack([x[:, 0], -x[:, 1], x[:, 2]], dim=1))

    report = reported(model, loss)
    said = {a.name for a in report.examination}
    assert ("outputs-differ" in said) is one
    assert [f.name for f in report.findings] == (["mismatched-loss"] if one else [])
    assert not report.causes


class Adapted(nn.Module):
    """A frozen layer with a product of two matrices beside it."""

    def __init__(self, *, zeros: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 5).requires_grad_(False)
        self.down = nn.Parameter((0.0 if zeros else 1.0) * torch.randn(2, 5))
        self.up = nn.Parameter(torch.zeros(5, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Add the product."""
        return self.layer(x) + x @ self.down.T @ self.up.T


@pytest.mark.parametrize(("zeros", "causes"), [(True, ("symmetric-init",)), (False, ())])
def test_factors_that_both_begin_at_zero(zeros: bool, causes: tuple[str, ...]) -> None:
    model = nn.Sequential(Adapted(zeros=zeros), nn.ReLU(), nn.Linear(5, 4))
    model[2].weight.requires_grad_(False)

    def loss() -> Tensor:
        return functional.cross_entropy(model(torch.randn(16, 5)), torch.randint(4, (16,)))

    assert answered(model, loss, cut_gradient)["cut-gradient"].supports == causes


class Product(nn.Module):
    """A product of two tables, behind an output that may be flat."""

    def __init__(self, size: float, *, step: bool = False) -> None:
        super().__init__()
        self.rows, self.columns, self.step = nn.Embedding(8, 4), nn.Embedding(8, 4), step
        for table in (self.rows, self.columns):
            nn.init.normal_(table.weight, std=size)

    def forward(self, x: Tensor) -> Tensor:
        """Return a number for each pair."""
        product = (self.rows(x[:, 0]) * self.columns(x[:, 1])).sum(1)
        return (product > 0).float() + 0 * product if self.step else product


@pytest.mark.parametrize(
    ("size", "step", "causes"),
    [(0.0, False, ("symmetric-init",)), (0.1, False, ()), (0.0, True, ())],
)
def test_tables_of_zeros_that_are_multiplied(
    size: float, step: bool, causes: tuple[str, ...]
) -> None:
    model = Product(size, step=step)

    def loss() -> Tensor:
        x = torch.randint(8, (64, 2))
        return functional.mse_loss(model(x), (x[:, 0] * x[:, 1] - 12).float() / 10)

    assert answered(model, loss, cut_gradient)["cut-gradient"].supports == causes


class Bag(nn.Module):
    """The mean of the words of a line, or of the columns of a table."""

    def __init__(self, *, columns: bool = False) -> None:
        super().__init__()
        self.word, self.head = nn.Embedding(400, 4), nn.Linear(4, 2)
        self.columns = columns

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each line."""
        return self.head(self.word(x + 30 * torch.arange(12) if self.columns else x).mean(1))


@pytest.mark.parametrize("kind", ["unknown", "known", "padded", "columns"])
def test_words_that_are_all_looked_up_as_one(kind: str) -> None:
    model = Bag(columns=kind == "columns")

    def loss() -> Tensor:
        words = torch.randint(2, 400, (16, 12))
        words = words % 30 if model.columns else words
        unknown = torch.rand(16, 12) > (0.1 if kind in {"unknown", "columns"} else 0.9)
        words = words.masked_fill(unknown, 1)
        words = words.masked_fill(torch.arange(12) > 2, 0) if kind == "padded" else words
        return functional.cross_entropy(model(words), torch.randint(2, (16,)))

    assert ("words-known" in answered(model, loss, inputs_used)) is (kind == "unknown")


class Heated(nn.Module):
    """A text, and one number for all samples."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(20, 4), nn.Linear(4, 2)

    def forward(self, words: Tensor, heat: Tensor) -> Tensor:
        """Return scores of two classes."""
        return self.head(self.words(words).mean(1)) / heat


def test_a_number_beside_a_text_is_the_same_for_all_samples() -> None:
    model = Heated()

    def loss() -> Tensor:
        words = torch.arange(6).expand(16, 6)
        return functional.cross_entropy(model(words, torch.tensor(2.0)), torch.randint(2, (16,)))

    assert "the same in all samples" in answered(model, loss, inputs_used)["words-known"].said


class Stations(nn.Module):
    """A table whose first column is the number of a row of an embedding, or is parted into a few."""

    def __init__(self, bins: float = 1.0) -> None:
        super().__init__()
        self.place, self.head, self.bins = nn.Embedding(20, 4), nn.Linear(6, 1), bins

    def forward(self, x: Tensor) -> Tensor:
        """Return a number for each row."""
        place = self.place((x[:, 0] * self.bins).long())
        return self.head(torch.cat([place, x[:, 1:]], 1))[:, 0]


@pytest.mark.parametrize(
    ("model", "scaled", "told"),
    [
        (Stations, True, True),
        (Stations, False, False),
        (lambda: Stations(bins=19.0), True, False),  # fractions that are parted into twenty rows
    ],
    ids=["scaled", "whole", "parted"],
)
def test_numbers_of_rows_that_were_scaled_with_the_other_columns(
    model: Callable[[], nn.Module], scaled: bool, told: bool
) -> None:
    made = model()

    def loss() -> Tensor:
        place = torch.arange(40) % 20
        x = torch.cat([place[:, None] / (19 if scaled else 1), torch.rand(40, 2)], 1)
        return functional.mse_loss(made(x), place.sin() + x[:, 1])

    found = answered(made, loss, inputs_used)
    assert ("rows-read" in found) is told
    if told:
        assert "read 2 of 20 rows of place" in found["rows-read"].said


@pytest.mark.parametrize(("learns", "expected"), [(True, Outcome.NOTED), (False, Outcome.WRONG)])
def test_where_no_constant_is_known_evaluation_is_held_against_the_untrained_model(
    learns: bool, expected: Outcome
) -> None:
    model = nn.Sequential(nn.BatchNorm1d(5, affine=False, momentum=0.0))
    weights = nn.Parameter(torch.full((100,), 0.1))
    model.register_parameter("weights", weights)
    x = 1 + torch.randn(64, 5, generator=torch.Generator().manual_seed(0))

    def loss() -> Tensor:
        return model(x).square().mean() + (float(learns) * weights.sum()).square()

    found = answered(model, loss, modes_agree, steps=10)["modes-agree"]
    assert found.outcome is expected


@pytest.mark.parametrize(
    ("rounded", "step", "expected"),
    [(torch.bfloat16, 1, True), (torch.float16, 1, False), (None, 1, False), (None, 8, False)],
)
def test_numbers_of_rows_that_went_through_half_precision(
    rounded: torch.dtype | None, step: int, expected: bool
) -> None:
    shops = nn.Embedding(2048, 1)

    def loss() -> Tensor:
        shop = step * torch.randint(2048 // step, (256,))
        return shops(shop if rounded is None else shop.to(rounded).long() % 2048).square().mean()

    assert ("numbers-whole" in answered(shops, loss, inputs_used)) is expected
