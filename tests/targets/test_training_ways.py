"""Training as people do it: hooks, schedulers, clipping, accumulation, precision, compiled models."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import CheckpointFunction, checkpoint

from gradcheck_cli.errors import CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.change import Change, LoopChange
from gradcheck_cli.targets.loop import without_checkpoints
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from tests.conftest import Write

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def losses(training: Training, number: int = 8) -> list[float]:
    return [float(training.step().loss) for _ in range(number)]


class Gan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 4)
        self.critic = nn.Linear(4, 1)


def two_optimizers(model: Any) -> tuple[torch.optim.Optimizer, ...]:
    return (
        torch.optim.Adam(model.critic.parameters(), lr=0.01),
        torch.optim.Adam(model.generator.parameters(), lr=0.01),
    )


def turns(model: Any, batch: Any, optimizers: Any) -> dict[str, Tensor]:
    critic, generator = optimizers
    real = batch[0]
    fake = model.generator(torch.randn(len(real), 2))
    critic.zero_grad()
    loss_c = functional.softplus(-model.critic(real)).mean()
    loss_c = loss_c + functional.softplus(model.critic(fake.detach())).mean()
    loss_c.backward()
    critic.step()
    generator.zero_grad()
    loss_g = functional.softplus(-model.critic(fake)).mean()
    loss_g.backward()
    generator.step()
    return {"critic": loss_c, "generator": loss_g}


def test_a_hook_with_optimizers_takes_its_own_turns() -> None:
    target = Target.of(model=Gan, data=(X, Y), optimizer=two_optimizers, training_step=turns)
    training = target.build(hold_out=True)
    before = [value.clone() for value in training.model.parameters()]
    held = training.evaluate(2)
    assert held == training.evaluate(2)
    assert all(torch.equal(a, b) for a, b in zip(before, training.model.parameters(), strict=True))
    curve = losses(training)
    assert all(
        not torch.equal(a, b) for a, b in zip(before, training.model.parameters(), strict=True)
    )
    target.build(hold_out=True)
    assert losses(target.build(hold_out=True)) == curve
    assert training.optimizer_name == "Adam, Adam"


def test_one_loss_for_each_optimizer_reaches_only_its_own_parameters() -> None:
    def training_step(model: Any, batch: Any) -> tuple[Tensor, Tensor]:
        fake = model.generator(torch.ones(4, 2))
        score = model.critic(fake).mean()
        return score, 0 * score  # the generator is told nothing

    training = Target.of(
        model=Gan, data=(X, Y), optimizer=two_optimizers, training_step=training_step
    ).build()
    training.step()
    model: Any = training.model
    assert float(model.critic.bias.grad.abs().sum()) > 0
    assert float(model.generator.bias.grad.abs().sum()) == 0


def test_a_hook_that_returns_one_loss_is_an_ordinary_step() -> None:
    def training_step(model: Any, batch: Any) -> Tensor:
        return functional.cross_entropy(model(batch[0]), batch[1])

    hooked = Target.of(model=net, data=(X, Y), training_step=training_step, lr=0.1)
    plain = Target.of(model=net, data=(X, Y), loss="cross_entropy", lr=0.1)
    assert losses(hooked.build()) == losses(plain.build())


def test_a_hook_beside_the_model_is_found(write: Write) -> None:
    write(
        "demo_hook.py",
        "import torch\nfrom torch import nn\n\nmodel = nn.Linear(4, 2)\n"
        "data = (torch.randn(32, 4), torch.zeros(32).long())\n\n"
        "def training_step(model, batch):\n"
        "    return nn.functional.cross_entropy(model(batch[0]), batch[1])\n",
    )
    training = Target.from_strings("demo_hook.py").build()
    assert (
        "training step from demo_hook.py:training_step, because none was given"
        in training.assumptions
    )
    training.step()


@pytest.mark.parametrize(
    ("hook", "error", "says"),
    [
        (lambda model: 1, UsageError, "must take"),
        (lambda model, batch, optimizers: None, CannotDiagnoseError, "no loss"),
        (lambda model, batch, optimizers: 1 / 0, UserCodeError, "ZeroDivisionError"),
        (lambda model, batch: None, CannotDiagnoseError, "no tensor"),
    ],
    ids=["one argument", "nothing back", "raises", "no loss"],
)
def test_hooks_that_do_not_fit(hook: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Target.of(model=net, data=(X, Y), training_step=hook).build().step()


def rates(training: Training, number: int) -> list[float]:
    found = []
    for _ in range(number):
        found.append(training.optimizers[0].param_groups[0]["lr"])
        training.step()
    return found


def halving(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)


def with_scheduler(model: nn.Module) -> Any:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.8)
    return optimizer, halving(optimizer)


def test_a_scheduler_is_stepped_after_the_optimizer() -> None:
    given = Target.of(model=net, data=(X, Y), optimizer="SGD", lr=0.8, scheduler=halving)
    assert rates(given.build(), 4) == [0.8, 0.4, 0.2, 0.1]
    returned = Target.of(model=net, data=(X, Y), optimizer=with_scheduler)
    assert rates(returned.build(), 4) == [0.8, 0.4, 0.2, 0.1]
    slower = Target.of(model=net, data=(X, Y), optimizer=with_scheduler, lr=0.4)
    assert rates(slower.build(), 3) == [0.4, 0.2, 0.1]


def test_accumulated_micro_batches_are_one_large_batch() -> None:
    batches = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 64, 8)]
    large = [(X[i : i + 32], Y[i : i + 32]) for i in range(0, 64, 32)]
    model = net()
    small_steps = Target.of(
        model=model, data=batches, optimizer="SGD", lr=0.5, accumulate=4
    ).build()
    large_steps = Target.of(model=model, data=large, optimizer="SGD", lr=0.5).build()
    for _ in range(4):
        first, second = small_steps.step(), large_steps.step()
        assert float(first.loss) == pytest.approx(float(second.loss), rel=1e-4)
        assert first.batch_size == second.batch_size == 32


def test_clipping_limits_the_step() -> None:
    training = Target.of(model=net, data=(X, Y), optimizer="SGD", lr=1.0, clip_norm=1e-4).build()
    before = [value.detach().clone() for value in training.model.parameters()]
    training.step()
    moved = torch.cat(
        [(a - b).flatten() for a, b in zip(before, training.model.parameters(), strict=True)]
    )
    assert float(moved.norm().detach()) == pytest.approx(1e-4, rel=0.02)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains(precision: str) -> None:
    target = Target.of(model=net, data=(X, Y), lr=0.05, precision=precision)
    training = target.build()
    curve = losses(training, 30)
    assert curve == losses(target.build(), 30)
    assert sum(curve[-5:]) < sum(curve[:5])
    assert ("scaler" in training.extra) == (precision == "fp16")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it compiles
def test_a_compiled_model_is_run_layer_by_layer_and_that_is_said() -> None:
    torch.manual_seed(0)
    plain = losses(Target.of(model=net, data=(X, Y)).build())
    torch.manual_seed(0)
    for compiled in (torch.compile(net(), fullgraph=True), lambda: torch.compile(net())):
        assert losses(Target.of(model=compiled, data=(X, Y)).build()) == plain
    training = Target.of(model=lambda: torch.compile(net(), fullgraph=True), data=(X, Y)).build()
    assert any("torch.compile" in sentence for sentence in training.assumptions)
    assert next(name for name, _ in training.model.named_parameters()) == "0.weight"
    seen = []
    training.model.get_submodule("1").register_forward_hook(lambda *_: seen.append(1))
    training.step()
    assert seen == [1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it compiles
def test_a_part_that_was_compiled_in_place_is_run_layer_by_layer() -> None:
    def build() -> nn.Module:
        model = net()
        model[0].compile()  # type: ignore[index, operator]
        return model

    assert losses(Target.of(model=build, data=(X, Y)).build()) == losses(
        Target.of(model=net, data=(X, Y)).build()
    )


def test_keys_choose_the_input_and_the_target() -> None:
    data = {"a": X, "b": X * 0, "goal": Y, "label": Y * 0}
    training = Target.of(model=net, data=data, input_key="a", target_key="goal").build()
    outcome = training.step()
    assert torch.equal(outcome.target, outcome.batch["goal"])
    with pytest.raises(UsageError, match="no key 'c'"):
        Target.of(model=net, data=data, input_key="c").build()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp8"}, "no precision 'fp8'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"device": "cuda:77"}, "not available"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Target.of(model=net, data=(X, Y), **options)


FACTORY = """
import torch
from dataclasses import dataclass
from torch import nn

