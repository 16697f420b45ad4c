"""The page in a real browser: quiet console, no request, hover, keys, dark, phone, accessibility."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.html import render
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visit:
    """One page with everything that went wrong on it."""

    def __init__(self, browser, folder: Path, report: Report, **options) -> None:
        file = folder / "report.html"
        file.write_text(render(report), encoding="utf-8")
        self.page = browser.new_page(**options)
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        assert self.requests == [file.as_uri()]

    def readout(self) -> str:
        return self.page.locator("#readout").inner_text()


@pytest.mark.parametrize(
    "report", [a_report.sick(), a_report.healthy(), a_report.empty(), a_report.sick(200)]
)
def test_nothing_is_reported_on_the_console_and_nothing_is_requested(
    browser, tmp_path, report
) -> None:
    assert Visit(browser, tmp_path, report).troubles == []


def test_an_injected_script_would_be_refused(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick())
    visit.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'document.title = 1';"
        " document.body.append(s); }"
    )
    assert visit.page.title() != "1"
    assert any("Content Security Policy" in text for text in visit.troubles)


def test_keys_move_the_cursor_and_tell_layer_step_and_number(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick())
    visit.page.locator("#heat").focus()
    for key in ("Home", "ArrowDown", "ArrowRight", "ArrowRight"):
        visit.page.keyboard.press(key)
    report = a_report.sick()
    true = report.history.series["gradient"]["net.2"][2]
    assert visit.readout().startswith("net.2 (Linear), step 8: gradient ")
    assert float(visit.readout().split()[-1]) == pytest.approx(true, rel=0.05)
    visit.page.keyboard.press("End")
    assert visit.readout().startswith("net.16 (Linear), step 8:")


def test_hovering_tells_the_layer_under_the_pointer(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick(), viewport={"width": 1100, "height": 900})
    visit.page.locator("#heat").scroll_into_view_if_needed()
    box = visit.page.locator("#heat").bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 3.5 * 22)
    assert visit.readout().startswith("net.6 (Linear), step 44: gradient ")


def test_another_quantity_is_shown_on_demand(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick())
    visit.page.get_by_role("button", name="Saturated").click()
    visit.page.locator("#heat").focus()
    visit.page.keyboard.press("Home")
    assert "saturated" in visit.readout()
    assert visit.readout().endswith("%")
    assert (
        visit.page.get_by_role("button", name="Saturated").get_attribute("aria-pressed") == "true"
    )


def test_a_layer_named_by_a_finding_leads_to_the_map(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick())
    visit.page.locator("button.chip", has_text="net.4").first.click()
    assert visit.readout().startswith("net.4 (Linear)")
    assert visit.page.evaluate("document.activeElement.id") == "heat"


@pytest.mark.parametrize(
    "report", [a_report.sick(), a_report.sick(200), poisoned(a_report.sick(), "x" * 10_000)]
)
@pytest.mark.parametrize("width", [320, 400, 1100])
def test_nothing_sticks_out_sideways(browser, tmp_path, report, width) -> None:
    visit = Visit(browser, tmp_path, report, viewport={"width": width, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_layer_is_found_by_a_part_of_its_name_in_map_and_table(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick(200))
    height = visit.page.locator("#heat").bounding_box()["height"]
    visit.page.locator("summary", has_text="Table of all").click()
    visit.page.get_by_label("Find a layer").fill("NET.39")
    assert visit.page.locator("#found").inner_text() == "5 of 200 layers"
    assert visit.page.locator("table.layers tbody tr:visible").count() == 5
    assert visit.page.locator("#heat").bounding_box()["height"] < height
    visit.page.locator("#heat").focus()
    visit.page.keyboard.press("End")
    assert visit.readout().startswith("net.398 (Linear)")
    visit.page.get_by_label("Show").select_option("named by a finding")
    assert visit.page.locator("#found").inner_text() == "1 of 200 layers", "up to net.390"
    visit.page.locator("button.chip", has_text="net.4").first.click()
    assert visit.page.get_by_label("Find a layer").input_value() == ""
    assert visit.readout().startswith("net.4 (Linear)")
    visit.page.get_by_label("Find a layer").fill("nothing like it")
    assert visit.page.locator("#found").inner_text() == "0 of 200 layers"
    assert visit.troubles == []


def test_few_layers_need_no_search(browser, tmp_path) -> None:
    assert not Visit(browser, tmp_path, a_report.sick()).page.locator("#find").is_visible()


def test_dark_mode_is_dark(browser, tmp_path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        visit = Visit(browser, tmp_path, a_report.sick(), color_scheme=scheme)
        color = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        seen[scheme] = sum(int(part) for part in color.strip("rgb()").split(","))
    assert seen["dark"] < 120
    assert seen["light"] > 650


@pytest.mark.parametrize("string", STRINGS)
def test_hostile_names_stay_text(browser, tmp_path, string) -> None:
    visit = Visit(browser, tmp_path, poisoned(a_report.sick(), string))
    visit.page.locator("#heat").focus()
    visit.page.keyboard.press("Home")
    visit.page.keyboard.press("ArrowDown")
    assert visit.troubles == []
    assert visit.page.locator("img, iframe, form, body > svg").count() == 0
    assert visit.page.locator("script").count() == 2
    assert "step 0: gradient" in visit.readout()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("report", [a_report.sick(), a_report.healthy(), a_report.empty()])
def test_axe_finds_no_accessibility_violation(browser, tmp_path, report, scheme) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit = Visit(browser, tmp_path, report, color_scheme=scheme)
    # The page's own policy refuses evaluated strings, so axe comes in through the protocol.
    results = axe.run(visit.page)
    found = [(v["id"], v["nodes"][0]["html"]) for v in results.response["violations"]]
    assert found == []


def test_a_printed_page_holds_the_table(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick())
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    assert visit.page.locator("table.layers").is_visible()
    assert not visit.page.locator("#find").is_visible()
    assert visit.page.pdf().startswith(b"%PDF")


def test_paper_is_white_where_the_screen_is_dark(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, a_report.sick(), color_scheme="dark")
    visit.page.emulate_media(media="print", color_scheme="dark")
    color = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert color == "rgb(255, 255, 255)"


def test_without_scripts_the_numbers_are_there(browser, tmp_path) -> None:
    visit = Visit(browser, tmp_path, replace(a_report.sick()), java_script_enabled=False)
    visit.page.locator("summary", has_text="Table of all").click()
    assert visit.page.locator("table.layers").is_visible()
    assert "needs its script" in visit.page.locator("body").inner_text()
