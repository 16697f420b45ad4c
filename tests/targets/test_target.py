import random
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from gradcheck_cli.errors import CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from tests.conftest import Write

X = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
Y = (X.sum(1) > 0).long()


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Linear(16, 2))


def losses(training: Training, number: int = 12) -> list[float]:
    return [float(training.step().loss) for _ in range(number)]


class Noisy(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Augments with all three generators."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return X[index] + torch.randn(6) * random.random(), Y[index]


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(zip(X, Y, strict=True))


WORKERS = DataLoader(Noisy(), 8, shuffle=True, num_workers=1, persistent_workers=True)
DATA = {
    "persistent workers": WORKERS,
    "tensors": (X, Y),
    "dataset": TensorDataset(X, Y),
    "noisy dataset": Noisy(),
    "loader": DataLoader(TensorDataset(X, Y), batch_size=10, shuffle=True),
    "loader with generator": DataLoader(
        TensorDataset(X, Y), batch_size=10, shuffle=True, generator=torch.Generator()
    ),
    "batches": [(X[:8], Y[:8]), (X[8:20], Y[8:20])],
    "stream": Stream(),
    "function": lambda: TensorDataset(X, Y),
    "generator function": lambda: ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 64, 8)),
    "one iterator": iter([(X[:8], Y[:8]), (X[8:20], Y[8:20])]),
    "dict of tensors": {"input": X, "labels": Y},
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_building_twice_gives_the_same_run_bit_for_bit(data: object) -> None:
    target = Target.of(model=net, data=data)
    first = losses(target.build())
    assert first == losses(target.build())
    assert all(loss == loss for loss in first)  # noqa: PLR0124


def test_the_seed_decides() -> None:
    target = Target.of(model=net, data=(X, Y))
    assert losses(target.build(seed=1)) != losses(target.build(seed=2))
    assert losses(target.build(seed=1)) == losses(target.build(seed=1))


def test_batches_do_not_depend_on_how_much_chance_the_model_used() -> None:
    def seen(training: Training) -> list[Tensor]:
        return [training.step().batch[0] for _ in range(5)]

    wide = Change(
        summary="wider", model=lambda m: nn.Sequential(nn.Linear(6, 99), nn.Linear(99, 2))
    )
    for data in [Noisy(), DataLoader(Noisy(), batch_size=8, shuffle=True)]:
        target = Target.of(model=net, data=data)
        plain, changed = seen(target.build()), seen(target.build([wide]))
        assert all(torch.equal(a, b) for a, b in zip(plain, changed, strict=True))


def test_it_is_the_loop_a_person_would_write() -> None:
    batches = [(X[i : i + 20], Y[i : i + 20]) for i in range(0, 200, 20)]
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    twin = torch.nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    twin.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    expected = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(twin(x), y)
        loss.backward()
        optimizer.step()
        expected.append(float(loss.detach()))
    training = Target.of(
        model=model,
        data=batches,
        loss="cross_entropy",
        optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9),
    ).build()
    assert losses(training, 10) == expected
    for mine, theirs in zip(training.model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_an_instance_is_never_touched() -> None:
    model = net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    target = Target.of(model=model, data=(X, Y))
    assert losses(target.build()) == losses(target.build())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_model_and_optimizer_instances_stay_together() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    training = Target.of(model=model, data=(X, Y), optimizer=optimizer).build()
    held = {id(p) for group in training.optimizers[0].param_groups for p in group["params"]}
    assert held == {id(p) for p in training.model.parameters()}
    assert held.isdisjoint({id(p) for p in model.parameters()})


def test_an_optimizer_instance_follows_a_changed_model() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.5)  # the first layer is left out

    def replace_head(m: nn.Module) -> None:
        m[1] = nn.Linear(4, 2)  # type: ignore[operator, index]

    change = Change(summary="new head", model=replace_head)
    training = Target.of(model=model, data=(X, Y), optimizer=optimizer).build([change])
    held = [id(p) for group in training.optimizers[0].param_groups for p in group["params"]]
    assert held == [id(p) for p in training.model.get_submodule("1").parameters()]


def test_an_optimizer_of_another_model_is_refused() -> None:
    optimizer = torch.optim.SGD(net().parameters(), lr=0.5)
    with pytest.raises(UsageError, match="no parameter"):
        Target.of(model=net(), data=(X, Y), optimizer=optimizer)
    with pytest.raises(UsageError, match="builds a new model each time"):
        Target.of(model=net, data=(X, Y), optimizer=optimizer)