@dataclass
class Size:
    width: int

def build(width: int, rate: float = 0.0, names: list[str] | None = None, act="relu", deep=False):
    model = nn.Linear(4, width)
    model.seen = (rate, names, act, deep)
    return model

data = (torch.randn(16, 4), torch.zeros(16).long())
"""


def test_model_arguments_follow_the_annotations(write: Write) -> None:
    write("demo_factory.py", FACTORY)
    given = {"width": "3", "rate": "1e-3", "names": "['a']", "act": "gelu", "deep": "true"}
    model: Any = Target.from_strings("demo_factory.py:build", model_args=given).build().model
    assert model.out_features == 3
    assert model.seen == (0.001, ["a"], "gelu", True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"widht": "3"}, "did you mean width"),
        ({"width": "three"}, r"width=three: input should be a valid integer"),
        ({"rate": "0.5"}, r"missing a required argument: 'width'"),
    ],
)
def test_model_arguments_that_do_not_fit(write: Write, given: dict[str, str], says: str) -> None:
    write("demo_factory.py", FACTORY)
    with pytest.raises(UsageError, match=says):
        Target.from_strings("demo_factory.py:build", model_args=given)


def test_a_hubconf(write: Write) -> None:
    write("hub/hubconf.py", "dependencies = ['torch']\n" + FACTORY.replace("def build", "def mlp"))
    for text in ("hub/hubconf.py:mlp(width=2)", "hub:mlp(width=2)"):
        Target.from_strings(text).build().step()
    assert (
        Target.from_strings("hub/hubconf.py", model_args={"width": "2"})
        .labels["model"]
        .endswith("mlp")
    )


def test_a_third_party_factory(write: Write) -> None:
    write(
        "demo_zoo/__init__.py",
        "from torch import nn\n\ndef create_model(name, num_classes=10):\n"
        "    return {'mlp': nn.Linear}[name](4, num_classes)\n",
    )
    write("demo_data.py", "import torch\ndata = (torch.randn(16, 4), torch.zeros(16).long())\n")
    target = Target.from_strings("demo_zoo:create_model('mlp', num_classes=3)", "demo_data.py")
    assert target.build().step().output.shape == (16, 3)


def test_an_lstm_on_padded_sequences(write: Write) -> None:
    write(
        "demo_lstm.py",
        """
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], True, total_length=tokens.shape[1])
        return self.head(states)

