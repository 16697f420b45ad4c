"""A report as a plain document: the file format and its JSON Schema.

Numbers keep six significant digits (curves of layers four: they are drawn, not computed with).
A number that is not finite is `.nan`, `.inf` or `-.inf` in YAML and "NaN", "Infinity" or
"-Infinity" in JSON; null means that it was not measured.
"""

from dataclasses import replace
from typing import Any

from gradcheck_cli.records.diagnosis import Arm, Cause, Fix, Verification, current_name
from gradcheck_cli.records.examination import Answer
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import (
    History,
    LayerSummary,
    LossCurve,
    LossSummary,
    Report,
    RunFacts,
)
from gradcheck_cli.records.shapes import WHOLE, ShapeError, Style
from gradcheck_cli.records.trace import SourceSite

SCHEMA = 1
STYLE = Style(
    left_out={
        SourceSite: "column end_line end_column",
        Finding: "first_step at subject",
        Cause: "layers first_layer at distinguish basis rivals",
        Arm: "curves held_out findings steps",
        Verification: "reason effect spread steps seeds seconds new_findings made arms",
        Fix: "cost code at layers diff",
        Answer: "said measured limit unit reason supports layers seconds unfinished",
        RunFacts: "batch_size stopped",
        LayerSummary: "depth numel activation built_at gradient gradient_zero arriving weight update spread dead saturated sensitivity",
        LossSummary: "state of start end reference surrogate words",
        LossCurve: "words losses",
        History: "steps series loss_steps losses beside",
        Report: "examination crashed next_steps loss history",
    },
    prose={"reasons", "passed", "assumptions", "next_steps"},
    digits={"series": 4},  # curves are drawn, not computed with
)
REPORT = STYLE.record(Report)


def to_document(report: Report) -> dict[str, Any]:
    """Return `report` as dicts, lists, strings and numbers."""
    return {"schema": SCHEMA, **REPORT.plain(report)}


def from_document(document: Any) -> Report:
    """Return the report that `document` holds, fixes under their present names; raises ShapeError where it does not fit."""
    if not isinstance(document, dict) or "schema" not in document:
        raise ShapeError("", "a gradcheck report (a mapping with the key 'schema')", document)
    number = WHOLE.value(document["schema"], "schema")
    if number != SCHEMA:
        newer = "1; a newer gradcheck wrote this file" if number > SCHEMA else "1"
        raise ShapeError("schema", newer, number)
    report: Report = REPORT.value(document, "")
    fixes = tuple(replace(fix, name=current_name(fix.name)) for fix in report.fixes)
    return replace(report, fixes=fixes)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document; published as docs/report.schema.json."""
    shape = REPORT.schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gradcheck report",
        "description": "What one run of gradcheck has to say. Keys may be added; none changes its meaning within one schema number.",
        "type": "object",
        "properties": {"schema": {"const": SCHEMA}, **shape["properties"]},
        "required": ["schema", *(key for key in REPORT.keys if key not in REPORT.left_out)],
    }