def test_changes_apply_to_model_optimizer_inputs_loss_warm_up_and_clip() -> None:
    seen: list[Tensor] = []

    def spy(inner: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def judged(output: Tensor, target: Tensor) -> Tensor:
            seen.append(output)
            return 10 * inner(output, target)

        return judged

    def slower(optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = 0.25

    change = Change(
        summary="all", optimizer=slower, inputs=lambda x: x * 0, loss=spy, warm_up=4, clip=1e-6
    )
    target = Target.of(model=nn.Linear(6, 2), data=(X, Y), optimizer="SGD", lr=1.0)
    training = target.build([change])
    start = training.model.weight.clone()  # type: ignore[operator, union-attr]
    rates = []
    for _ in range(6):
        outcome = training.step()
        rates.append(training.optimizers[0].param_groups[0]["lr"])
    assert rates == [0.0625, 0.125, 0.1875, 0.25, 0.25, 0.25]
    assert torch.equal(seen[0], seen[0][:1].expand_as(seen[0]))
    assert float(outcome.loss) > 3
    assert float((training.model.weight - start).detach().abs().max()) <= 6e-6  # type: ignore[operator]


def test_evaluation_leaves_everything_as_it_was() -> None:
    target = Target.of(model=net, data=(X, Y))
    expected = losses(target.build(hold_out=True))
    asked = target.build(hold_out=True)
    got = []
    for _ in range(12):
        before = [buffer.clone() for buffer in asked.model.buffers()]
        value = asked.evaluate(3)
        assert value == asked.evaluate(3)
        assert all(torch.equal(a, b) for a, b in zip(before, asked.model.buffers(), strict=True))
        got.append(float(asked.step().loss))
    assert got == expected


def test_held_out_samples_are_never_trained_on() -> None:
    numbers = torch.arange(200).float().unsqueeze(1)
    judged: list[float] = []

    def loss_fn(output: Tensor, target: Tensor) -> Tensor:
        judged.extend(target.flatten().tolist())
        return (output - target).square().mean()

    for data in [(numbers, numbers), DataLoader(TensorDataset(numbers, numbers), 16, shuffle=True)]:
        target = Target.of(model=nn.Linear(1, 1), data=data, loss=loss_fn, batch_size=16)
        training = target.build(hold_out=True)
        judged.clear()
        for _ in range(40):
            training.step()
        trained = set(judged)
        judged.clear()
        training.evaluate(5)
        assert trained
        assert judged
        assert trained.isdisjoint(judged)


def test_without_hold_out_all_samples_are_trained_on() -> None:
    numbers = torch.arange(64).float().unsqueeze(1)
    training = Target.of(model=nn.Linear(1, 1), data=(numbers, numbers), batch_size=16).build()
    seen = {value for _ in range(4) for value in training.step().batch[0].flatten().tolist()}
    assert seen == set(range(64))


def test_a_lazy_layer_gets_its_size_before_the_optimizer_is_built() -> None:
    target = Target.of(model=lambda: nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), data=(X, Y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that lazy layers are new
        training = target.build()
        assert losses(training) == losses(target.build())
    held = [p for group in training.optimizers[0].param_groups for p in group["params"]]
    assert held[0].shape == (4, 6)


def test_the_file_is_seeded_before_it_is_imported(write: Write) -> None:
    write(
        "demo_seed.py",
        "import torch\nfrom torch import nn\nmodel = nn.Linear(6, 2)\n"
        "x = torch.randn(40, 6)\ndata = (x, (x.sum(1) > 0).long())\n",
    )
    first = losses(Target.from_strings("demo_seed.py", seed=3).build())
    import sys

    del sys.modules["demo_seed"]
    torch.rand(5)
    assert first == losses(Target.from_strings("demo_seed.py", seed=3).build())


def test_what_was_not_given_is_looked_for_beside_the_model_and_said(write: Write) -> None:
    write(
        "demo_all.py",
        "import torch\nfrom torch import nn\n\ndef build_model(width=3):\n"
        "    return nn.Linear(6, width)\n\ndef train_data():\n"
        "    return torch.randn(40, 6), torch.randint(3, (40,))\n\n"
        "criterion = nn.CrossEntropyLoss()\n\ndef make_optimizer(model):\n"
        "    return torch.optim.SGD(model.parameters(), lr=0.5)\n",
    )
    training = Target.from_strings("demo_all.py:build_model(width=3)").build()
    said = " | ".join(training.assumptions)
    for name in ("train_data", "criterion", "make_optimizer"):
        assert f"demo_all.py:{name}" in said
    assert training.loss_name == "CrossEntropyLoss"
    assert training.optimizer_name == "SGD"


def test_nothing_is_assumed_where_everything_is_given(write: Write) -> None:
    write("demo_net.py", "from torch import nn\nNet = lambda: nn.Linear(6, 2)\n")
    write("demo_data.py", "import torch\ndata = [(torch.randn(4, 6), torch.zeros(4).long())]\n")
    target = Target.from_strings(
        "demo_net.py:Net", "demo_data.py", "cross_entropy", "AdamW", lr=0.1, device="cpu"
    )
    assert target.build().assumptions == ()


BAD = [
    (lambda: Target.of(model=3, data=(X, Y)), UsageError, "a model is an nn.Module"),
    (lambda: Target.of(model=lambda: 3, data=(X, Y)), UsageError, "not an nn.Module"),
    (lambda: Target.of(model=nn.Linear, data=(X, Y)), UsageError, r"in_features"),
    (lambda: Target.of(model=net, data=7), UsageError, "is an int; data is"),
    (lambda: Target.of(model=net, data=[]), CannotDiagnoseError, "is empty: it has no batch"),
    (lambda: Target.of(model=net, data=(X[:0], Y[:0])), CannotDiagnoseError, "it has no sample"),
    (lambda: Target.of(model=net, data=(X, Y[:5])), UsageError, "different lengths"),
    (lambda: Target.of(model=net, data=lambda: 1 / 0), UserCodeError, "ZeroDivisionError"),
    (lambda: Target.of(model=net, data=lambda: iter(())), CannotDiagnoseError, "no batch"),
    (lambda: Target.of(model=net, data=(X, Y), loss="cross_entropi"), UsageError, "cross_entropy"),
    (lambda: Target.of(model=net, data=(X, Y), loss=3), UsageError, "a loss is"),
    (lambda: Target.of(model=net, data=(X, Y), optimizer="AdamZ"), UsageError, "did you mean Adam"),
    (lambda: Target.of(model=net, data=(X, Y), optimizer=3), UsageError, "the optimizer"),
    (lambda: Target.of(model=net, data=(X, Y), optimizer=lambda m: 3), UsageError, "not an optim"),
    (lambda: Target.of(model=net, data=(X, Y), device="tpu9"), UsageError, "no device"),
    (lambda: Target.of(model=net, data=(X, Y + 5)), UsageError, "targets go from 5 to 6"),
    (lambda: Target.of(model=nn.ReLU, data=(X, X)), CannotDiagnoseError, "no parameters"),
    (
        lambda: Target.of(model=nn.Linear(6, 2).requires_grad_(False), data=(X, Y)),
        CannotDiagnoseError,
        "no parameter of the model requires a gradient",
    ),
    (
        lambda: Target.of(model=net, data=(X, Y), loss=lambda o, t: o.sum(1)),
        CannotDiagnoseError,
        r"not a scalar but float32\[32\]",
    ),
    (
        lambda: Target.of(model=net, data=(X, Y), loss=lambda o, t: o.sum().item()),
        CannotDiagnoseError,
        "no tensor",
    ),
    (
        lambda: Target.of(model=net, data=(X, Y), loss=lambda o, t: o.detach().sum()),
        CannotDiagnoseError,
        "depends on no parameter",
    ),
]


@pytest.mark.parametrize(("make", "error", "says"), BAD, ids=[says for _, _, says in BAD])
def test_bad_input_is_one_line(
    make: Callable[[], Target], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        make().build().step()
    assert "\n" not in str(caught.value)


def test_nan_in_the_data_is_left_to_the_diagnosis() -> None:
    training = Target.of(model=net, data=(X * float("nan"), Y)).build()
    assert str(float(training.step().loss)) == "nan"


def test_fewer_samples_than_a_batch_are_all_used_and_it_is_said() -> None:
    training = Target.of(model=net, data=(X[:7], Y[:7]), batch_size=64).build()
    assert training.step().batch_size == 7
    assert "only 7 samples" in " ".join(training.assumptions)


def test_shapes_that_do_not_fit_name_the_layer_and_the_batch() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(UserCodeError) as caught:
        Target.of(model=model, data=(X, Y)).build().step()
    assert caught.value.doing == "forward of 1.1 (Linear)"
    assert "float32[32, 6]" in caught.value.hint
    assert "in_features=5" in caught.value.hint


def test_an_exception_in_forward_names_the_module_and_keeps_its_cause() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise KeyError(x.shape)

    model = nn.Sequential(nn.Linear(6, 4), Broken())
    with pytest.raises(UserCodeError) as caught:
        Target.of(model=model, data=(X, Y), loss="cross_entropy").build().step()
    assert caught.value.doing == "forward of 1 (Broken)"
    assert isinstance(caught.value.cause, KeyError)


def test_a_dataset_that_raises_is_theirs() -> None:
    class Bad(TensorDataset):
        def __getitem__(self, index: int) -> tuple[Tensor, ...]:
            raise OSError("no such image")

    with pytest.raises(UserCodeError, match="reading batch 0"):
        Target.of(model=net, data=Bad(X, Y)).build()


class Regression(nn.Module):
    """Takes its target too, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 1)
        self.given: list[Tensor] = []

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.given = [inputs, labels]
        return {"loss": (self.layer(inputs) - labels).square().mean()}


def test_a_change_to_the_inputs_leaves_the_target_alone() -> None:
    values = Y.float().unsqueeze(1) + 1
    zero = Change(summary="no inputs", inputs=lambda x: x * 0)
    by_name = {"inputs": X, "labels": values}

    def whole(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return model(**batch)["loss"]  # type: ignore[no-any-return]

    for data, loss in [((X, values), None), (by_name, None), (by_name, whole)]:
        training = Target.of(model=Regression, data=data, loss=loss).build([zero])
        training.step()
        inputs, labels = training.model.given  # type: ignore[misc, union-attr]
        assert float(inputs.abs().sum()) == 0
        assert float(labels.min()) >= 1


def test_a_reconstruction_aims_at_the_changed_input() -> None:
    zero = Change(summary="no inputs", inputs=lambda x: x * 0)
    training = Target.of(model=nn.Linear(6, 6, bias=False), data=X).build([zero])
    assert float(training.step().loss) == 0
