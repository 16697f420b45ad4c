"""The page of all rows that were kept."""

from collections import Counter
from typing import Any

HEAD = """# On public programs

Training programs that others published, unchanged, run alone and under plain `gradcheck run`, which makes
experiments when a program has ended. The list with commits, commands and stand-ins is `benchmarks/programs/`:
{listed} programs of {repositories} repositories. None of their code is here. `python -m benchmarks.public --checkouts FOLDER` runs those whose repository is at hand and writes
this page of the rows that it keeps in `benchmarks/public.jsonl`.

What a program would download is replaced by small data with something to learn: handwritten digits in the files of
MNIST, sentences of a small grammar, citation networks of drawn communities, transformers of 50,000 weights drawn at
random. Runs are cut short by the program's own options; where it has none, the environment ends it after some
episodes. Entropy of `random`, NumPy and torch is fixed for both runs. Programs whose processes race for the same
weights (mnist_hogwild) are not listed: no two of their runs are equal.

A row is written when its program is run, at the state of gradcheck of that day. What a program shows to be wrong
is mended and the program is run again: the counts are no first looks where it ran more than once.

- *equal*: what it prints, its warnings, its exit code and the files that it writes (weights, pictures,
  arrays) are those of the run alone. Times, rates and dates are left out.
- *asked*: how many questions were put to it by experiments on its recorded steps; 0 where they could not be played.
- *cost*: processor time, start, experiments and report included; of runs of seconds on a shared machine, so it says little
  about long ones. [Cost](cost.md) measures that.
"""

PLAYED = """What `run --verify` recorded of a program, played once more without any change ([how](replay.md)).
Fixes are tried on it only where every loss is the recorded one.
"""


def equal(row: dict[str, Any]) -> bool:
    """Return whether both runs did the same."""
    codes = row["codes"]
    return (
        row["same_output"] and row["same_warnings"] and row["same_files"] and codes[0] == codes[1]
    )


def false(row: dict[str, Any], kind: str) -> list[str]:
    """Return the findings of a severity that a program does not deserve."""
    return [name for name in row.get(kind, []) if name not in row.get("sick", "")]


def cell(text: object) -> str:
    """Return a text that fits into a cell."""
    return str(text).replace("|", "/").replace("\n", " ")


def total(ran: list[dict[str, Any]]) -> list[str]:
    """Return the counts beside their limits."""
    errors = sum(bool(false(row, "errors")) for row in ran)
    warnings = sum(bool(false(row, "warnings")) for row in ran)
    lost = sum(row["lost"] for row in ran)
    unequal = [row["program"] for row in ran if not equal(row)]
    areas = ", ".join(f"{n} {a}" for a, n in Counter(row["area"] for row in ran).most_common())
    costs = sorted(row["cost"] for row in ran)
    return [
        f"**{len(ran)} programs ran**: {areas}.",
        "",
        "| what | measured | limit |",
        "|---|---|---|",
        f"| programs with a false error | {errors} | 0 |",
        f"| programs with a false warning | {warnings} ({warnings / max(len(ran), 1):.1%}) | 2 % |",
        f"| lost reports | {lost} | 0 |",
        f"| programs with another result | {len(unequal)}{' (' + ', '.join(unequal) + ')' if unequal else ''} | 0 |",
        f"| programs that were experimented on | {sum(bool(row.get('asked')) for row in ran)} | |",
        f"| cost, median | {costs[len(costs) // 2] if costs else 0}x | |",
        "",
    ]


def page(rows: list[dict[str, Any]], listed: int, repositories: int) -> str:
    """Return the page in Markdown."""
    ran = [row for row in rows if "not_run" not in row]
    left = [row for row in rows if "not_run" in row]
    lines = [HEAD.format(listed=listed, repositories=repositories), *total(ran)]
    lines += [
        "| program | area | commit | equal | cost | steps | asked | verdict | findings | said |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    for row in ran:
        serious = [*(f"**{n}**" for n in row.get("errors", [])), *row.get("warnings", [])]
        shown = (
            *(row["program"], row["area"], row["commit"], "yes" if equal(row) else "**no**"),
            *(f"{row['cost']}x", row.get("steps", ""), row.get("asked", "")),
            row.get("verdict", "lost"),
            *(", ".join(serious), row["said"]),
        )
        lines.append("| " + " | ".join(map(cell, shown)) + " |")
    lines += ["", "Errors are bold; the others are warnings.", ""]
    if known := [row for row in ran if row.get("sick")]:
        lines += ["## Sick by themselves", ""]
        lines += [f"- {row['program']}: {row['sick']}" for row in known] + [""]
    if played := [row for row in ran if "replay" in row]:
        lines += ["## Played again", "", PLAYED]
        lines += ["| program | recorded steps, played unchanged |", "|---|---|"]
        lines += [f"| {row['program']} | {cell(row['replay'])} |" for row in played] + [""]
    if wrong := [r for r in ran if false(r, "errors") or false(r, "warnings") or not equal(r)]:
        lines += ["## Known to be wrong", ""]
        lines += [f"- {row['program']}: {why(row)}" for row in wrong] + [""]
    lines += ["## Listed, not run", ""]
    lines += [f"- {row['program']} (`{row['commit']}`): {cell(row['not_run'])}" for row in left]
    lines += [f"- {listed - len(rows)} more, which were not tried for this page"]
    return "\n".join(lines).rstrip() + "\n"


def why(row: dict[str, Any]) -> str:
    """Return what is wrong in one line."""
    parts = [
        f"false {', '.join(false(row, kind))}"
        for kind in ("errors", "warnings")
        if false(row, kind)
    ]
    parts += [
        f"{key.replace('_', ' ')}: {' / '.join(map(str, row[key]))}"[:240]
        for key in ("differs", "warnings_differ", "files_differ")
        if key in row
    ]
    return cell("; ".join(parts) or "another exit code")
