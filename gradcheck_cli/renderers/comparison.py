"""A comparison of two reports as text, Markdown or JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gradcheck_cli.records.baseline import Accepted, Comparison, Pair
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.renderers.markdown import escape
from gradcheck_cli.renderers.words import clean, plural, some_layers

GROUPS = ("new", "worse", "better", "gone", "same")
SIGN = {"new": "+", "worse": "^", "better": "v", "gone": "-", "same": "="}


def as_text(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Return one line per finding, what matters first, and a sum."""
    return "\n".join(_lines(comparison, notes)) + "\n"


def as_markdown(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Return a table for a comment."""
    sign = "❌" if comparison.regressed else "✅"
    lines = [f"### {sign} gradcheck: {summary(comparison)}", ""]
    rows = [(group, item) for group in GROUPS[:4] for item in getattr(comparison, group)]
    if rows:
        lines += ["| | rule | where | |", "|---|---|---|---|"]
    for group, item in rows:
        code, name, layers, said = _parts(item)
        where = escape(some_layers(layers), 300) or "the whole run"
        lines.append(f"| {group} | {escape(code)} {escape(name)} | {where} | {escape(said, 400)} |")
    lines += ["", *(f"- measured differently: {escape(note, 400)}" for note in notes)]
    return "\n".join(lines).rstrip() + "\n"


def as_json(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Return the groups as lists."""
    document: dict[str, Any] = {"schema": 1, "regressed": bool(comparison.regressed)}
    for group in GROUPS:
        document[group] = [_entry(item) for item in getattr(comparison, group)]
    document["measured_differently"] = [clean(note) for note in notes]
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def summary(comparison: Comparison) -> str:
    """Return the counts in words, without those that are zero."""
    parts = [f"{len(items)} {group}" for group in GROUPS if (items := getattr(comparison, group))]
    return ", ".join(parts) or "no findings, before or now"


def _lines(comparison: Comparison, notes: Sequence[str]) -> Iterator[str]:
    for group in GROUPS:
        for item in getattr(comparison, group):
            code, name, layers, said = _parts(item)
            where = f" in {some_layers(layers)}" if layers else ""
            yield f"{SIGN[group]} {group:6} {clean(code)} {clean(name)}{where}"
            if said and group != "same":
                yield f"         {clean(said)}"
    for note in notes:
        yield f"! measured differently: {clean(note)}"
    total = sum(len(getattr(comparison, group)) for group in GROUPS)
    yield f"{plural(total, 'finding')}: {summary(comparison)}" if total else summary(comparison)


def _parts(item: Finding | Pair | Accepted) -> tuple[str, str, Sequence[str], str]:
    """Return code, name, layers and what there is to say."""
    if isinstance(item, Pair):
        return item.now.code, item.now.name, item.now.layers, item.why
    said = item.message if isinstance(item, Finding) else ""
    return item.code, item.name, item.layers, said


def _entry(item: Finding | Pair | Accepted) -> dict[str, Any]:
    code, name, layers, said = _parts(item)
    entry = {"code": clean(code), "name": clean(name), "layers": [clean(path) for path in layers]}
    return {**entry, "why": clean(said)} if said else entry
