"""GC825: the same seed is set again before each update."""

import random
from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.records.finding import Finding, Severity
from tests.support.loops import adam, batch, findings, report, small

NAME = "seeded-in-the-loop"
Seed = Callable[[int], None]
HELD, ROWS, STEPS = 320, 16, 40


def again(_: int) -> None:
    torch.manual_seed(42)


def another(step: int) -> None:
    torch.manual_seed(step)


def each_epoch(step: int) -> None:
    if step % 4 == 0:
        torch.manual_seed(42)


def steps(seed: Seed, draw: Callable[[int], slice | torch.Tensor], dropped: float = 0.0) -> None:
    """Train on what `draw` picks, after `seed` had its turn."""
    x, y = batch(HELD)
    model = nn.Sequential(nn.Dropout(dropped), small())
    optimizer = adam(model)
    for step in range(STEPS):
        seed(step)
        picked = draw(step)
        optimizer.zero_grad()
        functional.cross_entropy(model(x[picked]), y[picked]).backward()
        optimizer.step()


def by_chance(_: int) -> torch.Tensor:
    return torch.randint(0, HELD, (ROWS,))


def in_turn(step: int) -> slice:
    at = step * ROWS % HELD
    return slice(at, at + ROWS)


def sampled(seed: Seed) -> None:
    steps(seed, by_chance)


def dropped(seed: Seed) -> None:
    steps(seed, in_turn, dropped=0.3)


def noised(seed: Seed) -> None:
    """Add noise to what is given in turn."""
    x, y = batch(HELD)
    model = small()
    optimizer = adam(model)
    for step in range(STEPS):
        seed(step)
        given = x[in_turn(step)]
        given = given + 0.3 * torch.randn(given.shape)
        optimizer.zero_grad()
        functional.cross_entropy(model(given), y[in_turn(step)]).backward()
        optimizer.step()


def by_numpy(seed: Seed) -> None:
    steps(seed, lambda _: torch.from_numpy(np.random.randint(0, HELD, ROWS)))  # noqa: NPY002


def by_python(seed: Seed) -> None:
    steps(seed, lambda _: torch.tensor(random.sample(range(HELD), ROWS)))


def by_torch(_: int) -> torch.Tensor:
    return torch.randperm(HELD)


def by_permutation(_: int) -> torch.Tensor:
    return torch.from_numpy(np.random.permutation(HELD))  # noqa: NPY002


def by_shuffling(_: int) -> torch.Tensor:
    order = list(range(HELD))
    random.shuffle(order)
    return torch.tensor(order)


def found(loop: Callable[[Seed], None], seed: Seed) -> Finding | None:
    return findings(lambda: loop(seed)).get(NAME)


@pytest.mark.parametrize(
    ("loop", "repeats"),
    [
        (sampled, "trains on the same 16 samples"),
        (dropped, "draws the same dropout masks or noise in the model"),
        (noised, "draws the same random numbers"),
    ],
)
def test_a_seed_that_each_step_sets_again_says_what_it_repeats(
    loop: Callable[[Seed], None], repeats: str
) -> None:
    told = found(loop, again)
    assert told is not None
    assert told.severity is Severity.WARNING
    assert f"torch.manual_seed(42) was called before {STEPS} of {STEPS} updates" in told.message
    assert told.message.endswith(f"each step {repeats}. Set the seed once, before the loop.")
    assert told.at is not None
    assert told.at.file.endswith("test_seeded_in_the_loop.py")


@pytest.mark.parametrize(
    ("loop", "seed", "call"),
    [
        (by_numpy, lambda _: np.random.seed(7), "np.random.seed(7)"),  # noqa: NPY002
        (by_python, lambda _: random.seed("a"), "random.seed('a')"),
        (sampled, lambda _: torch.random.manual_seed(seed=1), "torch.manual_seed(1)"),
    ],
)
def test_it_names_the_generator_that_was_drawn_from(
    loop: Callable[[Seed], None], seed: Seed, call: str
) -> None:
    told = found(loop, seed)
    assert told is not None
    assert told.message.startswith(call)


def everything(_: int) -> None:
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)


def test_of_several_seeds_the_one_that_matters_is_named() -> None:
    told = found(by_numpy, everything)
    assert told is not None
    assert told.message.startswith("np.random.seed(3)")


def test_it_leads_the_report() -> None:
    assert report(lambda: sampled(again)).headline.startswith(NAME)


def forked(_: int) -> None:
    """Draw in a spell of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        torch.randn(3)


def put_back(_: int) -> None:
    state = random.getstate()
    random.seed(42)
    random.random()
    random.setstate(state)


@pytest.mark.parametrize("seed", [another, each_epoch, forked, put_back, lambda _: None])
@pytest.mark.parametrize("loop", [sampled, dropped, noised, by_python])
def test_other_seeds_have_nothing_to_mend(loop: Callable[[Seed], None], seed: Seed) -> None:
    assert found(loop, seed) is None


def test_a_seed_after_which_the_training_draws_nothing_has_nothing_to_mend() -> None:
    assert found(lambda seed: steps(seed, in_turn), again) is None


def test_a_seed_of_what_is_shown_after_each_step_has_nothing_to_mend() -> None:
    """Nothing of the training is drawn."""
    x, y = batch(HELD)
    model = small()
    optimizer = adam(model)

    def loop() -> None:
        for step in range(STEPS):
            optimizer.zero_grad()
            functional.cross_entropy(model(x[in_turn(step)]), y[in_turn(step)]).backward()
            optimizer.step()
            torch.manual_seed(0)
            with torch.no_grad():
                model(torch.randn(4, 6))

    assert NAME not in findings(loop)


def by_number(_: int) -> torch.Tensor:
    return torch.randperm(torch.tensor(HELD))


@pytest.mark.parametrize("order", [by_torch, by_number, by_permutation, by_shuffling])
def test_an_order_of_all_samples_does_not_matter(order: Callable[[int], torch.Tensor]) -> None:
    assert found(lambda seed: steps(seed, order), everything) is None


def test_all_samples_with_the_same_dropout_masks_do_matter() -> None:
    told = found(lambda seed: steps(seed, by_torch, dropped=0.3), again)
    assert told is not None
    assert "dropout masks" in told.message


def test_a_seed_for_each_of_several_trainings_has_nothing_to_mend() -> None:
    def loop() -> None:
        for _ in range(3):
            torch.manual_seed(42)
            steps(lambda _: None, by_chance, dropped=0.2)

    assert NAME not in findings(loop)


def test_samples_with_a_seed_each_have_nothing_to_mend() -> None:
    """Their noise is their own, and the same in each pass."""
    x, y = batch(HELD)
    turns = count()

    def one(index: int) -> torch.Tensor:
        torch.manual_seed(index)
        return x[index] + 0.1 * torch.randn(6)

    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(STEPS):
            picked = [(7 * next(turns)) % HELD for _ in range(ROWS)]
            optimizer.zero_grad()
            given = torch.stack([one(i) for i in picked])
            functional.cross_entropy(model(given), y[picked]).backward()
            optimizer.step()

    assert NAME not in findings(loop)


def test_watching_seeds_moves_no_generator() -> None:
    def numbers() -> list[object]:
        everything(0)
        drawn: list[object] = []

        def seed(step: int) -> None:
            everything(step)
            drawn.extend([torch.rand(2).tolist(), np.random.rand(), random.random()])  # noqa: NPY002

        dropped(seed)
        return [*drawn, torch.get_rng_state().tolist(), random.getstate()]

    told: list[list[object]] = []
    findings(lambda: told.append(numbers()))
    assert told == [numbers()]
