"""The list of experiments against the folder: each is in it, with a card."""

import re
from pathlib import Path

import pytest

import gradcheck_cli.examine
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.examine.catalogue import EXPERIMENTS

SECTIONS = ["Procedure", "Answers", "Costs", "Sources"]


def test_every_experiment_of_the_folder_is_in_the_list() -> None:
    folder = Path(gradcheck_cli.examine.__file__).parent
    marked = {p.stem for p in folder.glob("*.py") if "\n@experiment(" in p.read_text("utf-8")}
    listed = {e.name.replace("-", "_") for e in EXPERIMENTS}
    unlisted = sorted(marked - listed)
    assert not unlisted, f"add {unlisted} to EXPERIMENTS in gradcheck_cli/examine/catalogue.py"
    assert marked == listed, "a file is called after its experiment"


@pytest.mark.parametrize("entry", EXPERIMENTS, ids=lambda e: e.name)
def test_the_card_has_its_sections_in_order(entry: Experiment) -> None:
    heads = re.findall(rf"^({'|'.join(SECTIONS)})\b", entry.card, re.MULTILINE)
    assert heads == SECTIONS, f"sections of the docstring, in this order: {SECTIONS}"
    assert entry.question.endswith("?")
