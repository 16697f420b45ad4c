"""Every kind of change works on a replay, and nothing of it stays."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.calls import exchange_calls
from gradcheck_cli.remedies.loosen_clipping import unclip
from gradcheck_cli.remedies.match_target_shape import aligned
from gradcheck_cli.remedies.optimize_all_parameters import held
from gradcheck_cli.remedies.surgery import exchange, touch
from gradcheck_cli.replay import Recorder, Recording
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.change import Change
from tests.replay.loops import KINDS, batches

HERE = __file__


class Net(nn.Module):
    """A functional sigmoid on a line of its own, and a layer that the optimizer may be without."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.Sigmoid(), nn.Linear(12, 12))
        self.head = nn.Linear(12, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        inner = torch.sigmoid(self.body(inputs))  # the line
        return self.head(inner)


INSIDE = SourceSite(HERE, Net.forward.__code__.co_firstlineno + 1)


def recorded() -> tuple[Net, Recording]:
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.body.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    with Recorder() as recorder:
        for inputs, target in batches():
            output = torch.tanh(model(inputs))
            loss = F.mse_loss(output, target[:, None].float())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            optimizer.step()
            schedule.step()
    return model, recorder.recording


def _line_of(word: str) -> int:
    lines = Path(HERE).read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if f"= {word}(model(inputs))" in line)


def same(value: Any) -> Any:
    return value


CHANGES: dict[str, Callable[[], Change]] = {
    "another module": lambda: Change(
        summary="", model=exchange(["body.1"], lambda _: nn.BatchNorm1d(12))
    ),
    "other initial weights": lambda: Change(
        summary="", model=touch(["body.0"], lambda m: m.weight.mul_(3.0))
    ),
    "a call inside a module": lambda: Change(
        summary="", model=exchange_calls({(INSIDE, "sigmoid"): torch.relu})
    ),
    "a call in the loop": lambda: Change(
        summary="", model=exchange_calls({(SourceSite(HERE, _line_of("torch.tanh")), "tanh"): same})
    ),
    "more parameters in the optimizer": held,
    "another rate": lambda: Change(summary="", optimizer=_rate(10.0)),
    "no clipping": lambda: Change(summary="", optimizer=unclip, clip=math.inf),
    "stronger clipping": lambda: Change(summary="", clip=1e-4),
    "other inputs": lambda: Change(summary="", inputs=lambda x: x * 3),
    "another loss": lambda: Change(summary="", loss=lambda loss: lambda o, t: 2 * loss(o, t)),
    "another precision": lambda: Change(summary="", precision="bf16"),
    "a warm-up": lambda: Change(summary="", warm_up=100),
    "a model around the model": lambda: Change(
        summary="", model=lambda model: nn.Sequential(nn.BatchNorm1d(6), model)
    ),
}


def _rate(factor: float) -> Callable[[torch.optim.Optimizer], None]:
    def edit(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] *= factor

    return edit


@pytest.fixture(scope="module")
def seen() -> tuple[Net, Recording]:
    return recorded()


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_acts_and_leaves_nothing_behind(kind: str, seen: tuple[Net, Recording]) -> None:
    model, recording = seen
    before = copy.deepcopy(model.state_dict())
    parts = list(model.modules())
    with Replay(recording, model) as replay:
        control = replay.build()
        unchanged = [float(control.step().loss) for _ in range(6)]
        training = replay.build((CHANGES[kind](),))
        changed = [float(training.step().loss) for _ in range(6)]
        with control.in_place():
            more = [float(control.step().loss) for _ in range(2)]
    assert unchanged == list(recording.losses[:6])
    assert more == list(recording.losses[6:8]), "the arms disturb each other"
    assert all(math.isfinite(loss) for loss in changed)
    assert changed != unchanged
    assert list(model.modules()) == parts
    assert "forward" not in vars(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    for module in parts:
        assert not module._forward_pre_hooks
    for parameter in model.parameters():
        assert not parameter._post_accumulate_grad_hooks


def test_a_rate_that_a_change_multiplies_follows_the_recorded_schedule(
    seen: tuple[Net, Recording],
) -> None:
    model, recording = seen
    [optimizer] = recording.optimizers
    with Replay(recording, model) as replay:
        training = replay.build((Change(summary="", optimizer=_rate(10.0)),))
        rates = []
        for _ in range(3):
            training.step()
            rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0, 0.9, 0.81])


def test_seeds_draw_other_weights_of_the_same_distribution(seen: tuple[Net, Recording]) -> None:
    model, recording = seen
    with Replay(recording, model) as replay:
        assert replay.varies
        drawn = []
        for seed in (0, 1, 2):
            training = replay.build(seed=seed, hold_out=True)
            drawn.append(model.body[0].weight.detach().flatten().sort().values)
            first = float(training.step().loss)
            assert math.isfinite(training.evaluate(8))
            assert (first == recording.losses[0]) == (seed == 0)
    assert torch.equal(drawn[0], drawn[1])


def test_evaluating_changes_nothing() -> None:
    with Recorder() as recorder:
        [model], _ = KINDS["plain"]()
    with Replay(recorder.recording, model) as replay:
        one, other = replay.build(hold_out=True), replay.build(hold_out=True)
        with one.in_place():
            alone = [float(one.step().loss) for _ in range(5)]
        with other.in_place():
            between = []
            for _ in range(5):
                other.evaluate(8)
                between.append(float(other.step().loss))
    assert alone == between


def test_a_loss_inside_the_model_is_a_named_obstacle() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, inputs: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(self.layer(inputs), target)

    torch.manual_seed(0)
    model = Own()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for inputs, target in batches():
            optimizer.zero_grad()
            model(inputs, target).backward()
            optimizer.step()
    with (
        Replay(recorder.recording, model) as replay,
        pytest.raises(CannotDiagnoseError, match="inside the model"),
    ):
        replay.build((Change(summary="", loss=aligned),))


def test_a_carried_state_reaches_the_steps_that_are_held_out() -> None:
    with Recorder() as recorder:
        [model, head], losses = KINDS["recurrent"]()
    recording = recorder.recording
    assert recording.is_chained
    with Replay(recording, nn.ModuleList([model, head])) as replay:
        training = replay.build(hold_out=True)
        before = training.evaluate(8)
        assert before > 0
        taken = [float(training.step().loss) for _ in range(12)]
        assert taken[:8] == losses[:8]
        assert training.evaluate(8) < before


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_model_has_a_loss_on_what_is_held_out(kind: str) -> None:
    with Recorder() as recorder:
        models, _ = KINDS[kind]()
    root = models[0] if len(models) == 1 else nn.ModuleList(models)
    with Replay(recorder.recording, root) as replay:
        training = replay.build(seed=3, hold_out=True)
        untrained = training.evaluate(4)
        training.step()
        assert math.isfinite(untrained)
        assert math.isfinite(training.evaluate(4))
