"""GC824: copies of a trained model that are evaluated and have not followed it."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Verdict
from tests.support.loops import adam, batch, findings, report, small, update

NAME = "copy-left-behind"
Follow = Callable[[nn.Module, nn.Module], object]


@torch.no_grad()
def accuracy(model: nn.Module) -> float:
    x, y = batch(64)
    return float((model(x).argmax(1) == y).float().mean())


@torch.no_grad()
def averaged(average: nn.Module, model: nn.Module, decay: float) -> None:
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(p, alpha=1 - decay)


def by(decay: float) -> Follow:
    return lambda average, model: averaged(average, model, decay)


def epochs(follow: Follow, *, beside: bool = False, count: int = 6) -> None:
    """Evaluate a copy after each epoch, which follows as `follow` says after each update."""
    model = small()
    average = copy.deepcopy(model)
    optimizer = adam(model)
    for _ in range(count):
        for _ in range(40):
            update(model, optimizer)
            follow(average, model)
        accuracy(average)
        if beside:
            accuracy(model)


def from_a_stale_copy() -> None:
    model = small()
    stale, average = copy.deepcopy(model), copy.deepcopy(model)
    optimizer = adam(model)
    for _ in range(120):
        update(model, optimizer)
        averaged(average, stale, 0.9)
    accuracy(average)


def by_torch(decay: float) -> None:
    model = small()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    optimizer = adam(model)
    for step in range(200):
        update(model, optimizer)
        average.update_parameters(model)
        if step % 50 == 49:
            average.eval()
            with torch.inference_mode():
                average(batch()[0])


def swapped(decay: float) -> None:
    """An average is kept beside the model and put into it for each evaluation."""
    model = small()
    optimizer = adam(model)
    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    for step in range(200):
        update(model, optimizer)
        for name, p in model.named_parameters():
            kept[name] = decay * kept[name] + (1 - decay) * p.detach()
        if step % 40 == 39:
            own = copy.deepcopy(model.state_dict())
            model.load_state_dict(kept)
            accuracy(model)
            model.load_state_dict(own)


SICK: tuple[Callable[[], None], ...] = (
    lambda: epochs(by(0.99999)),
    lambda: epochs(lambda *_: None),  # it is never updated
    from_a_stale_copy,
    lambda: by_torch(0.99999),
    lambda: swapped(0.9999),
)


@pytest.mark.parametrize("loop", SICK, ids=range(len(SICK)))
def test_a_copy_at_its_start_is_named_where_it_is_evaluated(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.severity is Severity.ERROR
    assert found.at is not None
    assert found.at.file.endswith("test_copy_left_behind.py")


def test_it_is_a_warning_where_the_trained_model_is_evaluated_as_well() -> None:
    assert findings(lambda: epochs(by(0.99999), beside=True))[NAME].severity is Severity.WARNING


def test_the_training_is_sick_although_its_loss_falls() -> None:
    told = report(lambda: epochs(by(0.99999)))
    assert told.verdict is Verdict.SICK
    assert told.headline.startswith(NAME)


def a_mean_teacher(*, decay: float = 0.9999, steps: int = 80, ends: bool = False) -> None:
    """The teacher runs at each step, also where it moves slowly; it may be evaluated in the end."""
    model = small()
    teacher = copy.deepcopy(model)
    optimizer = adam(model)
    for _ in range(steps):
        x, y = batch()
        with torch.no_grad():
            target = teacher(x).softmax(1)
        optimizer.zero_grad()
        out = model(x)
        (functional.cross_entropy(out, y) + functional.mse_loss(out.softmax(1), target)).backward()
        optimizer.step()
        averaged(teacher, model, decay)
    if ends:
        accuracy(teacher)


def a_frozen_reference() -> None:
    """As in distillation to a second model or a penalty on leaving the start: it is meant to stay."""
    model = small()
    reference = copy.deepcopy(model).requires_grad_(False).eval()
    optimizer = adam(model)
    for _ in range(60):
        x, y = batch()
        with torch.no_grad():
            before = reference(x).log_softmax(1)
        optimizer.zero_grad()
        out = model(x)
        near = functional.kl_div(out.log_softmax(1), before, log_target=True, reduction="batchmean")
        (functional.cross_entropy(out, y) + 0.1 * near).backward()
        optimizer.step()
    accuracy(model)


def compared_with_the_start() -> None:
    model = small()
    start = copy.deepcopy(model)
    optimizer = adam(model)
    for _ in range(60):
        update(model, optimizer)
    assert accuracy(model) > accuracy(start)


def a_target_network() -> None:
    """A target copied now and then makes the values to come; the policy acts without a graph."""
    online, target = small(6, 2), small(6, 2)
    target.load_state_dict(online.state_dict())
    optimizer = adam(online, 1e-3)
    for step in range(120):
        x, reward = torch.randn(32, 6), torch.randn(32)
        with torch.no_grad():
            action = online(x).argmax(1)
            worth = reward + 0.9 * target(torch.randn(32, 6)).amax(1)
        optimizer.zero_grad()
        functional.mse_loss(online(x).gather(1, action[:, None])[:, 0], worth).backward()
        optimizer.step()
        if step % 50 == 49:
            target.load_state_dict(online.state_dict())


def the_best_state() -> None:
    model = small()
    optimizer = adam(model)
    best, state = 0.0, copy.deepcopy(model.state_dict())
    for _ in range(6):
        for _ in range(20):
            update(model, optimizer)
        if (reached := accuracy(model)) > best:
            best, state = reached, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    accuracy(model)


def put_back_to_the_start() -> None:
    """The weights begin again, evaluated before and after, as with rewinding."""
    model = small()
    optimizer = adam(model)
    start = copy.deepcopy(model.state_dict())
    for _ in range(3):
        for _ in range(30):
            update(model, optimizer)
        accuracy(model)
        model.load_state_dict(start)
        accuracy(model)


def another_network() -> None:
    """A random network of the same shapes is no copy, nor is a second model with its own optimizer."""
    model, random, second = small(), small(), small()
    optimizer, other = adam(model), adam(second)
    for _ in range(60):
        update(model, optimizer)
        update(second, other)
    for each in (model, random, second):
        accuracy(each)


def folds() -> None:
    """Each fold makes and evaluates a model, which the optimizer of the one before does not train."""
    for _ in range(3):
        model = small()
        optimizer = adam(model)
        for _ in range(40):
            update(model, optimizer)
        accuracy(model)


def snapshots() -> None:
    """Copies of early states are kept and evaluated beside the last one."""
    model = small()
    optimizer = adam(model)
    kept: list[nn.Module] = []
    for step in range(200):
        update(model, optimizer)
        if step in {0, 50, 100}:
            kept.append(copy.deepcopy(model))
    for each in (*kept, model):
        accuracy(each)


HEALTHY: tuple[Callable[[], None], ...] = (
    lambda: epochs(by(0.98)),
    lambda: epochs(by(0.98), beside=True),
    lambda: epochs(lambda average, model: average.load_state_dict(model.state_dict())),
    lambda: by_torch(0.98),
    lambda: swapped(0.98),
    a_mean_teacher,
    lambda: a_mean_teacher(steps=400),
    lambda: a_mean_teacher(decay=0.97, ends=True),
    a_frozen_reference,
    compared_with_the_start,
    a_target_network,
    the_best_state,
    put_back_to_the_start,
    another_network,
    snapshots,
    folds,
)


@pytest.mark.parametrize("loop", HEALTHY, ids=range(len(HEALTHY)))
def test_what_follows_or_is_meant_to_stay_is_not_held_against_it(loop: Callable[[], None]) -> None:
    assert NAME not in findings(loop)


def test_weights_run_generators_and_gradients_are_those_of_an_unwatched_run() -> None:
    def run() -> Tensor:
        torch.manual_seed(0)
        model = small()
        average = copy.deepcopy(model)
        optimizer = adam(model)
        for _ in range(30):
            update(model, optimizer)
            averaged(average, model, 0.9)
            accuracy(average)
        return torch.cat(
            [p.detach().flatten() for p in (*model.parameters(), *average.parameters())]
        )

    seen: list[Tensor] = []
    findings(lambda: seen.append(run()))
    assert torch.equal(seen[0], run())
