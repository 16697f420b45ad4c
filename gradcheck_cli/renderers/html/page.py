"""The page: template, style and script are files beside this one; the policy hashes the last two."""

import base64
import hashlib
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gradcheck_cli.records.report import LayerSummary, Report
from gradcheck_cli.renderers.html.charts import Chart, Line, chart
from gradcheck_cli.renderers.html.heat import heat, shown_layers
from gradcheck_cli.renderers.html.trials import curves, ends, keys
from gradcheck_cli.renderers.places import leading, marks
from gradcheck_cli.renderers.words import (
    MARKS,
    VERDICTS,
    clean,
    loss_curves,
    number,
    ordered,
    partial,
    percent,
    place,
    plural,
    quantity,
    shorten,
    title,
    unasked,
)
from gradcheck_cli.shadowing import ours

FOLDER = Path(__file__).parent
LONGEST_NAME = 300
LONGEST_TEXT = 2000
# The limits of the rules, which a renderer may not import; a test holds them together.
SMALLEST_UPDATE, LARGEST_UPDATE = 1e-5, 0.1
SMALLEST_SHARE = 1e-3  # of the strongest layer's gradient: below it a layer counts as starved
COLUMNS = (  # of the table of layers: name, unit, how it is shown
    ("gradient", "rms", number),
    ("update", "of its norm, a step", number),
    ("weight", "norm", number),
    ("arriving", "rms at its output", number),
    ("dead", "of its units", percent),
    ("saturated", "of its outputs", percent),
)
MOST_LOSSES = 6  # of trainings beside each other
LONG_HEADLINE = 110  # letters, from which on it is set smaller


@ours()
def render(report: Report) -> str:
    """Return the page as one string that needs nothing else."""
    style, script = _file("style.css"), _file("script.js")
    rows = shown_layers(report.layers)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            verdict=VERDICTS[report.verdict],
            model_line=title(report),
            policy=_policy(style, script),
            style=style,
            script=script,
            heat=_bounded(heat(report)),
            leading=leading(report),
            profiles=[c for c in (_gradients(report), _updates(report)) if c],
            loss_charts=_losses(report),
            losses=[c for c in loss_curves(report) if c.words],
            layers=rows,
            columns=[c for c in COLUMNS if any(getattr(row, c[0]) is not None for row in rows)],
            kinds=sorted({shorten(clean(row.kind), 60) for row in rows if row.kind}),
            long=len(report.headline) > LONG_HEADLINE,
            worst={path: mark.value for path, mark in marks(report).items()},
            answers=ordered(report.examination),
            said_of=MARKS,
            unasked=list(unasked(report.examination)),
            seconds=sum(a.seconds for a in report.examination),
            curves=curves,
            keys=keys,
            ends=ends,
            facts=_facts(report),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "number": number,
        "percent": percent,
        "quantity": quantity,
        "partial": partial,
        "plural": plural,
        "place": place,
        "name": lambda text: shorten(clean(str(text)), LONGEST_NAME),
        "text": lambda text: shorten(clean(str(text)), LONGEST_TEXT),
        "seen": lambda text: "\n".join(clean(line) for line in str(text).splitlines()),
    }
    return environment


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a content security policy that lets exactly this style and this script be used."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    """Clean the names that the script will show."""
    layers = [
        {
            **row,
            "path": shorten(clean(row["path"]), LONGEST_NAME),
            "kind": shorten(clean(row["kind"]), 60),
        }
        for row in data["layers"]
    ]
    return {**data, "layers": layers}


def _with(report: Report, name: str) -> list[LayerSummary]:
    rows = sorted(report.layers, key=lambda x: x.order)
    return [row for row in rows if getattr(row, name) is not None]


def _profile(
    report: Report, name: str, label: str, band: tuple[float, float, str] | None
) -> Chart | None:
    rows = _with(report, name)
    values = [getattr(row, name) for row in rows]
    notes = [f"{shorten(clean(row.path), 60)}: {number(getattr(row, name))}" for row in rows]
    line = Line(label, "profile", values, notes=notes)
    zeros = sum(value == 0 for value in values)
    label += (
        f" ({zeros:,} of {plural(len(values), 'layer')}: exactly 0, not drawn)" if zeros else ""
    )
    return chart(
        label, [line], x_label="layer, first executed on the left", log=True, whole=True, band=band
    )


def _gradients(report: Report) -> Chart | None:
    values = [row.gradient for row in _with(report, "gradient")]
    strongest = max((v for v in values if v is not None and isfinite(v)), default=0.0)
    band = (
        (strongest * SMALLEST_SHARE, strongest, "within 1/1000 of the strongest")
        if strongest > 0
        else None
    )
    return _profile(report, "gradient", "Gradient over depth", band)


def _updates(report: Report) -> Chart | None:
    band = (SMALLEST_UPDATE, LARGEST_UPDATE, "within the limits of GC401 and GC402")
    return _profile(report, "update", "Update per step over depth", band)


def _losses(report: Report) -> list[Chart]:
    """Return the loss over the steps; of several trainings beside each other, one chart each."""
    history = report.history
    drawn = [
        chart(
            f"Loss: {shorten(clean(x.name), 60)}", [Line("loss", "profile", x.losses)], x_label=""
        )
        for x in history.beside[:MOST_LOSSES]
    ]
    if not drawn:
        fits = len(history.loss_steps) == len(history.losses)
        places = [float(p) for p in history.loss_steps] if fits else ()
        line = Line("loss", "profile", history.losses, places=places)
        level = report.loss.reference
        known = None if level is None else (level, f"a constant prediction: {number(level)}")
        drawn = [chart("Loss", [line], x_label="step", whole=True, reference=known)]
    return [c for c in drawn if c]


def _facts(report: Report) -> list[tuple[str, str]]:
    """Return what is known about the run, without what was not given."""
    run = report.run
    pairs = [
        ("command", run.command),
        ("model", run.model),
        ("data", run.data),
        ("loss", run.loss),
        ("optimizer", run.optimizer),
        ("parameters", f"{run.parameters:,}" if run.parameters else ""),
        ("batch size", str(run.batch_size or "")),
        ("steps", f"{run.steps}, {run.observed_steps} of them observed"),
        ("seed", str(run.seed)),
        ("device", run.device),
        ("precision", run.precision),
        ("processes", str(run.world_size) if run.world_size > 1 else ""),
        ("gradcheck", run.gradcheck),
        ("torch", run.torch),
        ("python", run.python),
        ("started", run.started),
        ("took", f"{number(run.seconds)} s" if run.seconds else ""),
    ]
    return [(name, shorten(clean(value), 400)) for name, value in pairs if value]
