"""What the pages say of the code is what the code says."""

import re
from pathlib import Path

import pytest

from docs import generate, pictures
from gradcheck_cli.causes import CAUSES
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.remedies.cards import CARDS
from gradcheck_cli.rules import RULES
from gradcheck_cli.settings.schema import Config
from tests.docs import test_blocks

EVERYTHING = generate.everything()
HOW = "run `python -m docs.generate` and commit what it wrote"
TEXT = {path: text for path, text in EVERYTHING.items() if path.suffix == ".md"}


def words(svg: str) -> list[str]:
    """Return the text of a picture, which does not depend on the version that drew it."""
    return re.findall(r"<text[^>]*>(.*?)</text>", svg)


@pytest.mark.parametrize("path", TEXT, ids=lambda p: str(p.relative_to(generate.ROOT)))
def test_generated_pages_are_up_to_date(path: Path) -> None:
    assert path.exists(), HOW
    assert path.read_text(encoding="utf-8") == EVERYTHING[path], HOW


@pytest.mark.parametrize("name", generate.DRAWN)
def test_pictures_show_what_the_reports_say(name: str) -> None:
    path = generate.PICTURES / name
    assert words(path.read_text(encoding="utf-8")) == words(EVERYTHING[path]), HOW


def test_pictures_load_nothing_from_other_servers() -> None:
    for name in generate.DRAWN:
        svg = (generate.PICTURES / name).read_text(encoding="utf-8")
        others = set(re.findall(r"https?://[^\"'\s<>)]+", svg)) - {"http://www.w3.org/2000/svg"}
        assert {url for url in others if "textualize" not in url} == set()
        assert "url(" not in re.sub(r"url\(#", "", svg)


def test_every_rule_cause_remedy_and_code_has_its_place() -> None:
    page = {p.stem: text for p, text in EVERYTHING.items() if p.parent.name == "reference"}
    assert [f"## {r.code} {r.name}" in page["rules"] for r in RULES] == [True] * len(RULES)
    assert [f"## {c.name}\n" in page["causes"] for c in CAUSES] == [True] * len(CAUSES)
    assert [f"## {c.name}\n" in page["remedies"] for c in CARDS] == [True] * len(CARDS)
    assert [f"| {int(c)} | " in page["exit-codes"] for c in ExitCode] == [True] * len(ExitCode)
    assert [f"| `{k}` | " in page["config"] for k in Config.model_fields].count(False) == 0


def test_thresholds_stand_on_the_page_with_their_values() -> None:
    page = EVERYTHING[generate.DOCS / "reference" / "rules.md"]
    for rule in RULES:
        part = page.partition(f"## {rule.code} ")[2].partition("\n## ")[0]
        for name, value in rule.thresholds.items():
            assert f"| `{name}` | {value:g} |" in part


def test_every_config_key_has_a_meaning() -> None:
    page = EVERYTHING[generate.DOCS / "reference" / "config.md"]
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


def test_links_inside_the_reference_lead_somewhere() -> None:
    pages = {p.name: text for p, text in EVERYTHING.items() if p.parent.name == "reference"}
    for name, text in pages.items():
        for target, mark in re.findall(r"\]\(([\w-]*\.md)?#([^)]+)\)", text):
            heads = re.findall(r"^## (.+)$", pages[target or name], re.MULTILINE)
            assert mark in {generate.anchor(head) for head in heads}, (name, target, mark)


def test_the_drawn_limit_is_that_of_the_rule() -> None:
    [rule] = [r for r in RULES if r.code == "GC101"]
    assert rule.thresholds["attenuation"] == pictures.LIMIT


def test_the_pictures_show_a_sick_network_and_its_healthy_twin() -> None:
    sick, well = (read(generate.PICTURES / f"{name}.yaml") for name in ("sick", "healthy"))
    assert (sick.verdict, well.verdict) == (Verdict.SICK, Verdict.HEALTHY)
    assert min(r.sensitivity or 0 for r in pictures.measured(sick)) < pictures.LIMIT
    assert min(r.sensitivity or 0 for r in pictures.measured(well)) > pictures.LIMIT


def test_a_stale_part_is_renewed() -> None:
    stale = "a\n<!-- generated: exits -->\nold\n<!-- end -->\nb\n"
    fresh = generate.filled(stale)
    assert "old" not in fresh
    assert "| 130 |" in fresh
    assert generate.filled(fresh) == fresh


def test_text_survives_markdown() -> None:
    assert generate.plain("a*b_c|d<e `x*y`") == r"a\*b\_c\|d\<e `x*y`"
    assert "https://arxiv.org/abs/1211.5063" in generate.linked("arXiv:1211.5063, sec. 2")


@pytest.mark.heavy
def test_measuring_again_gives_what_the_pictures_show(tmp_path: Path) -> None:
    from docs import measure

    kept = read(generate.PICTURES / "healthy.yaml")
    again = read(measure.measure("healthy", tmp_path, "--no-verify"))
    assert again.verdict is kept.verdict
    assert {f.code for f in again.findings} == {f.code for f in kept.findings}


def test_pages_name_no_file_that_is_missing() -> None:
    for page in test_blocks.PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), (page.name, target)
