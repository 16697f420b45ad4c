"""The faults, and what was measured and said of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MEASURED = "measured.json"
SAID = "said.json"  # at the first look
LATER = "said_later.json"
TRAININGS = "trainings"


@dataclass(frozen=True)
class Fault:
    """A published fault: a training that has it, and its twin that differs in one thing."""

    id: str
    origin: str
    published: str  # the published truth, in its authors' words or ours
    fault: str = ""  # what is wrong in the training here
    script: str = ""  # "file.py argument"
    twin: str = ""
    causes: tuple[str, ...] = ()  # of gradcheck; naming any of them is right
    peers: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # detected, named
    left_out: str = ""  # why it is not built
    asked: tuple[str, ...] = ()  # of factories: what follows `gradcheck diagnose`, and for the twin


def home_of(name: str) -> Path:
    """Return where a sealed set lies."""
    return HERE.parent / name


def faults(home: Path = HERE) -> tuple[Fault, ...]:
    """Return all faults of a bank, those that are not built too."""
    rows = yaml.safe_load((home / "facts.yaml").read_text(encoding="utf-8"))
    return tuple(
        Fault(**row | {key: tuple(row.get(key, ())) for key in ("causes", "asked")}) for row in rows
    )


def kept(file: Path) -> dict[str, Any]:
    """Return what an earlier run kept, by script and argument."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def keep(file: Path, rows: Mapping[str, Any]) -> None:
    """Write what was found, sorted by name."""
    text = json.dumps(dict(sorted(rows.items())), indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
