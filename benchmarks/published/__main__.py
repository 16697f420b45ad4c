"""Published faults: `python -m benchmarks.published`.

--measure   train each one and its twin plainly, with two seeds, and keep the scores
--look      ask gradcheck of each training, and keep what it said
--write F   write what was kept as a page
--only A..  these faults; all unless told
--sealed S  a sealed set instead (each is looked at once); without a name, the first one
--faulty    ask of the faulty ones, and not of their twins
--again     also those that were kept already
--everyway  ask of scripts also by `gradcheck run`, and try fixes on the sick ones
--later     keep and count what a later look says, beside what the first one said
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.looks import splits
from benchmarks.published import bank, looking, page
from benchmarks.published.measuring import measured


def filled(file: Path, calls: Iterable[str], ask: Callable[[str], Any], *, again: bool) -> None:
    """Ask of every training that was not asked before; keep each answer at once."""
    for call in dict.fromkeys(calls):
        rows = bank.kept(file)
        if again or call not in rows:
            rows[call] = ask(call)
            bank.keep(file, rows)
            print(call, rows[call], flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure, look, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--sealed", nargs="?", const="sealed", choices=splits()["sealed"])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--faulty", action="store_true")
    parser.add_argument("--everyway", action="store_true")
    parser.add_argument("--later", action="store_true")
    options = parser.parse_args(arguments)
    kept = bank.LATER if options.later else bank.SAID
    home = bank.home_of(options.sealed) if options.sealed else bank.HERE
    faults = [
        f for f in bank.faults(home) if f.script and (not options.only or f.id in options.only)
    ]
    calls = [call for fault in faults for call in (fault.script, fault.twin)]
    if options.measure:
        filled(
            home / bank.MEASURED,
            calls,
            partial(measured, home / bank.TRAININGS),
            again=options.again,
        )
    if options.look:
        asked = {
            call: fault
            for fault in faults
            for call in looking.calls(fault, everyway=options.everyway)
            if call != fault.twin or not options.faulty
        }

        def ask(call: str) -> Any:
            return looking.said(home / bank.TRAININGS, asked[call], call, fixes=options.everyway)

        filled(home / kept, asked, ask, again=options.again)
    if options.write is not None:
        options.write.write_text(page.text(), encoding="utf-8")
    print(page.totals(home, kept))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
