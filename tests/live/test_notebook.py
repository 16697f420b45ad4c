"""A report and a watched loop in a notebook, run by a real kernel and looked at in a browser."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from gradcheck_cli import watch
from gradcheck_cli.errors import UsageError
from gradcheck_cli.live.following import Readings
from gradcheck_cli.live.notebook import Display, bundle
from tests.support import a_report
from tests.test_watching import deep_sigmoid, healthy, train

SETUP = """
import torch
from torch import nn
from gradcheck_cli import watch

torch.manual_seed(0)
layers = [m for _ in range(8) for m in (nn.Linear(8, 8), nn.Sigmoid())]
model = nn.Sequential(*layers, nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.randn(64, 8)
"""
LOOP = """
with watch(model, optimizer, show=True, verify=True) as w:
    for step in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data), (data[:, 0] > 0).long()).backward()
        optimizer.step()
"""
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


class Screen:
    """Stands for a notebook's front end: keeps what is shown in its one place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[str] = []
        monkeypatch.setattr("gradcheck_cli.live.notebook.in_notebook", lambda: True)
        monkeypatch.setattr("IPython.display.display", self.display)

    def display(self, html: Any, display_id: bool) -> "Screen":
        assert display_id
        assert not self.shown, "there is one place; what follows updates it"
        self.update(html)
        return self

    def update(self, html: Any) -> None:
        self.shown.append(html.data)


def test_a_report_is_a_page_and_its_headline() -> None:
    shown = a_report.sick()._repr_mimebundle_()
    assert shown == bundle(a_report.sick())
    assert shown["text/html"].startswith("<iframe srcdoc=")
    assert shown["text/plain"].startswith("problems found: Gradients vanish below")


def test_a_name_cannot_leave_the_frame() -> None:
    from tests.support.hostile import STRINGS, poisoned

    for string in STRINGS:
        assert bundle(poisoned(a_report.sick(), string))["text/html"].count("<") == 2


@pytest.mark.heavy
def test_the_display_is_one_place_that_follows_the_loop(monkeypatch) -> None:
    pytest.importorskip("IPython", reason="the extra heavy")
    import torch

    monkeypatch.setattr("gradcheck_cli.live.notebook.OFTEN", 0.0)
    screen, model = Screen(monkeypatch), deep_sigmoid()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, show=True):
        train(model, optimizer)
    assert "waiting for the first step" in screen.shown[0]
    assert "step 2, loss" in screen.shown[2]
    assert "<polyline" in screen.shown[2]
    assert "GC101 vanishing-gradient" in screen.shown[-1]
    assert "problems found" in screen.shown[-1]


def test_a_quick_loop_is_not_drawn_at_every_step(monkeypatch) -> None:
    pytest.importorskip("IPython", reason="the extra heavy")
    screen = Screen(monkeypatch)
    display = Display()
    for step in range(100):
        display.readings(Readings(step, 1.0, ["a"], {"gradient": {"a": 1.0}}))
    assert len(screen.shown) < 10


def test_numbers_that_cannot_be_drawn_do_no_harm(monkeypatch) -> None:
    pytest.importorskip("IPython", reason="the extra heavy")
    monkeypatch.setattr("gradcheck_cli.live.notebook.OFTEN", 0.0)
    screen, display = Screen(monkeypatch), Display()
    for step, loss in enumerate((float("nan"), float("inf"), 0.0, 0.0, -1.0)):
        values = {"gradient": {"<b>": 0.0, "b": 1e-300}}
        display.readings(Readings(step, loss, ["<b>", "b"], values))
    assert "nan" not in screen.shown[-1]
    assert "<b>:" not in screen.shown[-1]


def test_outside_of_a_notebook_it_says_so() -> None:
    import torch

    model = healthy()
    with pytest.raises(UsageError, match="show=True needs a notebook"):
        watch(model, torch.optim.SGD(model.parameters(), lr=0.1), show=True)


@pytest.fixture(scope="module")
def executed() -> Any:
    """A notebook that a kernel ran: the loop of a cell, `w.verify()`, and the report."""
    nbformat = pytest.importorskip("nbformat", reason="the extra heavy")
    nbclient = pytest.importorskip("nbclient", reason="the extra heavy")
    cells = [SETUP, LOOP, "report = w.verify(budget=3)", "report"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return book


@pytest.mark.heavy
def test_a_kernel_shows_the_loop_the_trials_and_the_report(executed: Any) -> None:
    _, loop, trials, report = executed.cells
    [live] = [o for o in loop.outputs if o.output_type == "display_data"]
    assert "GC101 vanishing-gradient" in live.data["text/html"]
    assert "problems found" in live.data["text/html"], "it was updated in place to the end"
    assert not trials.outputs, "progress is shown in the place of the loop"
    assert "<iframe srcdoc=" in report.outputs[0].data["text/html"]
    assert report.outputs[0].data["text/plain"].startswith("problems found:")


@pytest.mark.heavy
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_exported_notebook_is_readable(executed: Any, theme: str, tmp_path: Path) -> None:
    exporter = pytest.importorskip("nbconvert", reason="the extra heavy").HTMLExporter(theme=theme)
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra heavy")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    file = tmp_path / "book.html"
    file.write_text(exporter.from_notebook_node(executed)[0], encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=theme)
        page.goto(file.as_uri(), wait_until="domcontentloaded")
        live = page.locator(".gradcheck-live")
        assert live.count() == 1
        assert live.locator("svg").count() == 2
        color = live.evaluate("e => getComputedStyle(e).color")
        bright = sum(int(float(part)) for part in color.strip("rgba()").split(",")[:3]) > 380
        assert bright is (theme == "dark"), "letters stand out from the page"
        frame = page.frame_locator("iframe[title='gradcheck report']")
        assert frame.locator("h1").is_visible()
        frame.locator("#heat").focus()
        page.keyboard.press("Home")
        assert "step 0: gradient" in frame.locator("#readout").inner_text()
        browser.close()
