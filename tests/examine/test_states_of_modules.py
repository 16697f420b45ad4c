"""What a forward pass writes on its module beside buffers is put back, and is no sign of mixed samples."""

import copy
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.examine.snapshot import restored
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.examined import subject_of_steps
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets import kept as keeping
from gradcheck_cli.targets.kept import kept, restores_of
from tests.examine.loops import adam, answered, stepped


class Bank:
    """An object of one's own that a model keeps."""

    def __init__(self) -> None:
        self.rows, self.seen = torch.zeros(8), 0


Write = Callable[[Any, Tensor], object]


def into_bank(state: Bank, mean: Tensor) -> None:
    state.rows.mul_(0.9).add_(mean)
    state.seen += 1


# What is kept, what a forward pass does to it, and what it reads of it.
KINDS: dict[str, tuple[Callable[[], Any], Write, Callable[[Any], Any]]] = {
    "tensor": (lambda: torch.zeros(8), lambda s, x: s.mul_(0.9).add_(x), lambda s: s),
    "view": (lambda: torch.zeros(2, 8)[1], lambda s, x: s.copy_(x), lambda s: s),
    "list": (lambda: [torch.zeros(8)], lambda s, x: s[0].add_(x), lambda s: s[0]),
    "pair": (lambda: (torch.zeros(8),), lambda s, x: s[0].add_(x), lambda s: s[0]),
    "dict": (
        lambda: {"h": {"c": torch.zeros(8)}},
        lambda s, x: s["h"]["c"].add_(x),
        lambda s: s["h"]["c"],
    ),
    "queue": (
        lambda: deque([torch.zeros(8)], maxlen=5),
        lambda s, x: s.append(x),
        lambda s: torch.stack([*s]).sum(0),
    ),
    "entries": (
        dict,
        lambda s, x: s.update({len(s): x}),
        lambda s: sum(s.values()) + torch.zeros(8),
    ),
    "array": (
        lambda: np.zeros(8, dtype=np.float32),
        lambda s, x: s.__iadd__(x.numpy()),
        lambda s: torch.from_numpy(s.copy()),
    ),
    "object": (Bank, into_bank, lambda s: s.rows + s.seen),
    "counter": (
        lambda: [0],
        lambda s, x: s.append(s.pop() + 1),
        lambda s: torch.full((8,), float(s[0])),
    ),
    "generator": (
        lambda: torch.Generator().manual_seed(3),
        lambda s, x: None,
        lambda s: torch.randn(8, generator=s),
    ),
    "chance": (
        lambda: random.Random(3),
        lambda s, x: s.random(),
        lambda s: torch.full((8,), s.random()),
    ),
}


class Remembering(nn.Module):
    """Adds what it remembers of the batches before, and remembers the mean of this one."""

    def __init__(self, kind: str, *, mixes: bool = False) -> None:
        super().__init__()
        made, self.write, self.read = KINDS[kind]
        self.memory, self.mixes = made(), mixes
        self.into, self.head = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        h = self.into(x)
        read = 0.1 * self.read(self.memory)
        self.write(self.memory, h.detach().mean(0))
        return self.head(h + read + (h.mean(0) if self.mixes else 0.0))


def plain(state: Any) -> Any:
    """All that can be read of what is kept, as it is now."""
    if isinstance(state, torch.Generator):
        return state.get_state().tolist()
    if isinstance(state, random.Random):
        return state.getstate()
    if isinstance(state, Tensor | np.ndarray):
        return state.tolist()
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, list | tuple | deque):
        return [plain(value) for value in state]
    return plain(vars(state)) if isinstance(state, Bank) else copy.copy(state)


def loss_of(model: nn.Module) -> Tensor:
    return functional.cross_entropy(model(torch.randn(16, 5)), torch.randint(3, (16,)))


