"""Sick samples really are sick, their twins really learn, and one thing sets them apart."""

import ast
import difflib
import importlib
import re
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

import sample_models
from sample_models import digits

FOLDER = Path(sample_models.__file__).parent
SICK = sorted(path.stem.removesuffix("_healthy") for path in FOLDER.glob("*_healthy.py"))
CONTRACT = {
    "deep_sigmoid": ("vanishing-gradient", "saturating-activation"),
    "plain_deep_relu": ("vanishing-gradient", "init-too-small"),
    "dying_relu": ("dying-relu", "dead-relu"),
    "tiny_init_tanh": ("vanishing-gradient", "init-too-small"),
    "exploding": ("exploding-gradient", "init-too-large"),
    "detached_encoder": ("disconnected-parameter", "detached-graph"),
}


def parsed(stem: str) -> ast.Module:
    return ast.parse((FOLDER / f"{stem}.py").read_text(encoding="utf-8"))


def promise(stem: str) -> dict[str, str]:
    """Return the machine-readable lines of a sample's docstring."""
    text = ast.get_docstring(parsed(stem)) or ""
    return dict(re.findall(r"^(Finding|Cause): (\S+)$", text, flags=re.MULTILINE))


def code(stem: str) -> list[str]:
    """Return the lines of a sample's code after its docstring."""
    tree = parsed(stem)
    tree.body = tree.body[1:]
    text = (FOLDER / f"{stem}.py").read_text(encoding="utf-8")
    return text.splitlines()[tree.body[0].lineno - 1 :]


@cache
def losses(stem: str, steps: int, seed: int = 0) -> tuple[float, float]:
    """Return the loss over all data before and after so many steps of the sample's own recipe."""
    torch.manual_seed(seed)
    sample = importlib.import_module(f"sample_models.{stem}")
    model, data = sample.build_model(), sample.train_data()
    optimizer = sample.make_optimizer(model)
    loss_fn = getattr(sample, "loss_fn", functional.cross_entropy)

    def overall() -> float:
        images, targets = data.tensors
        with torch.no_grad():
            loss: Tensor = loss_fn(model(images), targets)
        return loss.item()

    before = overall()
    order = torch.Generator().manual_seed(seed)
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


def test_every_file_is_a_sample_or_its_twin():
    stems = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "digits"}
    assert stems == {*SICK, *(f"{stem}_healthy" for stem in SICK)}


def test_the_contract_s_samples_are_there():
    assert {stem: tuple(promise(stem).values()) for stem in CONTRACT} == CONTRACT


@pytest.mark.parametrize("stem", SICK)
def test_docstrings_state_what_must_be_found(stem):
    assert set(promise(stem)) == {"Finding", "Cause"}
    assert promise(f"{stem}_healthy") == {"Finding": "none"}


@pytest.mark.parametrize("stem", SICK)
def test_twins_differ_in_one_construct(stem):
    sick, well = code(stem), code(f"{stem}_healthy")
    blocks = difflib.SequenceMatcher(None, sick, well, autojunk=False).get_opcodes()
    changes = {
        (tuple(sick[a:b]), tuple(well[c:d])) for kind, a, b, c, d in blocks if kind != "equal"
    }
    assert len(changes) == 1  # the same construct may occur many times: each activation


@pytest.mark.parametrize("stem", SICK)
def test_the_twin_learns_within_fifty_steps_and_the_sick_one_lags(stem):
    before, after = losses(f"{stem}_healthy", 50)
    assert after < 0.95 * before
    _, sick = losses(stem, 50)
    assert not sick < after


@pytest.mark.heavy
@pytest.mark.parametrize("stem", SICK)
def test_the_sick_one_stays_behind(stem):
    _, sick = losses(stem, 300)
    _, well = losses(f"{stem}_healthy", 300)
    assert not sick < 1.5 * well
