"""GC807: evaluations in which dropout acts."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.checkpoint import checkpoint

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, batch, findings, loss_of, mistakes, update

NAME = "evaluation-in-train-mode"


def network(rate: float = 0.5) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.Dropout(rate), nn.Linear(16, 3))


def looked_at(make: Callable[[], nn.Module], *, switch: bool, every: int) -> Callable[[], None]:
    """Train, and evaluate now and then, in evaluation mode where it is switched to."""

    def loop() -> None:
        model = make()
        optimizer = adam(model)
        for i in range(60):
            update(model, optimizer)
            if i % every == every - 1:
                model.train(not switch)
                with torch.no_grad():
                    loss_of(model, 200)
                model.train()

    return loop


def evaluated(*, switch: bool, every: int = 30, rate: float = 0.5) -> Callable[[], None]:
    return looked_at(lambda: network(rate), switch=switch, every=every)


def normalized(*, switch: bool, tracked: bool = True, every: int = 60) -> Callable[[], None]:
    def made() -> nn.Module:
        norm = nn.BatchNorm1d(16, track_running_stats=tracked)
        return nn.Sequential(nn.Linear(6, 16), norm, nn.ReLU(), nn.Linear(16, 3))

    return looked_at(made, switch=switch, every=every)


@pytest.mark.parametrize("every", [20, 60])
def test_an_evaluation_in_which_batch_norm_mixes_samples_is_told(every: int) -> None:
    found = findings(normalized(switch=False, every=every))[NAME]
    assert found.severity is Severity.WARNING
    assert "batch norm" in found.message


@pytest.mark.parametrize(("switch", "tracked"), [(True, True), (False, False)])
def test_batch_norm_that_rests_or_has_no_statistics_is_fine(switch: bool, tracked: bool) -> None:
    assert NAME not in mistakes(normalized(switch=switch, tracked=tracked))


def test_statistics_that_are_measured_once_more_before_an_evaluation_are_a_note() -> None:
    def loop() -> None:
        model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Linear(16, 3))
        optimizer = adam(model)
        for _ in range(30):
            update(model, optimizer)
        with torch.no_grad():
            loss_of(model, 200)
        optimizer.step()
        with torch.no_grad():
            loss_of(model.eval(), 200)

    assert findings(loop)[NAME].severity is Severity.NOTE


def test_statistics_that_are_averaged_over_all_batches_are_measured_on_purpose() -> None:
    def loop() -> None:
        model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Linear(16, 3))
        optimizer = adam(model)
        for _ in range(30):
            update(model, optimizer)
        update_bn([batch()[0] for _ in range(4)], model)

    assert NAME not in mistakes(loop)


def test_a_generator_that_is_sampled_in_train_mode_is_fine() -> None:
    def loop() -> None:
        generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        steps = [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (critic, generator)]
        for i in range(30):
            fake = generator(torch.randn(16, 4))
            for turn, optimizer in enumerate(steps):
                seen = critic(fake if turn else fake.detach()).mean()
                optimizer.zero_grad()
                (-seen if turn else seen - critic(torch.randn(16, 2)).mean()).backward()
                optimizer.step()
            if i % 10 == 9:
                with torch.no_grad():
                    generator(torch.randn(64, 4))

    assert NAME not in mistakes(loop)


def at_the_end() -> None:
    model = network()
    optimizer = adam(model)
    for _ in range(40):
        update(model, optimizer)
    with torch.inference_mode():
        model(torch.randn(100, 6))


@pytest.mark.parametrize(
    "loop", [pytest.param(evaluated(switch=False), id="per epoch"), at_the_end]
)
def test_the_line_of_the_evaluation_is_told(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.severity is Severity.WARNING
    assert found.at is not None
    assert found.at.file.endswith(("test_evaluation_in_train_mode.py", "loops.py"))


def teacher() -> None:
    model = network()
    optimizer = adam(model)
    for _ in range(40):
        x, _ = batch()
        with torch.no_grad():
            goal = model(x)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), goal).backward()
        optimizer.step()


def checkpointed() -> None:
    first, model = nn.Linear(6, 6), network()
    optimizer = adam(nn.ModuleList([first, model]))
    for _ in range(40):
        x, y = batch()
        optimizer.zero_grad()
        out = checkpoint(model, first(x), use_reentrant=True)
        nn.functional.cross_entropy(out, y).backward()
        optimizer.step()


def adversarial() -> None:
    """Pictures are drawn now and then from a generator whose dropout is its noise."""
    generator, judge = network(), nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    makes, judges = adam(generator), adam(judge)
    for i in range(60):
        x, _ = batch()
        judges.zero_grad()
        (judge(generator(x).detach()) - judge(torch.randn(32, 3))).tanh().mean().backward()
        judges.step()
        makes.zero_grad()
        (-judge(generator(x))).tanh().mean().backward()
        makes.step()
        if i % 30 == 29:
            with torch.no_grad():
                generator(x)


def of_another_model() -> None:
    """A frozen network that scores samples now and then is not what is trained."""
    scorer = network()
    model = nn.Linear(6, 3)
    optimizer = adam(model)
    for i in range(60):
        update(model, optimizer)
        if i % 30 == 29:
            with torch.no_grad():
                scorer(batch()[0])


@pytest.mark.parametrize(
    "loop",
    [
        adversarial,
        of_another_model,
        pytest.param(evaluated(switch=True), id="eval mode"),
        pytest.param(evaluated(switch=False, rate=0.0), id="no dropout"),
        teacher,
        checkpointed,
    ],
)
def test_evaluations_and_passes_that_are_meant_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()


def test_dropout_that_is_told_to_act_in_eval_mode_is_meant() -> None:
    class Always(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(nn.functional.dropout(self.first(x), 0.3, training=True))

    def loop() -> None:
        model = Always()
        optimizer = adam(model)
        for i in range(60):
            update(model, optimizer)
            if i == 30:
                model.eval()
                with torch.no_grad():
                    torch.stack([model(batch()[0]) for _ in range(5)]).mean(0)
                model.train()

    assert NAME not in mistakes(loop)
