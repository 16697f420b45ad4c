"""Every look at a set of cases, in the order in which they were made: `looks.yaml`.

The file is only ever added to. `look: first` is the first time that a judge saw the set; whatever was
changed afterwards may have been changed for it, so that only first looks are printed as figures.
"""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from docs.markdown import table

LOOKS = Path(__file__).with_suffix(".yaml")
SPLITS = Path(__file__).with_name("splits.yaml")


def looks(of: str = "") -> list[dict[str, Any]]:
    """Return all looks, or those at one set."""
    rows = yaml.safe_load(LOOKS.read_text(encoding="utf-8"))
    return [row for row in rows if of in {"", row["set"]}]


def add(name: str, figures: dict[str, Any]) -> None:
    """Write down a look at a set, made now, with the commit of the judge; the first one is called so."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=LOOKS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    row = {
        "set": name,
        "date": datetime.now(UTC).date(),
        "commit": found.stdout.strip(),
        "look": "later" if looks(name) else "first",
        "figures": figures,
    }
    with LOOKS.open("a", encoding="utf-8") as file:
        yaml.safe_dump([row], file, sort_keys=False)


def splits() -> dict[str, list[str]]:
    """Return which sets are for tuning, for validation, and sealed."""
    found: dict[str, list[str]] = yaml.safe_load(SPLITS.read_text(encoding="utf-8"))
    return found


def first_looks() -> str:
    """Return the first looks as a table, one row a look."""
    names = list(dict.fromkeys(name for row in looks() for name in row["figures"]))
    kept = [row for row in looks() if row["look"] == "first"]
    names = [name for name in names if any(name in row["figures"] for row in kept)]
    rows = [(row["set"], str(row["date"]), row["commit"], *figures_of(row, names)) for row in kept]
    return table(("set", "date", "commit", *names), rows)


def figures_of(row: dict[str, Any], names: list[str]) -> list[str]:
    """Return the figures of one look, in the order of their names."""
    return [str(row["figures"].get(name, "-")) for name in names]