@pytest.mark.parametrize(
    "context", [lambda m: kept([m]), lambda m: restored([m], [])], ids=["kept", "restored"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_comes_back_in_the_same_object(
    kind: str, context: Callable[[nn.Module], AbstractContextManager[None]]
) -> None:
    model = Remembering(kind)
    model(torch.randn(4, 5))
    held, before = model.memory, plain(model.memory)
    for _ in range(2):
        with context(model):
            model(torch.randn(4, 5))
            assert plain(model.memory) != before
            model.memory = None
            model.made_meanwhile = 1
        assert model.memory is held
        assert plain(model.memory) == before
        assert not hasattr(model, "made_meanwhile")


@pytest.mark.parametrize("kind", KINDS)
def test_experiments_and_replays_of_recorded_steps_leave_it_as_it_was(kind: str) -> None:
    torch.manual_seed(0)
    model = Remembering(kind)
    with Recorder() as recorder:
        stepped(lambda: loss_of(model), adam(model), 6)
    held, before = model.memory, plain(model.memory)
    replay = Replay(recorder.recording, model)
    subject = subject_of_steps(replay)
    for moment in ("start", "now"):
        with subject.at(moment):  # type: ignore[arg-type]
            subject.total(subject.batches[0])
        assert plain(model.memory) == before
    with replay:
        training = replay.build(hold_out=True)
        training.step()
        training.evaluate(2)
    assert model.memory is held
    assert plain(model.memory) == before


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"generator", "chance"}))
def test_recorded_steps_begin_with_the_memory_of_the_start(kind: str) -> None:
    torch.manual_seed(0)
    model, losses = Remembering(kind), list[float]()

    def loss() -> Tensor:
        value = loss_of(model)
        losses.append(float(value.detach()))
        return value

    with Recorder() as recorder:
        stepped(loss, adam(model), 6)
    with Replay(recorder.recording, model) as replay:
        training = replay.build()
        again = [float(training.step().loss) for _ in range(6)]
    assert again == pytest.approx(losses, rel=1e-5)


def remembered_late() -> tuple[nn.Module, Callable[[], Tensor]]:
    """A memory that the first pass makes and all others write to."""
    model = Remembering("tensor")
    model.memory = None
    model.read = lambda s: torch.zeros(8) if s is None else s
    model.write = lambda s, x: setattr(model, "memory", x.clone()) if s is None else s.add_(x)
    return model, lambda: loss_of(model)


def test_a_memory_that_training_made_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    model, loss = remembered_late()
    with Recorder() as recorder:
        stepped(loss, adam(model), 6)
    held, before = model.memory, plain(model.memory)
    subject = subject_of_steps(Replay(recorder.recording, model))
    with subject.at("now"):
        subject.total(subject.batches[0])
    assert model.memory is held
    assert plain(model.memory) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_remembers_earlier_batches_does_not_mix_samples(kind: str) -> None:
    model = Remembering(kind)
    found = answered(model, lambda: loss_of(model), samples_in_model)["samples-in-model"]
    assert found.outcome is Outcome.FINE, found.said


@pytest.mark.parametrize("kind", ["tensor", "queue", "array", "object"])
def test_one_that_remembers_and_mixes_samples_is_named(kind: str) -> None:
    model = Remembering(kind, mixes=True)
    found = answered(model, lambda: loss_of(model), samples_in_model)["samples-in-model"]
    assert found.outcome is Outcome.WRONG
    assert found.supports == ("mixed-samples",)


def copied(model: nn.Module) -> int:
    return sum(
        again.__qualname__.startswith("_value_of")
        for again in restores_of(model)
        if hasattr(again, "__qualname__")
    )


def test_large_data_on_a_module_is_not_copied_until_somebody_writes_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "_LARGE", 1000)
    model = nn.Linear(2, 2)
    model.data, model.few = torch.arange(1000.0), torch.zeros(3)
    model.spread = torch.zeros(1).expand(5)  # nobody can write to it
    assert copied(model) == 1
    model.data[0] = 1
    assert copied(model) == 2


def test_a_long_row_of_tensors_is_data() -> None:
    model = nn.Linear(2, 2)
    model.rows = [torch.zeros(1) for _ in range(keeping.LONG + 1)]
    model.nested = [[torch.zeros(1) for _ in range(900)] for _ in range(20)]
    assert copied(model) < keeping._MOST
    with kept([model]):
        model.rows.append(torch.zeros(1))
    assert len(model.rows) == keeping.LONG + 1