def collate(samples):
    tokens = pad_sequence([s for s, _ in samples], True)
    tags = pad_sequence([t for _, t in samples], True, padding_value=-100)
    return tokens, torch.tensor([len(s) for s, _ in samples]), tags

def train_loader():
    g = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 9, (40,), generator=g).tolist()
    samples = [torch.randint(1, 20, (n,), generator=g) for n in lengths]
    return torch.utils.data.DataLoader([(s, s % 3) for s in samples], 8, collate_fn=collate)
""",
    )
    training = Target.from_strings("demo_lstm.py", lr=0.02).build()
    curve = losses(training, 40)
    assert sum(curve[-5:]) < sum(curve[:5])
    assert training.loss_name == "cross_entropy"


def test_an_optimizer_that_looks_several_times(write: Write) -> None:
    target = Target.of(model=net, data=[(X, Y)], optimizer="LBFGS", lr=0.5)
    curve = losses(target.build(), 6)
    assert curve == losses(target.build(), 6)
    assert curve[-1] < 0.3 * curve[0]


def test_an_error_in_backward_is_theirs() -> None:
    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x).exp()
            result = y.exp()
            y.add_(1)
            return result

    with pytest.raises(UserCodeError) as caught:
        Target.of(model=Overwrites, data=(X, Y), loss="cross_entropy").build().step()
    assert caught.value.doing == "backward of cross_entropy"


def test_an_error_in_the_optimizer_is_theirs() -> None:
    def make(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.register_step_pre_hook(lambda *_: 1 / 0)
        return optimizer

    with pytest.raises(UserCodeError, match="step of the optimizer: ZeroDivisionError"):
        Target.of(model=net, data=(X, Y), optimizer=make).build().step()


def test_a_model_is_not_built_to_find_out_what_was_given() -> None:
    built = []

    def build() -> nn.Module:
        built.append(1)
        return net()

    Target.of(model=build, data=(X, Y), loss="cross_entropy", optimizer="SGD").build()
    assert built == [1]


@dataclass(slots=True)
class Batch:
    pixels: Tensor
    label: Tensor


def test_batches_that_are_dataclasses() -> None:
    training = Target.of(model=net, data=[Batch(X, Y)]).build()
    assert training.loss_name == "cross_entropy"
    assert training.step().batch_size == 64


def test_losses_of_torch_take_the_logits_of_an_output() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"hidden": x, "logits": self.layer(x)}

    for loss in ("cross_entropy", nn.CrossEntropyLoss(label_smoothing=0.1)):
        Target.of(model=Wrapped, data=(X, Y), loss=loss).build().step()


def test_a_file_that_reads_its_command_line_sees_its_own(write: Write) -> None:
    write(
        "demo_args.py",
        "import argparse\nfrom torch import nn\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--width', type=int, default=2)\nargs = parser.parse_args()\n"
        "model = nn.Linear(4, args.width)\nimport torch\n"
        "data = (torch.zeros(8, 4), torch.zeros(8).long())\n",
    )
    Target.from_strings("demo_args.py").build().step()


class WithoutASchedule(torch.optim.SGD):
    """Like the schedule-free optimizers: it refuses to step before it was put into train mode."""

    training = False

    def train(self) -> None:
        self.training = True

    def eval(self) -> None:
        self.training = False
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(0.5)  # it is evaluated on other weights

    def step(self, closure=None):
        assert self.training, "not in train mode"
        return super().step(closure)


def test_an_optimizer_with_a_train_mode_is_put_into_it() -> None:
    x = torch.randn(64, 4)
    target = Target.of(
        model=lambda: nn.Linear(4, 3),
        data=torch.utils.data.TensorDataset(x, x[:, :3].argmax(1)),
        loss="cross_entropy",
        optimizer=lambda model: WithoutASchedule(model.parameters(), lr=0.1),
    )
    training = target.build()
    assert torch.isfinite(training.step().loss)
    optimizer, weight = training.optimizers[0], next(training.model.parameters())
    before = weight.detach().clone()
    modes = []
    training.model.register_forward_pre_hook(lambda *_: modes.append(optimizer.training))
    training.evaluate(1)
    assert modes == [False], "it is evaluated in eval mode"
    assert torch.equal(weight, before)
    assert torch.isfinite(training.step().loss), "and trains again afterwards"


class Checkpointed(nn.Module):
    """Its first layer runs in a checkpoint."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.body, self.head, self.reentrant = nn.Linear(4, 8), nn.Linear(8, 3), reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(checkpoint(self.body, x, use_reentrant=self.reentrant)))  # type: ignore[no-any-return]


