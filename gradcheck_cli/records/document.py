"""A report as a plain document: the file format, key by key, and its JSON Schema.

Numbers keep six significant digits (curves of layers four: they are drawn, not computed with).
A number that is not finite is `.nan`, `.inf` or `-.inf` in YAML and "NaN", "Infinity" or
"-Infinity" in JSON; null means that it was not measured.
"""

from dataclasses import replace
from typing import Any

from gradcheck_cli.records.diagnosis import (
    Arm,
    Basis,
    Cause,
    Fix,
    Status,
    Verification,
    current_name,
)
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Confidence, Crash, Evidence, Finding, Severity, Skip
from gradcheck_cli.records.report import (
    History,
    LayerSummary,
    LossCurve,
    LossSummary,
    Report,
    RunFacts,
    Verdict,
)
from gradcheck_cli.records.shapes import (
    ByName,
    Key,
    Many,
    Number,
    OneOf,
    Optional,
    Record,
    ShapeError,
    Text,
    Truth,
    Whole,
)
from gradcheck_cli.records.trace import Gap, SourceSite

SCHEMA = 1

TEXT = Text()
WHOLE = Whole()
NUMBER = Number()
MAYBE = Optional(NUMBER)
NAMES = Many(TEXT, flow=True)
LINES = Many(TEXT)

SITE = Optional(
    Record(
        SourceSite,
        Key("file", TEXT, always=True),
        Key("line", WHOLE, always=True),
        Key("column", WHOLE),
        Key("end_line", WHOLE),
        Key("end_column", WHOLE),
    )
)
EVIDENCE = Record(
    Evidence,
    Key("what", TEXT, always=True),
    Key("measured", NUMBER, always=True),
    Key("limit", MAYBE, always=True),
    Key("unit", TEXT, always=True),
)
FINDING = Record(
    Finding,
    Key("code", TEXT, always=True),
    Key("name", TEXT, always=True),
    Key("severity", OneOf(Severity), always=True),
    Key("confidence", OneOf(Confidence), always=True),
    Key("message", TEXT, always=True),
    Key("layers", NAMES, always=True),
    Key("evidence", Many(EVIDENCE), always=True),
    Key("first_step", Optional(WHOLE)),
    Key("at", SITE),
    Key("subject", Optional(TEXT)),
)
CAUSE = Record(
    Cause,
    Key("name", TEXT, always=True),
    Key("explains", NAMES, always=True),
    Key("score", NUMBER, always=True),
    Key("reasons", LINES, always=True),
    Key("layers", NAMES),
    Key("first_layer", Optional(TEXT)),
    Key("at", SITE),
    Key("distinguish", TEXT),
    Key("basis", OneOf(Basis)),
    Key("rivals", NAMES),
)
ARM = Record(
    Arm,
    Key("name", TEXT, always=True),
    Key("curves", Many(Many(NUMBER, flow=True))),
    Key("held_out", Many(NUMBER, flow=True)),
    Key("findings", NAMES),
    Key("steps", Many(WHOLE, flow=True)),
)
VERIFICATION = Record(
    Verification,
    Key("status", OneOf(Status), always=True),
    Key("reason", TEXT),
    Key("effect", MAYBE),
    Key("spread", MAYBE),
    Key("steps", WHOLE),
    Key("seeds", Many(WHOLE, flow=True)),
    Key("seconds", NUMBER),
    Key("new_findings", NAMES),
    Key("made", TEXT),
    Key("arms", Many(ARM)),
)
FIX = Record(
    Fix,
    Key("name", TEXT, always=True),
    Key("treats", TEXT, always=True),
    Key("risk", TEXT, always=True),
    Key("summary", TEXT, always=True),
    Key("why", TEXT, always=True),
    Key("cost", TEXT),
    Key("code", TEXT),
    Key("at", SITE),
    Key("layers", NAMES),
    Key("diff", TEXT),
    Key("verification", VERIFICATION, always=True),
)
ANSWER = Record(
    Answer,
    Key("name", TEXT, always=True),
    Key("question", TEXT, always=True),
    Key("outcome", OneOf(Outcome), always=True),
    Key("said", TEXT),
    Key("measured", MAYBE),
    Key("limit", MAYBE),
    Key("unit", TEXT),
    Key("reason", TEXT),
    Key("supports", NAMES),
    Key("layers", NAMES),
    Key("seconds", NUMBER),
    Key("unfinished", Truth()),
)
SKIP = Record(
    Skip,
    Key("code", TEXT, always=True),
    Key("name", TEXT, always=True),
    Key("reason", TEXT, always=True),
)
CRASH = Record(Crash, Key("where", TEXT, always=True), Key("traceback", TEXT, always=True))
GAP = Record(Gap, Key("what", TEXT, always=True), Key("reason", TEXT, always=True))
RUN = Record(
    RunFacts,
    *(
        Key(name, TEXT, always=True)
        for name in ("command", "model", "data", "loss", "optimizer", "device", "precision")
    ),
    *(
        Key(name, WHOLE, always=True)
        for name in ("seed", "steps", "observed_steps", "parameters", "world_size")
    ),
    Key("batch_size", Optional(WHOLE)),
    *(Key(name, TEXT, always=True) for name in ("gradcheck", "torch", "python", "started")),
    Key("seconds", NUMBER, always=True),
    Key("interrupted", Truth(), always=True),
    Key("stopped", TEXT),
)
LAYER = Record(
    LayerSummary,
    Key("path", TEXT, always=True),
    Key("kind", TEXT, always=True),
    Key("role", TEXT, always=True),
    Key("order", WHOLE, always=True),
    Key("depth", Optional(WHOLE)),
    Key("numel", WHOLE),
    Key("activation", Optional(TEXT)),
    Key("built_at", Optional(TEXT)),
    *(
        Key(name, MAYBE)
        for name in (
            "gradient",
            "gradient_zero",
            "arriving",
            "weight",
            "update",
            "spread",
            "dead",
            "saturated",
            "sensitivity",
        )
    ),
)
CURVE = Many(Optional(Number(digits=4)), flow=True)
LOSS = Record(
    LossSummary,
    Key("state", TEXT),
    Key("of", TEXT),
    *(Key(name, MAYBE) for name in ("start", "end", "reference")),
    Key("surrogate", TEXT),
    Key("words", TEXT),
)
LOSS_CURVE = Record(
    LossCurve,
    Key("name", TEXT, always=True),
    Key("words", TEXT),
    Key("losses", Many(NUMBER, flow=True)),
)
HISTORY = Record(
    History,
    Key("steps", Many(WHOLE, flow=True)),
    Key("series", ByName(ByName(CURVE))),
    Key("loss_steps", Many(WHOLE, flow=True)),
    Key("losses", Many(NUMBER, flow=True)),
    Key("beside", Many(LOSS_CURVE)),
)
REPORT = Record(
    Report,
    Key("verdict", OneOf(Verdict), always=True),
    Key("headline", TEXT, always=True),
    Key("findings", Many(FINDING), always=True),
    Key("causes", Many(CAUSE), always=True),
    Key("fixes", Many(FIX), always=True),
    Key("examination", Many(ANSWER)),
    Key("passed", LINES, always=True),
    Key("skipped", Many(SKIP), always=True),
    Key("crashed", Many(CRASH)),
    Key("assumptions", LINES, always=True),
    Key("gaps", Many(GAP), always=True),
    Key("next_steps", LINES),
    Key("run", RUN, always=True),
    Key("layers", Many(LAYER), always=True),
    Key("loss", LOSS),
    Key("history", HISTORY),
)


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
        "required": ["schema", *(key.name for key in REPORT.keys if key.always)],
    }
