from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.assumptions import infer_loss
from gradcheck_cli.targets.target import Target

B, T, C = 8, 5, 3


def scores(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def classes(*shape: int) -> Tensor:
    return torch.randint(C, shape, generator=torch.Generator().manual_seed(0))


CASES = {
    "classes": (scores(B, C), classes(B), "cross_entropy"),
    "small integers": (scores(B, C), classes(B).to(torch.uint8), "cross_entropy"),
    "a column of classes": (scores(B, C), classes(B, 1), "cross_entropy"),
    "a sequence, classes last": (scores(B, T, C), classes(B, T), "cross_entropy"),
    "a picture, classes second": (scores(B, C, 4, 4), classes(B, 4, 4), "cross_entropy"),
    "padding is ignored": (
        scores(B, T, C),
        classes(B, T).index_fill(1, torch.tensor(0), -100),
        "cross_entropy",
    ),
    "probability of one": (scores(B, 1), torch.rand(B), "binary_cross_entropy_with_logits"),
    "yes or no as bool": (scores(B), classes(B) > 0, "binary_cross_entropy_with_logits"),
    "yes or no as integers": (scores(B, 1), classes(B) % 2, "binary_cross_entropy_with_logits"),
    "many labels": (scores(B, C), (classes(B, C) > 0).float(), "binary_cross_entropy_with_logits"),
    "after a sigmoid": (scores(B, 1).sigmoid(), torch.rand(B, 1), "binary_cross_entropy"),
    "numbers": (scores(B, 1), scores(B), "mse_loss"),
    "many numbers": (scores(B, C), scores(B, C), "mse_loss"),
    "counts": (scores(B, 1), classes(B) * 10, "mse_loss"),
}


@pytest.mark.parametrize(("output", "target", "name"), CASES.values(), ids=CASES.keys())
def test_the_loss_follows_from_output_and_target(output: Tensor, target: Tensor, name: str) -> None:
    inferred = infer_loss(output, target)
    assert inferred.name == name
    assert inferred.sentence.startswith(f"loss {name}, because")
    assert inferred.criterion(output, target).shape == ()


def test_layouts_are_torn_apart_correctly() -> None:
    output, target = scores(B, T, C), classes(B, T)
    expected = functional.cross_entropy(output.reshape(-1, C), target.reshape(-1))
    assert torch.equal(infer_loss(output, target).criterion(output, target), expected)
    picture, wanted = scores(B, C, 4, 4), classes(B, 4, 4)
    torch.testing.assert_close(
        infer_loss(picture, wanted).criterion(picture, wanted),
        functional.cross_entropy(picture, wanted),
    )


def test_a_target_is_reshaped_not_broadcast_and_that_is_said() -> None:
    output, target = scores(B, 1), scores(B)
    inferred = infer_loss(output, target)
    assert torch.equal(
        inferred.criterion(output, target), functional.mse_loss(output.squeeze(1), target)
    )
    assert "reshaped" in inferred.sentence


def test_a_softmax_before_cross_entropy_is_said() -> None:
    assert "softmax again" in infer_loss(scores(B, C).softmax(1), classes(B)).sentence


@pytest.mark.parametrize(
    ("output", "target", "says"),
    [
        (scores(B, C), classes(B) + 2, "classes count from 0 to 2"),
        (scores(B, C), classes(B, 7), "none fits"),
        (scores(B, C), scores(B), "different sizes"),
        (classes(B, C), classes(B), "no floating-point"),
        (scores(B, C), "a cat", "cannot be inferred|none can be inferred"),
    ],
)
def test_what_fits_no_loss_is_said(output: Tensor, target: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        infer_loss(output, target)


@dataclass
class Answer:
    loss: Tensor | None
    logits: Tensor


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, C)


class WithLabels(Body):
    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Answer:
        logits = self.layer(inputs)
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return Answer(loss, logits)


class WithTargets(Body):
    def forward(self, x: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        logits = self.layer(x)
        return logits, None if targets is None else functional.cross_entropy(logits, targets)


class LossInDict(Body):
    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        logits = self.layer(batch["inputs"])
        return {"loss": functional.cross_entropy(logits, batch["labels"]), "logits": logits}


class Logits(Body):
    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layer(inputs)}


class Positional(Body):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(x), x


class Pair(Body):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.layer(left + right)


X4, Y3 = scores(40, 4), torch.randint(C, (40,), generator=torch.Generator().manual_seed(1))
NAMED = {"inputs": X4, "labels": Y3}
SHAPES = {
    "labels by name": (WithLabels, NAMED, "the model's own loss"),
    "labels by place": (WithLabels, (X4, Y3), "the model's own loss"),
    "loss in a tuple": (WithTargets, (X4, Y3), "the model's own loss"),
    "loss in a dict": (LossInDict, NAMED, "the model's own loss"),
    "logits in a dict": (Logits, NAMED, "cross_entropy"),
    "first of a tuple": (Positional, (X4, Y3), "cross_entropy"),
    "one input of any name": (Positional, {"pixels": X4, "label": Y3}, "cross_entropy"),
    "two inputs": (Pair, (X4, X4, Y3), "cross_entropy"),
    "nested inputs": (Pair, [((X4[:8], X4[:8]), Y3[:8])], "cross_entropy"),
    "inputs by name": (Pair, [({"left": X4[:8], "right": X4[:8]}, Y3[:8])], "cross_entropy"),
    "unused columns": (Logits, {**NAMED, "row": torch.arange(40)}, "cross_entropy"),
    "no target": (lambda: nn.Linear(4, 4), X4, "mse_loss"),
}


@pytest.mark.parametrize(("model", "data", "name"), SHAPES.values(), ids=SHAPES.keys())
def test_batches_and_outputs_of_every_shape(
    model: Callable[[], nn.Module], data: Any, name: str
) -> None:
    training = Target.of(model=model, data=data, lr=0.05).build()
    assert training.loss_name == name
    assert any("loss" in sentence for sentence in training.assumptions)
    curve = [float(training.step().loss) for _ in range(30)]
    assert sum(curve[-5:]) < sum(curve[:5])


def test_a_loss_on_model_and_batch_is_told_by_its_arguments() -> None:
    def loss_fn(model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return functional.cross_entropy(model(x), y)

    training = Target.of(model=lambda: nn.Linear(4, C), data=(X4, Y3), loss=loss_fn).build()
    outcome = training.step()
    assert outcome.target is not None
    assert training.loss_name == "loss_fn"


@pytest.mark.parametrize(
    "loss",
    ["cross_entropy", "CrossEntropyLoss", nn.CrossEntropyLoss, nn.CrossEntropyLoss()],
    ids=["function name", "class name", "class", "instance"],
)
def test_a_loss_by_name_class_or_instance(loss: Any) -> None:
    training = Target.of(model=lambda: nn.Linear(4, C), data=(X4, Y3), loss=loss).build()
    assert float(training.step().loss) > 0


def test_the_outcome_has_what_rules_need() -> None:
    outcome = Target.of(model=lambda: nn.Linear(4, C), data=(X4, Y3)).build().step()
    assert outcome.output.shape == (32, C)
    assert outcome.target.shape == (32,)
    assert outcome.batch_size == 32
    assert not outcome.loss.requires_grad


class Conditional(Body):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is not None:
            x = x + y.view(x.shape)  # no target: a condition
        return self.layer(x)


class OnlyLoss(Body):
    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.layer(x), target)


class Detector(Body):
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        logits = self.layer(images)
        return {
            "classes": functional.cross_entropy(logits, targets),
            "boxes": logits.square().mean(),
        }


class TakesBatch(Body):
    def forward(self, batch: dict[str, Tensor] | tuple[Tensor, ...]) -> Tensor:
        return self.layer(batch["inputs"] if isinstance(batch, dict) else batch[0])


class OwnLoss(Body):
    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        return functional.cross_entropy(self.layer(x), y)


class OnlyCalledBatch(Body):
    def forward(self, batch: Tensor) -> Tensor:
        return self.layer(batch)


@pytest.mark.parametrize(
    ("model", "data", "name"),
    [
        (Conditional, (X4, Y3), "cross_entropy"),
        (OnlyLoss, (X4, Y3), "the model's own loss"),
        (Detector, (X4, Y3), "the model's own loss"),
        (TakesBatch, NAMED, "cross_entropy"),
        (TakesBatch, (X4, Y3), "cross_entropy"),
        (OwnLoss, (X4, Y3), "the model's own loss"),
        (OnlyCalledBatch, (X4, Y3), "cross_entropy"),
    ],
)
def test_models_with_ways_of_their_own(
    model: Callable[[], nn.Module], data: Any, name: str
) -> None:
    training = Target.of(model=model, data=data).build()
    assert training.loss_name == name
    training.step()


def test_parts_that_forward_does_not_take_are_said() -> None:
    with pytest.raises(UsageError, match=r"forward takes \(x\); let the data give"):
        Target.of(model=Positional, data=(X4, Y3, Y3)).build()


def test_of_a_loss_and_a_measure_the_first_is_the_loss() -> None:
    def loss_fn(model: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:
        output = model(batch[0])
        right = (output.argmax(1) == batch[1]).float().mean()
        return functional.cross_entropy(output, batch[1]), right

    plain = Target.of(model=lambda: nn.Linear(4, C), data=(X4, Y3)).build(hold_out=True)
    both = Target.of(model=lambda: nn.Linear(4, C), data=(X4, Y3), loss=loss_fn)
    judged = both.build(hold_out=True)
    assert judged.evaluate(1) == plain.evaluate(1)
    assert float(judged.step().loss) > 0.5