def stepping(*, clears: bool) -> Callable[..., torch.Tensor]:
    def training_step(model: nn.Module, batch: Any, optimizer: torch.optim.Optimizer) -> Any:
        if clears:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    return training_step


def running_out(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)


MENDS: dict[str, tuple[dict[str, Any], dict[str, Any], LoopChange]] = {  # wrong, right
    "a checkpoint": (
        {"model": lambda: Checkpointed(reentrant=True)},
        {"model": lambda: Checkpointed(reentrant=False)},
        LoopChange(checkpoints=False),
    ),
    "gradients in a step of the user's": (
        {"training_step": stepping(clears=False)},
        {"training_step": stepping(clears=True)},
        LoopChange(clears=True),
    ),
    "a schedule": ({"scheduler": running_out}, {}, LoopChange(is_steady=True)),
}


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", MENDS)
def test_a_mend_of_the_loop_is_applied_where_gradcheck_trains_itself(name: str) -> None:
    wrong, right, loop = MENDS[name]
    common: dict[str, Any] = {"model": net, "data": (X, Y), "lr": 0.3}
    target = Target.of(**common | wrong)
    mended = target.build([Change(summary="", loop=loop)])
    known = Target.of(**common | right).build()
    assert losses(mended, 8) == losses(known, 8) != losses(target.build(), 8)
    assert mended.evaluate(2) == known.evaluate(2)


def test_what_a_step_of_the_users_does_inside_is_not_said_to_be_tried() -> None:
    target = Target.of(model=net, data=(X, Y), lr=0.3, training_step=stepping(clears=True))
    with pytest.raises(CannotDiagnoseError, match="inside"):
        target.build([Change(summary="", loop=LoopChange(clears=True, keeps=True))])


def test_mending_a_checkpoint_leaves_an_observer_of_it_in_place() -> None:
    def seen(*_: object) -> None:
        """Stand for the observer's."""

    function: Any = CheckpointFunction
    function.apply = seen
    try:
        with without_checkpoints(LoopChange(checkpoints=False)):
            assert function.apply is not seen
        assert function.apply is seen
    finally:
        del function.apply
