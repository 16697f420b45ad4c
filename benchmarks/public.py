"""Public training programs, unchanged, with and without `gradcheck run`: the same output, what it costs.

    python -m benchmarks.public --checkouts FOLDER [--only PART] [--again] [--replay] [--check]

None of their code is here. `FOLDER` holds git repositories as `OWNER+NAME/repo`; each program is taken
out of the commit that is named, beside stand-ins for what it would download, and run twice. Rows are
kept in `benchmarks/public.jsonl` as they come, so a run that was cut goes on; `docs/public.md` is made of them.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.programs import PROGRAMS
from benchmarks.programs.page import equal, false, page
from benchmarks.programs.running import compared, replayed

KEPT = Path(__file__).with_name("public.jsonl")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "public.md"


def kept() -> dict[str, dict[str, Any]]:
    """Return the newest row of each program that is still listed, in the order of the list."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    rows = {row["program"]: row for row in map(json.loads, lines)}
    return {
        program.name: rows[program.name] | ({"sick": program.sick} if program.sick else {})
        for program in PROGRAMS
        if program.name in rows
    }


def keep(row: dict[str, Any]) -> None:
    """Put a row in the place of the program's older one."""
    rows = kept() | {row["program"]: row}
    order = [program.name for program in PROGRAMS]
    ordered = sorted(rows.values(), key=lambda one: order.index(one["program"]))
    KEPT.write_text("".join(json.dumps(one) + "\n" for one in ordered))


def main() -> int:
    """Run what is asked for; with --check return 1 where results differ, a report is lost or errs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--checkouts", type=Path, help="folder of repositories; without: the page only"
    )
    parser.add_argument("--only", action="append", help="parts of programs' names")
    parser.add_argument("--again", action="store_true", help="also what is kept")
    parser.add_argument("--replay", action="store_true", help="do recorded steps play again?")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 on a difference or a false error"
    )
    given = parser.parse_args()
    for program in PROGRAMS if given.checkouts else ():
        asked = not given.only or any(part in program.name for part in given.only)
        known = kept().get(program.name)
        if given.replay and asked and known and (given.again or "replay" not in known):
            keep(known | {"replay": replayed(program, given.checkouts)})
            print(program.name, kept()[program.name]["replay"], flush=True)
        elif not given.replay and asked and (given.again or known is None):
            row = compared(program, given.checkouts)
            row |= {"replay": known["replay"]} if known and "replay" in known else {}
            keep(row)
            print(json.dumps(row), flush=True)
    rows = list(kept().values())
    repositories = len({program.repository for program in PROGRAMS})
    PAGE.write_text(page(rows, len(PROGRAMS), repositories))
    ran = [row for row in rows if "not_run" not in row]
    bad = sum(row["lost"] or bool(false(row, "errors")) or not equal(row) for row in ran)
    return int(given.check and bad > 0)


if __name__ == "__main__":
    sys.exit(main())
