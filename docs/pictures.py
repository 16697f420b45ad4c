"""Draw the pictures of the pages from saved reports: no training, no torch."""

import io
import re
from dataclasses import replace
from html import escape
from math import log10
from pathlib import Path

from rich.console import Console

from gradcheck_cli.records.report import LayerSummary, Report
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.renderers.terminal import render

COMMAND = "gradcheck diagnose sample_models/deep_sigmoid.py"
CURVES = (("healthy", "#2f7d4f", "LeakyReLU"), ("sick", "#b3372f", "sigmoid"))
FLOOR = 1e-9  # of the drawing
LIMIT = 1e-3  # of GC101; a test compares it with the rule
WIDE, HIGH, LEFT, TOP, LOW = 640, 320, 70, 24, 250


def screenshot(folder: Path) -> str:
    """Return the first finding, cause and fix of the sick network, as rich shows them, as SVG."""
    whole = read(folder / "sick.yaml")
    short = replace(
        whole,
        findings=whole.findings[:1],
        causes=whole.causes[:1],
        fixes=whole.fixes[:1],
        assumptions=(),
        skipped=(),
        gaps=(),
        next_steps=(),
    )
    return _shown(short, f"{COMMAND}  (shortened)")


def whole_screenshot(folder: Path) -> str:
    """Return the whole diagnosis of the sick network as SVG."""
    return _shown(read(folder / "sick.yaml"), COMMAND)


def _shown(report: Report, title: str) -> str:
    console = Console(
        width=82,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(render(report))
    return _tidied(console.export_svg(title=title, unique_id="diagnosis"))


def _tidied(svg: str) -> str:
    """Return the picture without fonts from other people's servers and without trailing blanks."""
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def measured(report: Report) -> list[LayerSummary]:
    """Return the layers whose sensitivity was measured, the lowest first."""
    rows = [row for row in report.layers if row.sensitivity is not None and row.depth is not None]
    return sorted(rows, key=lambda row: row.order)


def profile_text(folder: Path) -> str:
    """Return the sensitivity of each layer of both networks as a picture of letters."""
    sick, healthy = (measured(read(folder / f"{name}.yaml")) for name in ("sick", "healthy"))
    lines = ["layer   ten sigmoids                      the same with LeakyReLU"]
    for one, other in zip(sick, healthy, strict=True):
        lines.append(f"{one.path:>5}   {_bar(one)}   {_bar(other)}".rstrip())
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _bar(row: LayerSummary, width: int = 22) -> str:
    value = row.sensitivity or FLOOR
    share = 1 - max(log10(value), log10(FLOOR)) / log10(FLOOR)
    return f"{'#' * round(width * min(share, 1)):<{width}} {value:8.1e}"


def profile_svg(folder: Path) -> str:
    """Return the sensitivity of each layer of both networks as a plot with a logarithmic axis."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Sensitivity of each layer, relative to the strongest</title>",
        f'<rect width="{WIDE}" height="{HIGH}" fill="#ffffff"/>',
    ]
    for power in range(0, -10, -3):
        y = _y(10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDE - 20}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
    y = _y(LIMIT)
    parts.append(
        f'<path d="M{LEFT} {y:.1f}H{WIDE - 20}" stroke="#666666" stroke-dasharray="5 4"/>'
        f'<text x="{WIDE - 22}" y="{y - 6:.1f}" text-anchor="end">limit of GC101</text>'
    )
    for name, color, label in CURVES:
        parts += _curve(measured(read(folder / f"{name}.yaml")), color, label)
    middle = (LEFT + WIDE - 20) / 2
    said = "layer, the lowest at the left"
    parts.append(f'<text x="{middle:.0f}" y="{HIGH - 14}" text-anchor="middle">{said}</text></svg>')
    return "\n".join(parts) + "\n"


def _y(value: float) -> float:
    return TOP + (LOW - TOP) * log10(max(value, FLOOR)) / log10(FLOOR)


def _curve(rows: list[LayerSummary], color: str, label: str) -> list[str]:
    apart = (WIDE - 60 - LEFT) / max(len(rows) - 1, 1)
    points = [(LEFT + 20 + i * apart, _y(r.sensitivity or FLOOR)) for i, r in enumerate(rows)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>']
    for (x, y), row in zip(points, rows, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>')
        if color == CURVES[0][1]:
            parts.append(
                f'<text x="{x:.1f}" y="{LOW + 24}" text-anchor="middle">{escape(row.path)}</text>'
            )
    x, y = points[1]
    parts.append(f'<text x="{x + 8:.1f}" y="{y + 18:.1f}" fill="{color}">{label}</text>')
    return parts
