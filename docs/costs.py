"""The tables of docs/cost.md, from what the benchmarks measured last and kept beside themselves."""

import json
from pathlib import Path
from typing import Any

from docs.markdown import plain, table

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def kept(name: str) -> dict[str, Any]:
    """Return the figures that a benchmark wrote."""
    return json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))


def where(machine: dict[str, Any]) -> str:
    """Say what was measured on."""
    on = f"{machine['cores']} cores, threads used: {machine['threads']}"
    return f"{on} ({machine['processor']}, {machine['device']}), torch {machine['torch']}"


def watching() -> str:
    """Return the table of what watching costs, of benchmarks/overhead.py."""
    found = kept("overhead")
    goals = found["goals"]
    rows = [
        (name, f"{row['every step']:.2f}x", f"{row['sampled']:.3f}x", f"{row['memory']:+.1%}")
        for name, row in found["models"].items()
    ]
    goal = (f"{goals['every step']:.2f}x", f"{goals['sampled']:.2f}x", f"{goals['memory']:+.0%}")
    rows.append(("goal", *goal))
    head = ("model", "`diagnose`: every step", "`run`, `watch`: 500 steps", "extra peak memory")
    said = f"Time relative to the bare training on {where(found['machine'])}."
    return f"{table(head, rows)}\n{said}\n"


def beside() -> str:
    """Return the table of other tools, of benchmarks/overhead.py --peers."""
    found = kept("overhead")["peers"]
    models, failed = list(found["gradcheck"]), []
    own = [f"{ratio:.2f}x" for ratio in found["gradcheck"].values()]
    rows = [("**gradcheck**", "outputs, gradients, weights, updates", *own)]
    for tool in found["tools"]:
        cells = []
        for model in models:
            got = tool["models"][model]
            cells.append("fails" if isinstance(got, str) else f"{got:.2f}x")
            if isinstance(got, str):
                failed.append(f"- {plain(tool['name'])} on {model}: {plain(got)}\n")
        name = plain(f"{tool['name']} {tool['version']}".strip())
        rows.append((name, plain(", ".join(tool["reads"])), *cells))
    said = f"Time relative to the bare training on {where(found['machine'])}."
    reasons = "Where a tool fails:\n\n" + "".join(failed) if failed else ""
    return f"{table(('tool', 'reads', *models), rows)}\n{said} {reasons}"


def first_fix() -> str:
    """Return how long the first proven fix takes, of benchmarks/first_fix.py."""
    found = kept("first_fix")
    return (
        f"From an empty folder to the first proven fix it takes {found['seconds']:.0f} s ({found['processor']:.0f} s of "
        f"processor time) on {found['cores']} cores, where torch and gradcheck are installed: the median of\n"
        f"{found['rounds']} runs of `python -m benchmarks.first_fix`.\n"
    )


def long_runs() -> str:
    """Return the table of long runs, of benchmarks/judging.py."""
    rows = [
        (what, f"{measured:.3f} {unit}", f"{limit:g} {unit}")
        for what, (measured, limit, unit) in kept("judging").items()
    ]
    return table(("what", "measured", "goal, at most"), rows)


def growth() -> str:
    """Return the table of how the cost grows, of benchmarks/scaling.py."""
    found = kept("scaling")
    rows = [
        (f"{p['size']:,} {what}", f"{p['bare'] * 1e3:,.1f} ms", f"{p['added'] * 1e3:,.1f} ms")
        for what, grown in found["sizes"].items()
        for p in grown["points"]
    ]
    slopes = ", ".join(f"{grown['slope']:.2f} in {what}" for what, grown in found["sizes"].items())
    said = (
        f"Growth is the slope of the added time against the three largest sizes, both as logarithms; 1 is linear: "
        f"{slopes} (goal: at most {found['goal']:g}). Measured on {where(found['machine'])}."
    )
    return f"{table(('size', 'bare step', 'watching adds'), rows)}\n{said}\n"
