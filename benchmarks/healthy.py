"""Whether healthy trainings are left in peace: every healthy case here, and published architectures.

    python -m benchmarks.healthy [--only PART] [--every N] [--check]

Each is asked about as `gradcheck diagnose --no-verify` does it, with the examination, on one thread, by a clock that
counts seconds of the processor, so that a busy machine asks no less. Three sets: the healthy twins of
`sample_models`, the cases of the bank that measurement labeled healthy, and untrained architectures of
`transformers` with their usual recipe. These sets are known: whoever changes the judge looks at them, so the
figures say what was broken, and not how often an unseen training is called sick.

Rows are kept in `benchmarks/healthy.jsonl` as they come, so a run that was cut goes on with what has no row of the
package as it is. Alarms are named, but of the cases for validation (`benchmarks/splits.yaml`) only counted.

--only PART   those whose set or name holds PART
--every N     every N-th of each set
--check       exit 1 when one has an error
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

import sample_models
from benchmarks import as_scripts, observing
from benchmarks.cases import CASES, architectures
from benchmarks.looks import splits
from docs.markdown import table
from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.targets.target import Target

KEPT = Path(__file__).with_suffix(".jsonl")
STEPS = 50


@dataclass(frozen=True, slots=True)
class Healthy:
    """One training about which nothing should be said."""

    set: str
    name: str
    target: Callable[[], Target]


def trainings() -> Iterator[Healthy]:
    """Yield all of them, set by set."""
    for stem in sample_models.SICK:
        twin = sample_models.named(stem, healthy=True)
        yield Healthy("samples", stem, partial(Target.from_strings, **twin, device="cpu"))
    for case in CASES:
        if case.label == "healthy":
            where = f"bank, {case.half}"
            yield Healthy(where, case.name, lambda case=case: observing.target(case))
    for name in architectures.ARCHITECTURES:
        yield Healthy("architectures", name, lambda name=name: architectures.target(name))


def asked(one: Healthy) -> dict[str, Any]:
    """Return what gradcheck says of it; an exception is an error."""
    began = time.process_time()
    row: dict[str, Any] = {"set": one.set, "name": one.name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = diagnose(one.target(), STEPS, verify=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person got no report
        row |= {"verdict": "no report", "said": f"{type(error).__name__}: {error}"}
        row |= {"errors": ["no report"], "warnings": []}
    else:
        row |= {"verdict": str(report.verdict), "said": report.headline}
        for severity in (Severity.ERROR, Severity.WARNING):
            found = [f.name for f in report.findings if f.severity is severity]
            row[f"{severity}s"] = found
        row["errors"] += [f"crash of {crash.where}" for crash in report.crashed]
    return row | {"seconds": round(time.process_time() - began, 1)}


def alarms(row: dict[str, Any]) -> list[str]:
    """Return what was found, where a case may be looked at: those for validation are counted alone."""
    _, _, half = row["set"].partition("bank, ")
    return [] if half in splits()["validate"] else [*row["errors"], *row["warnings"]]


def commit() -> str:
    """Return the commit that the files are of."""
    words = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(words, cwd=KEPT.parent, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def kept() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the newest row of each training."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return {(row["set"], row["name"]): row for row in map(json.loads, lines)}


def keep(row: dict[str, Any]) -> None:
    """Put a row in the place of the older one of the same training."""
    written(kept() | {(row["set"], row["name"]): row})


def forget() -> None:
    """Drop the rows of what is labeled healthy no more."""
    known = {(one.set, one.name) for one in trainings()}
    written({key: row for key, row in kept().items() if key in known})


def written(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Write these rows in the order of their keys."""
    ordered = [rows[key] for key in sorted(rows)]
    KEPT.write_text("".join(json.dumps(one) + "\n" for one in ordered), encoding="utf-8")


def shown() -> str:
    """Return the last result of each set as a table; of sets that were not asked about nothing."""
    rows, lines = list(kept().values()), []
    for name, total in Counter(one.set for one in trainings()).items():
        of = [row for row in rows if row["set"] == name]
        counts = (str(sum(bool(row[kind]) for row in of)) for kind in ("errors", "warnings"))
        fine = str(sum(row["verdict"] == "healthy" for row in of))
        when = (", ".join(sorted({row[key] for row in of})) for key in ("date", "commit"))
        lines += [(name, f"{len(of)} of {total}", *counts, fine, *when)] if of else []
    head = ("set", "asked", "with an error", "with a warning", "called healthy", "date", "commit")
    return table(head, lines)


def chosen(only: str, every: int, judge: str) -> list[Healthy]:
    """Return what has no row of this judge: first what has none at all, then what takes the least time."""
    rows = kept()
    groups: dict[str, list[Healthy]] = {}
    for one in trainings():
        if only in one.set or only in one.name:
            groups.setdefault(one.set, []).append(one)
    found = [one for group in groups.values() for one in drawn(group)[::every]]
    left = [one for one in found if rows.get((one.set, one.name), {}).get("judge") != judge]
    return sorted(left, key=lambda one: rows.get((one.set, one.name), {}).get("seconds", 0.0))


def drawn(group: list[Healthy]) -> list[Healthy]:
    """Return a set in an order that says nothing, the same each time."""
    return sorted(group, key=lambda one: hashlib.sha256(one.name.encode()).digest())


def main() -> int:
    """Ask, keep, count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    forget()
    torch.set_num_threads(1)
    time.monotonic = as_scripts.processor_clock()
    now = {"date": str(datetime.now(UTC).date()), "commit": commit()}
    now["judge"] = observing.fingerprint("")  # of the package: rows of another one are asked again
    for one in chosen(options.only, options.every, now["judge"]):
        row = asked(one) | now
        keep(row)
        print(f"{row['seconds']:5.1f} s  {one.set}: {one.name}", *alarms(row), flush=True)
    print(shown())
    rows = list(kept().values())
    for row in filter(alarms, rows):
        print(f"{row['set']}: {row['name']}:", *alarms(row), "-", row["said"])
    return int(options.check and any(row["errors"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
