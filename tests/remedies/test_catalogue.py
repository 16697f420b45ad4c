"""The list of remedies against the folder, the causes, and what can be read without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck_cli import remedies
from gradcheck_cli.causes import CAUSES
from gradcheck_cli.remedies.base import REVIEW, SAFE, Remedy
from gradcheck_cli.remedies.cards import CARDS, SECTIONS, Card, sections
from gradcheck_cli.remedies.catalogue import REMEDIES
from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import OF_THE_LOOP

NAMES = {cause.name for cause in CAUSES}
FACTS = {r.name for r in RULES if r.code.startswith(OF_THE_LOOP)}


def test_every_remedy_of_the_folder_is_in_the_list() -> None:
    folder = Path(remedies.__file__).parent
    marked = {p.stem for p in folder.glob("*.py") if "\n@remedy(" in p.read_text("utf-8")}
    listed = {r.draft.__module__.rpartition(".")[2] for r in REMEDIES}
    unlisted = sorted(marked - listed)
    assert not unlisted, f"add {unlisted} to REMEDIES in gradcheck_cli/remedies/catalogue.py"
    assert marked == listed


def test_names_are_distinct() -> None:
    assert len({r.name for r in REMEDIES}) == len(REMEDIES)


@pytest.mark.parametrize("cause", sorted(NAMES))
def test_every_cause_has_a_remedy(cause: str) -> None:
    treated = any(cause in r.treats for r in REMEDIES)
    assert treated, f"add it to `treats` of a fix, or `gradcheck new fix NAME --of {cause}`"


def test_no_remedy_treats_a_cause_that_is_misspelled() -> None:
    strange = {
        (r.name, cause) for r in REMEDIES for cause in r.treats if cause not in NAMES | FACTS
    }
    assert not strange, f"fixes that treat what is no cause: {sorted(strange)}"


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda r: r.name)
def test_every_card_has_all_its_sections(remedy: Remedy) -> None:
    said = sections(remedy.card)
    empty = [section for section in SECTIONS if not said[section]]
    assert not empty, f"the docstring of the module says nothing under {empty}"
    assert remedy.risk in {SAFE, REVIEW}
    assert remedy.card.partition("\n")[0].endswith(".")


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c.name)
def test_the_cards_say_what_the_remedies_say(card: Card) -> None:
    [remedy] = [r for r in REMEDIES if r.name == card.name]
    assert (card.treats, card.risk, card.text) == (remedy.treats, remedy.risk, remedy.card)


def test_there_is_a_card_for_every_remedy() -> None:
    assert {c.name for c in CARDS} == {r.name for r in REMEDIES}


def test_cards_are_read_without_torch() -> None:
    code = "import sys; from gradcheck_cli.remedies.cards import CARDS; assert CARDS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
