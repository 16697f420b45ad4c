"""What must not change a diagnosis: units of the loss, batch size, names, order of data."""

import dataclasses
import itertools
from collections import OrderedDict
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.yamlfile import dumps, loads
from gradcheck_cli.targets.target import Target
from sample_models.digits import load


def deep(activation: Callable[[], nn.Module], depth: int, width: int = 32) -> nn.Sequential:
    """Return `depth` hidden layers and a head for the digits."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(64 if i == 0 else width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def sigmoid() -> nn.Module:
    return deep(nn.Sigmoid, 8)


def healthy() -> nn.Module:
    return deep(nn.ReLU, 2)


def tiny() -> nn.Module:
    model = deep(nn.Tanh, 5)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=1e-3)
    return model


def dead() -> nn.Module:
    model = deep(nn.ReLU, 3)
    nn.init.constant_(model[2].bias, -10.0)
    return model


MODELS = {"sigmoid": sigmoid, "healthy": healthy, "tiny": tiny, "dead": dead}
FINDING = {"sigmoid": "vanishing-gradient", "tiny": "vanishing-gradient", "dead": "dying-relu"}
CAUSE = {"sigmoid": "saturating-activation", "tiny": "init-too-small", "dead": "dead-relu"}
every_model = pytest.mark.parametrize("name", MODELS)


def told(model: Callable[[], nn.Module], scale: float = 1.0, **changes: object) -> Report:
    """Diagnose a model under SGD, with the loss multiplied by `scale` and the rate divided by it."""
    torch.set_num_threads(1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return scale * functional.cross_entropy(outputs, targets)

    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), lr=0.2 / scale)

    parts = {"model": model, "data": load, "loss": loss, "optimizer": optimizer, "device": "cpu"}
    return diagnose(Target.of(**(parts | changes)), 50, verify=False)


def gist(report: Report) -> tuple[object, ...]:
    grave = {f.name for f in report.findings if f.severity is not Severity.NOTE}
    return report.verdict, grave, report.causes[0].name if report.causes else None


def main_points(report: Report) -> tuple[object, ...]:
    """Return what other batches must not change either: verdict, the finding and the cause."""
    verdict, grave, cause = gist(report)
    return verdict, next((name for name in FINDING.values() if name in grave), None), cause


@cache
def usual(name: str) -> Report:
    """Return the report on one of the models as it is."""
    return told(MODELS[name])


@every_model
def test_the_models_are_what_they_are_called(name: str) -> None:
    report = usual(name)
    assert (report.verdict is Verdict.HEALTHY) is (name == "healthy")
    assert main_points(report) == (report.verdict, FINDING.get(name), CAUSE.get(name))


@every_model
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_multiplying_the_loss_changes_nothing(name: str, scale: float) -> None:
    assert gist(told(MODELS[name], scale)) == gist(usual(name))


@pytest.mark.heavy
@every_model
def test_a_batch_size_four_times_larger_changes_nothing(name: str) -> None:
    small, large = (told(MODELS[name], batch_size=size) for size in (32, 128))
    assert main_points(small) == main_points(large)


class Backwards(nn.Module):
    """The same layers, registered from the last to the first."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        named = [(f"layer{i}", layer) for i, layer in enumerate(layers)]
        self.layers = nn.ModuleDict(OrderedDict(reversed(named)))

    def forward(self, images: Tensor) -> Tensor:
        for i in range(len(self.layers)):
            images = self.layers[f"layer{i}"](images)
        return images


@pytest.mark.heavy
@every_model
def test_layers_registered_in_reverse_are_diagnosed_the_same(name: str) -> None:
    plain, reverse = usual(name), told(lambda: Backwards(MODELS[name]()))
    assert gist(plain) == gist(reverse)
    rows = [[(x.kind, x.order) for x in r.layers] for r in (plain, reverse)]
    assert rows[0] == rows[1]
    named = [f.layers for f in plain.findings]
    assert [
        tuple(p.removeprefix("layers.layer") for p in f.layers) for f in reverse.findings
    ] == named


@pytest.mark.heavy
@every_model
def test_the_order_of_the_samples_and_of_the_features_changes_nothing(name: str) -> None:
    def permuted() -> TensorDataset:
        images, digits = load().tensors
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(5))
        pixels = torch.randperm(64, generator=torch.Generator().manual_seed(6))
        return TensorDataset(images[order][:, pixels], digits[order])

    assert main_points(told(MODELS[name], data=permuted)) == main_points(usual(name))


@pytest.mark.parametrize("factor", [1e-2, 1e2])
def test_moving_size_between_relu_layers_so_that_the_function_stays_changes_no_verdict(
    factor: float,
) -> None:
    def rescaled() -> nn.Module:
        model = healthy()
        with torch.no_grad():
            model[0].weight.mul_(factor)
            model[0].bias.mul_(factor)
            model[2].weight.div_(factor)
        return model

    batch = torch.randn(8, 64)
    models = []
    for make in (healthy, rescaled):
        torch.manual_seed(0)
        models.append(make())
    torch.testing.assert_close(models[0](batch), models[1](batch))

    def adam(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=3e-3)

    report = told(rescaled, optimizer=adam)
    assert "vanishing-gradient" not in gist(report)[1]
    assert report.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("name", ["sigmoid", "healthy"])
def test_the_same_seed_writes_the_same_bytes_but_times(name: str) -> None:
    texts = []
    for report in (usual(name), told(MODELS[name])):
        run = dataclasses.replace(report.run, started="", seconds=0.0)
        texts.append(dumps(dataclasses.replace(report, run=run)))
    assert texts[0] == texts[1]
    assert [f.message for f in loads(texts[0]).findings] == [f.message for f in report.findings]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_losses_and_weights_are_bit_identical_with_and_without_the_probe(dropout: float) -> None:
    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10)
        )

    torch.set_num_threads(1)
    target = Target.of(model=model, data=load, optimizer="Adam", lr=1e-3, device="cpu")
    watched = target.build()
    trace = observe(watched, 12)
    alone = target.build()  # which sets chance back to the seed
    losses = [float(alone.step().loss) for _ in range(12)]
    assert trace.losses == losses
    pairs = zip(watched.model.state_dict().values(), alone.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(
        not hooks
        for m in watched.model.modules()
        for hooks in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)
    )


def test_another_seed_is_another_run_with_the_same_verdict() -> None:
    other = told(MODELS["sigmoid"], seed=1)
    assert other.history.losses != usual("sigmoid").history.losses
    assert main_points(other) == main_points(usual("sigmoid"))


def test_every_pair_of_models_is_told_apart() -> None:
    gists = [gist(usual(name)) for name in MODELS]
    assert all(a != b for a, b in itertools.combinations(gists, 2))
