"""Every format, whatever the report holds: it is written, it is UTF-8, and nothing steers a terminal."""

import math
from dataclasses import replace

import pytest

from gradcheck_cli.records.finding import Evidence
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import loads
from gradcheck_cli.renderers.formats import FORMATS, Format
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned

ODD_NUMBERS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7e308, -1.0)


def odd(number: float) -> Report:
    """The sick report with `number` wherever a number can be."""
    report = a_report.sick()
    layers = tuple(
        replace(row, gradient=number, update=number, dead=number, saturated=number, weight=number)
        for row in report.layers
    )
    findings = tuple(replace(f, evidence=(Evidence("x", number, number),)) for f in report.findings)
    causes = tuple(replace(c, score=number) for c in report.causes)
    trial = replace(report.fixes[0].verification, effect=number, spread=number)
    fixes = (replace(report.fixes[0], verification=trial),)
    losses = tuple(number for _ in report.history.losses)
    history = replace(a_report.history(layers), losses=losses)
    return replace(
        report, layers=layers, findings=findings, causes=causes, fixes=fixes, history=history
    )


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_no_number_breaks_a_format(format_: Format, number: float) -> None:
    assert format_.write(odd(number), {}).strip()


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize("string", STRINGS)
def test_no_text_breaks_a_format_or_steers_what_shows_it(format_: Format, string: str) -> None:
    text = format_.write(poisoned(a_report.sick(), string), {})
    text.encode("utf-8")
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
    if format_.name in {"yaml", "json"}:
        assert loads(text).headline == string.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
def test_a_format_says_something_where_there_is_nothing_to_report(format_: Format) -> None:
    assert format_.write(a_report.empty(), {}).strip()
    assert format_.write(a_report.healthy(), {}).strip()
