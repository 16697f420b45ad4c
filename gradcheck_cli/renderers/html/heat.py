"""Layers x steps as one letter per cell, so that a page of 200 x 200 x 4 cells stays small.

A letter's place in the alphabet is a code: 0 not measured, 1 exactly zero, 2 not finite, and from 3
on the value between the row's lowest and highest one (their logarithms where the scale is one).
Each row having its own range keeps about two digits.
"""

from collections.abc import Sequence
from math import isfinite, log10
from typing import Any

from gradcheck_cli.records.reading import QUANTITIES, Curve
from gradcheck_cli.records.report import LayerSummary, Report
from gradcheck_cli.renderers.places import marks

# Printable, and the same inside of JSON inside of HTML.
ALPHABET = "".join(chr(c) for c in range(33, 127) if chr(c) not in "\"&'<>\\")
MISSING, ZERO, NON_FINITE, FIRST = 0, 1, 2, 3
LAST = len(ALPHABET) - 1
MOST_COLUMNS, FEWEST_COLUMNS = 200, 24
MOST_ROWS = 1000
MOST_CELLS = 80_000  # letters of all quantities together, a byte each


CURVES = {
    "gradient": Curve("Gradient", "rms of the weight gradient", log=True),
    "update": Curve("Update", "size of a step's change relative to the weights", log=True),
    "arriving": Curve("Arriving", "rms of the gradient at the layer's output", log=True),
    **{name: q.curve for name, q in QUANTITIES.items() if q.curve},
}


def heat(report: Report) -> dict[str, Any]:
    """Return what the page's script draws; empty quantities are left out."""
    series = report.history.series
    steps = list(report.history.steps)
    paths = _paths(report)
    followed = {q for q, rows in series.items() if any(map(_has_numbers, rows.values()))}
    shown = {key: drawn for key, drawn in CURVES.items() if key in followed}
    columns = _picked(len(steps), _most_columns(len(paths) * len(shown)))
    return {
        "layers": [{"path": p, "kind": k, "worst": w} for p, k, w in paths],
        "steps": [steps[i] for i in columns],
        "alphabet": ALPHABET,
        "quantities": [
            {
                "key": key,
                "label": drawn.label,
                "log": drawn.log,
                "about": drawn.about,
                **_encoded(
                    [_cells(series[key].get(p), columns) for p, _, _ in paths], log=drawn.log
                ),
            }
            for key, drawn in shown.items()
        ],
    }


def _most_columns(rows: int) -> int:
    """Return how many steps are shown: the more layers, the fewer."""
    return min(MOST_COLUMNS, max(FEWEST_COLUMNS, MOST_CELLS // max(rows, 1)))


def _paths(report: Report) -> list[tuple[str, str, str]]:
    """Return path, kind and gravest severity of the layers that were followed, lowest first."""
    followed = {path for by_layer in report.history.series.values() for path in by_layer}
    worst = {path: mark.value for path, mark in marks(report).items()}
    rows = shown_layers([x for x in report.layers if x.path in followed])
    return [(row.path, row.kind, worst.get(row.path, "")) for row in rows]


def shown_layers(layers: Sequence[LayerSummary]) -> list[LayerSummary]:
    """Return the layers of map and table, first executed first; of very many, evenly spread ones."""
    rows = sorted(layers, key=lambda x: x.order)
    return [rows[i] for i in _picked(len(rows), MOST_ROWS)]


def _picked(count: int, most: int) -> list[int]:
    """Return at most `most` indices, evenly spread, with both ends."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _cells(curve: Sequence[float | None] | None, columns: Sequence[int]) -> list[float | None]:
    return [curve[i] if curve is not None and i < len(curve) else None for i in columns]


def _has_numbers(curve: Sequence[float | None]) -> bool:
    return any(value is not None for value in curve)


def _encoded(rows: Sequence[Sequence[float | None]], *, log: bool) -> dict[str, Any]:
    """Return the letters of every row and its range."""
    cells: list[str] = []
    ranges: list[list[float]] = []
    for row in rows:
        values = [_scaled(v, log=log) for v in row if v is not None and isfinite(v) and v > 0]
        low, high = min(values, default=0.0), max(values, default=0.0)
        ranges.append([float(f"{low:.5g}"), float(f"{high:.5g}")])
        cells.append("".join(ALPHABET[_code(value, low, high, log=log)] for value in row))
    return {"cells": [_short(row) for row in cells], "ranges": ranges}


def _short(row: str) -> str:
    """Return one letter for a row that holds only that."""
    return row[:1] if row == row[:1] * len(row) else row


def _scaled(value: float, *, log: bool) -> float:
    return log10(value) if log else value


def _code(value: float | None, low: float, high: float, *, log: bool) -> int:
    if value is None:
        return MISSING
    if not isfinite(value):
        return NON_FINITE
    if value <= 0:
        return ZERO
    share = (_scaled(value, log=log) - low) / (high - low) if high > low else 0.0
    return FIRST + round(share * (LAST - FIRST))
