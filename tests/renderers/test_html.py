"""The page as text: self-contained, small, escaped, and honest about numbers."""

import base64
import hashlib
import html
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from gradcheck_cli import watch
from gradcheck_cli.records.diagnosis import Arm
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Evidence
from gradcheck_cli.records.report import History, LossSummary, Report
from gradcheck_cli.renderers.html import render
from gradcheck_cli.renderers.html.heat import ALPHABET, heat
from gradcheck_cli.renderers.html.trials import curves, ends, keys
from gradcheck_cli.renderers.terminal.page import render_text
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned

REPORTS = [a_report.sick(), a_report.healthy(), a_report.empty(), a_report.sick(200)]
VOID = {"meta", "rect", "line", "path", "circle", "br", "text"}


class Outline(HTMLParser):
    """Collects tags, attributes and what scripts hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)

    def shape(self) -> list[str]:
        """The tags without what users named."""
        return [tag for tag, _ in self.tags]


def big(layers: int = 200, steps: int = 200) -> Report:
    """As many layers and steps as a page must hold."""
    report = a_report.sick(layers)
    return replace(report, history=a_report.history(report.layers, steps))


@pytest.mark.parametrize("report", REPORTS)
def test_the_page_loads_nothing(report: Report) -> None:
    page = render(report)
    for tag, attributes in Outline(page).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert "src" not in attributes
        assert not [a for a in attributes if a.startswith("on") or a == "style"]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_exactly_the_script_and_the_style_of_the_page() -> None:
    page = render(a_report.sick())
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [body] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} &#39;sha256-{digest}&#39;" in policy
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy


def test_200_layers_and_200_steps_stay_below_300_kilobytes() -> None:
    assert len(render(big()).encode()) < 300_000


def test_the_loss_is_drawn_beside_that_of_a_constant_prediction() -> None:
    report = replace(a_report.sick(), loss=LossSummary(reference=2.25))
    assert "a constant prediction: 2.25</text>" in render(report)
    assert "a constant prediction" not in render(a_report.sick())


def test_the_curves_of_the_arms_stand_at_their_steps() -> None:
    fix = a_report.sick().fixes[0]
    arms = tuple(replace(arm, steps=(400, 400)) for arm in fix.verification.arms)
    long = replace(fix, verification=replace(fix.verification, arms=arms, steps=400))
    drawn = curves(long, 1)
    assert drawn is not None
    assert {label for _, label in drawn.x_ticks} >= {"100", "200", "300"}
    assert keys(drawn) == [
        ("control", "control"),
        ("re-initialized", "sham"),
        ("treated", "treated"),
    ]
    assert [line.thin for line in drawn.lines].count(True) == 6, "two seeds of three arms"


def test_findings_of_a_change_that_nobody_watched_are_not_called_none() -> None:
    tried = a_report.verification()
    assert ends(tried)[2][2] == "none"
    assert ends(replace(tried, seeds=(0,)))[2][2] == "not looked at"


def test_seeds_of_different_lengths_are_not_averaged() -> None:
    fix = a_report.sick().fixes[0]
    treated = replace(fix.verification.arms[2], curves=((2.0, 1.0), (2.0,)), steps=(50, 25))
    lines = curves(replace(fix, verification=replace(fix.verification, arms=(treated,))), 1).lines
    assert len(lines) == 2
    assert not any(line.thin for line in lines)


def test_numbers_carry_units_that_a_person_reads() -> None:
    evidence = (
        Evidence("loss reduction relative to a constant prediction", -0.018, 0.12, "share"),
        Evidence("share of the output that depends on the sample", 5.5e-15, 1e-5),
        Evidence("does it learn", -2.59, 12.0, "%"),
    )
    finding = replace(a_report.sick().findings[0], evidence=evidence)
    page = render(replace(a_report.sick(), findings=(finding,)))
    cells = re.findall(r'<td class="num[^>]*>([^<]*)</td>', page)
    assert cells[:6] == ["-1.8%", "12%", "5.5e-15", "0.001%", "-2.6%", "12%"]


def test_no_column_is_empty() -> None:
    def heads(report: Report) -> list[str]:
        found = re.findall(r'<table class="layers">.*?</thead>', render(report), re.DOTALL)
        return re.findall(r"<th[^>]*>(\w+)", found[0])

    rows = tuple(replace(x, dead=None, built_at=None) for x in a_report.layers(4))
    assert "dead" in heads(a_report.sick())
    assert not {"dead", "built"} & set(heads(replace(a_report.sick(), layers=rows)))
    bare = replace(a_report.sick().findings[0], evidence=(Evidence("layers", 3.0),))
    assert ">limit<" not in render(replace(a_report.sick(), findings=(bare,)))


def test_the_answers_of_the_examination_are_a_checklist() -> None:
    answers = tuple(
        Answer(name=o.value, question=f"Is it {o.value}?", outcome=o, said="so", reason="no data")
        for o in Outcome
    )
    page = render(replace(a_report.sick(), examination=answers))
    assert re.findall(r'class="question">([^<]*)<', page) == [
        "Is it wrong?",
        "Is it noted?",
        "Is it fine?",
    ]
    assert "skipped: no data" in page


@pytest.mark.heavy
def test_500_layers_as_they_are_measured_stay_below_400_kilobytes() -> None:
    torch.manual_seed(0)
    depth, width = 500, 4
    blocks = [m for _ in range(depth) for m in (nn.Linear(width, width), nn.Tanh())]
    model = nn.Sequential(*blocks)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = torch.randn(16, width)
    with watch(model, optimizer) as w:
        for _ in range(12):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(data), data).backward()
            optimizer.step()
    report = w.report()
    tried = tuple(replace(f, verification=a_report.verification()) for f in report.fixes)
    page = render(replace(report, fixes=tried))
    assert len(report.layers) >= depth
    assert tried
    assert len(page.encode()) < 400_000


@pytest.mark.parametrize("string", STRINGS)
@pytest.mark.parametrize("base", [a_report.sick(), a_report.healthy()])
def test_hostile_names_add_no_element_and_no_attribute(string: str, base: Report) -> None:
    page = Outline(render(poisoned(base, string)))
    plain = Outline(render(poisoned(base, "plain")))
    ignored = {
        "span",
        "button",
        "ul",
        "li",
        "p",
        "pre",
        "code",
        "circle",
        "dt",
        "dd",
        "details",
        "summary",
        "title",
    }
    assert set(page.shape()) - ignored <= set(plain.shape()) | {"svg"}
    assert page.shape().count("script") == 2
    for _, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on")]
    assert "\x1b" not in "".join(page.scripts)


def test_every_cell_decodes_to_two_digits() -> None:
    report = a_report.sick(30)
    data = heat(report)
    for quantity in data["quantities"]:
        for row, layer in enumerate(data["layers"]):
            low, high = quantity["ranges"][row]
            letters = quantity["cells"][row]
            curve = report.history.series[quantity["key"]][layer["path"]]
            for column, true in enumerate(curve):
                code = ALPHABET.index(letters[column] if len(letters) > 1 else letters)
                if code >= 3:
                    value = low + (code - 3) / (len(ALPHABET) - 4) * (high - low)
                    value = 10**value if quantity["log"] else value
                    assert value == pytest.approx(true, rel=0.03)
                else:
                    assert true == 0


def test_zero_missing_and_non_finite_cells_are_kept_apart() -> None:
    [row] = a_report.layers(1)
    curve = (None, 0.0, math.nan, 1.0, math.inf)
    history = History(steps=(0, 1, 2, 3, 4), series={"gradient": {row.path: curve}})
    data = heat(replace(a_report.sick(), layers=(row,), history=history))
    [letters] = data["quantities"][0]["cells"]
    assert [ALPHABET.index(letter) for letter in letters] == [0, 1, 2, 3, 2]


def test_the_letters_are_the_same_inside_of_a_page() -> None:
    assert ALPHABET in render(a_report.sick())


def test_numbers_that_no_picture_can_hold_do_no_harm() -> None:
    values = (5e-324, 1.7e308, math.nan, math.inf, 0.0, -1.0)
    rows = tuple(
        replace(row, gradient=value, update=value, dead=value)
        for row, value in zip(a_report.layers(6), values, strict=True)
    )
    for losses in (values, (), (1.0,), (0.0, 0.0), (-2.0, -2.0), (math.nan,)):
        history = replace(a_report.history(rows), losses=losses, loss_steps=())
        assert render(replace(a_report.sick(), layers=rows, history=history))


def test_the_data_is_json_without_nan() -> None:
    page = render(big(5, 5))
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(text, parse_constant=pytest.fail)["layers"][0]["path"] == "net.0"


def test_everything_said_in_the_report_is_on_the_page() -> None:
    report, page = a_report.sick(), html.unescape(render(a_report.sick()))
    for said in (
        report.headline,
        report.findings[0].message,
        "1.6e-6",
        report.causes[0].distinguish,
        report.fixes[0].why,
        report.fixes[1].verification.reason,
        report.gaps[0].reason,
        report.skipped[0].reason,
        report.assumptions[0],
        report.next_steps[0],
        report.run.command,
    ):
        assert said in page


def test_infinities_that_cancel_do_no_harm() -> None:
    arm = Arm(name="treated", curves=((math.inf,), (-math.inf,)), held_out=(math.inf, -math.inf))
    fix = a_report.sick().fixes[0]
    fix = replace(fix, verification=replace(fix.verification, arms=(arm,)))
    report = replace(a_report.sick(), fixes=(fix,))
    assert "nan" in render(report)
    assert "nan" in render_text(report)


def test_the_bands_are_the_limits_of_the_rules() -> None:
    from gradcheck_cli.renderers.html import page
    from gradcheck_cli.rules import RULES

    limits = {rule.code: rule.thresholds for rule in RULES}
    assert limits["GC401"]["ratio"] == page.SMALLEST_UPDATE
    assert limits["GC402"]["ratio"] == page.LARGEST_UPDATE
    assert limits["GC101"]["attenuation"] == page.SMALLEST_SHARE


def test_a_long_sentence_is_shown_whole() -> None:
    report = a_report.sick()
    why = "because " * 60 + "so."
    fixes = (replace(report.fixes[0], why=why), *report.fixes[1:])
    assert why in render(replace(report, fixes=fixes))
