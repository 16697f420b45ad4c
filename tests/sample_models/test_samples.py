"""Sick samples really are sick, their twins really learn, and one thing sets them apart."""

import ast
import importlib
import inspect
import re
from functools import cache
from itertools import islice

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from sample_models import FOLDER, SICK, digits, healthy_part

CONTRACT = {
    "deep_sigmoid": ("vanishing-gradient", "saturating-activation"),
    "plain_deep_relu": ("vanishing-gradient", "init-too-small"),
    "dying_relu": ("dying-relu", "dead-relu"),
    "tiny_init_tanh": ("vanishing-gradient", "init-too-small"),
    "exploding": ("exploding-gradient", "init-too-large"),
    "detached_encoder": ("disconnected-parameter", "detached-graph"),
}


def promise(stem: str) -> dict[str, str]:
    """Return the machine-readable lines of a sample's docstring."""
    sample = importlib.import_module(f"sample_models.{stem}")
    return dict(re.findall(r"^(Finding|Cause): (\S+)$", sample.__doc__, flags=re.MULTILINE))


@cache
def losses(stem: str, steps: int, *, healthy: bool = False) -> tuple[float, float]:
    """Return the loss over all data before and after so many steps of the sample's own recipe."""
    torch.manual_seed(0)
    sample = importlib.import_module(f"sample_models.{stem}")
    parts = {
        "model": sample.build_model,
        "data": sample.train_data,
        "loss": getattr(sample, "loss_fn", functional.cross_entropy),
        "optimizer": sample.make_optimizer,
    }
    if healthy:
        part = healthy_part(stem)
        parts[part] = getattr(sample, f"healthy_{part}")
    model, data, loss_fn = parts["model"](), parts["data"](), parts["loss"]
    optimizer = parts["optimizer"](model)

    def overall() -> float:
        images, targets = data.tensors
        with torch.no_grad():
            loss: Tensor = loss_fn(model(images), targets)
        return loss.item()

    before = overall()
    order = torch.Generator().manual_seed(0)
    for images, targets in islice(batches(data, order), steps):
        optimizer.zero_grad()
        loss_fn(model(images), targets).backward()
        optimizer.step()
    return before, overall()


def batches(data, order):
    while True:
        yield from DataLoader(data, batch_size=32, shuffle=True, generator=order)


def test_the_data_are_the_published_digits():
    assert digits.ink().shape == (1797, 64)
    counts = digits.labels().bincount().tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (digits.ink().min(), digits.ink().max()) == (0, 1)
    assert (digits.pixels().min(), digits.pixels().max()) == (0, 255)
    image, digit = digits.load()[0]
    assert (image.dtype, digit.dtype, int(digit)) == (torch.float32, torch.int64, 0)
    assert digits.standardized().std().item() == pytest.approx(1)


def test_the_contract_s_samples_are_there():
    assert {stem: tuple(promise(stem).values()) for stem in CONTRACT} == CONTRACT


@pytest.mark.parametrize("stem", SICK)
def test_docstrings_state_what_must_be_found(stem):
    assert set(promise(stem)) == {"Finding", "Cause"}


@pytest.mark.parametrize("stem", SICK)
def test_the_twin_differs_in_one_part_which_stands_last_and_says_how(stem):
    sample = importlib.import_module(f"sample_models.{stem}")
    part = getattr(sample, f"healthy_{healthy_part(stem)}")
    last = ast.parse((FOLDER / f"{stem}.py").read_text(encoding="utf-8")).body[-1]
    assert last.name == part.__name__
    assert inspect.getdoc(part)


@pytest.mark.heavy
@pytest.mark.parametrize("stem", SICK)
def test_the_twin_learns_within_fifty_steps_and_the_sick_one_lags(stem):
    before, after = losses(stem, 50, healthy=True)
    assert after < 0.95 * before
    _, sick = losses(stem, 50)
    assert not sick < after


@pytest.mark.heavy
@pytest.mark.parametrize("stem", SICK)
def test_the_sick_one_stays_behind(stem):
    _, sick = losses(stem, 300)
    _, well = losses(stem, 300, healthy=True)
    assert not sick < 1.5 * well
