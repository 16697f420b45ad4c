"""The report in one line."""

from collections.abc import Mapping

from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.formats import Format
from gradcheck_cli.renderers.words import clean


def render(report: Report, _: Mapping[str, str]) -> str:
    """Return one line; whatever a user named is cleaned."""
    names = ", ".join(f.name for f in report.findings) or "nothing"
    return clean(f"{report.verdict.value}: {names}") + "\n"


oneline = Format("oneline", (".oneline",), render, "the verdict and the findings in one line")
