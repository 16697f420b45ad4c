"""GitLab's code quality report: a JSON array, one entry per rule and source line."""

import json
from hashlib import sha256

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.places import by_place, key_of
from gradcheck_cli.renderers.words import clean, shorten, some_layers

LEVEL = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}
LONGEST = 1000


def render(report: Report) -> str:
    """Return the array; fingerprints are unique, because GitLab merges equal ones."""
    entries = []
    used: set[str] = set()
    for site, findings in by_place(report):
        first = findings[0]
        mark = key_of(first.code, first.layers, first.subject)
        while mark in used:
            mark = sha256(mark.encode()).hexdigest()
        used.add(mark)
        layers = f" Layers: {some_layers(first.layers)}." if first.layers else ""
        said = " ".join(clean(f.message) for f in findings)
        entries.append(
            {
                "description": shorten(f"{first.code} {first.name}: {said}{layers}", LONGEST),
                "check_name": f"gradcheck/{first.name}",
                "fingerprint": mark,
                "severity": LEVEL[first.severity],
                "location": {
                    "path": clean(site.file) or ".",
                    "lines": {"begin": site.line},
                },
            }
        )
    return json.dumps(entries, ensure_ascii=True, indent=1) + "\n"
