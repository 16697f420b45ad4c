"""What the terminal shows: fitted, foldable, without color, without UTF-8, without injection."""

import math
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.finding import Crash, Severity, Skip
from gradcheck_cli.records.report import History, LayerSummary, Report
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.renderers.terminal import render
from gradcheck_cli.renderers.terminal.page import render_text
from gradcheck_cli.renderers.terminal.sections import SAID
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned

NO_HISTORY = replace(a_report.sick(), history=History(), layers=())


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("sick", a_report.sick()),
        ("healthy", a_report.healthy()),
        ("deep", a_report.sick(200)),
        ("empty", a_report.empty()),
    ],
)
def test_the_page_is_the_golden_one(golden, name: str, report: Report) -> None:
    golden(f"terminal-{name}.txt", render_text(report))


def test_the_ascii_page_is_the_golden_one(golden) -> None:
    golden("terminal-ascii.txt", printed(a_report.sick(), encoding="ascii"))


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("report", [a_report.sick(), a_report.healthy(), a_report.sick(200)])
def test_no_line_is_wider_than_the_terminal(width: int, report: Report) -> None:
    lines = render_text(report, width).splitlines()
    assert max(cell_len(line) for line in lines) <= max(width, 40)


@pytest.mark.parametrize("count", [1, 2, 20, 21, 22, 60, 200, 1000])
def test_deep_models_stay_readable(count: int) -> None:
    report = replace(a_report.sick(count), fixes=(), causes=())
    assert len(render_text(report).splitlines()) < 70


def test_a_healthy_model_gets_a_short_page() -> None:
    assert len(render_text(a_report.healthy()).splitlines()) < 15


def test_the_number_stands_beside_its_limit() -> None:
    [line] = [x for x in render_text(a_report.sick()).splitlines() if "strongest layer  " in x]
    assert "1.6e-6" in line
    assert "limit 0.001" in line


def test_what_could_not_be_measured_is_said() -> None:
    report = replace(
        a_report.sick(),
        skipped=(Skip("GC503", "precision-underflow", "no reduced precision"),),
        crashed=(Crash("rule GC999", "Traceback\nValueError: boom"),),
    )
    text = render_text(report)
    for said in ("head.attn: called through", "no reduced precision", "GC999", "ValueError: boom"):
        assert said in text


@pytest.mark.parametrize("status", list(Status))
def test_every_status_of_a_fix_is_said(status: Status) -> None:
    fix = replace(a_report.sick().fixes[0], verification=a_report.verification(status))
    text = render_text(replace(a_report.sick(), fixes=(fix,)))
    assert {
        Status.VERIFIED: "✓ verified",
        Status.HELPS_PARTLY: "helps partly",
        Status.INEFFECTIVE: "no effect",
        Status.HARMFUL: "made it worse",
        Status.NOT_RUN: "not tried",
    }[status] in text


def test_a_fix_that_was_left_out_in_several_ways_is_named_once() -> None:
    first = a_report.sick().fixes[0]
    left = replace(first, verification=a_report.verification(Status.NOT_RUN))
    text = render_text(replace(a_report.sick(), fixes=(first,) * 3 + (left,) * 3))
    assert f"{SAID[Status.NOT_RUN]}: {left.name} (3 ways)" in text


def test_zero_and_non_finite_numbers_are_shown_as_such() -> None:
    rows = tuple(
        LayerSummary(path=f"l{i}", kind="Linear", role="linear", order=i, gradient=g, update=g)
        for i, g in enumerate([0.0, math.nan, math.inf, 1e-3, None])
    )
    report = replace(
        a_report.sick(), layers=rows, history=History(losses=(1.0, math.nan, math.inf))
    )
    text = render_text(report)
    rows_shown = {line.split()[0]: line for line in text.splitlines() if line.startswith("    l")}
    assert " 0" in rows_shown["l0"]
    assert "nan" in rows_shown["l1"]
    assert "inf" in rows_shown["l2"]
    assert "!" in text


def test_an_ascii_terminal_gets_ascii_only() -> None:
    text = printed(
        replace(a_report.sick(), headline="größer → 3 \N{MULTIPLICATION SIGN}"), encoding="ascii"
    )
    text.encode("ascii")
    assert "gr??er -> 3 x" in text


def test_no_color_leaves_no_escape() -> None:
    assert "\x1b" not in printed(a_report.sick(), no_color=True, colors=None)


@pytest.mark.parametrize("string", STRINGS)
@pytest.mark.parametrize("base", [a_report.sick(), a_report.healthy()])
def test_hostile_names_neither_steer_the_terminal_nor_become_markup(
    string: str, base: Report
) -> None:
    text = printed(poisoned(base, string), colors=None)
    allowed = {"\n"}
    assert not [c for c in text if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in allowed]
    assert not [c for c in text if c in "\u202e\u202d\u2066\u2067\u2028\u2029\u200b\ufeff"]


def printed(
    report: Report, *, encoding: str = "utf-8", no_color: bool = False, colors: str | None = None
) -> str:
    """Print as a terminal of this encoding would."""

    class Stream:
        """A file that knows its encoding."""

        def __init__(self) -> None:
            self.encoding = encoding
            self.parts: list[str] = []

        def write(self, text: str) -> None:
            self.parts.append(text)

        def flush(self) -> None:
            pass

    stream = Stream()
    console = Console(file=stream, width=80, no_color=no_color, color_system=colors)  # type: ignore[arg-type]
    console.print(render(report))
    return "".join(stream.parts)


def test_a_healthy_models_notes_are_a_sentence_each() -> None:
    note = replace(a_report.sick().findings[0], severity=Severity.NOTE)
    text = render_text(replace(a_report.healthy(), findings=(note,)))
    assert "· GC101 vanishing-gradient: The gradient of net.0" in text
    assert "limit" not in text
    assert len(text.splitlines()) < 18


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100])
def test_nothing_is_cut_off_on_a_narrow_terminal(width: int) -> None:
    words = render_text(a_report.sick(60), width).split()
    for said in ("2.28", "0.32", "outputs", "left", "confidence", "0.02"):
        assert said in words
    assert "layers" in render_text(a_report.healthy(), width).split()


def test_a_cause_in_a_call_has_a_place_and_no_layer_that_was_built_there() -> None:
    report = a_report.sick()
    cause = replace(report.causes[0], first_layer=None, at=SourceSite("net.py", 17))
    page = render_text(replace(report, causes=(cause,)))
    assert "· at net.py:17" in page
    assert "begins at" not in page
