"""How often gradcheck is right: `python -m benchmarks.accuracy`.

Every scored case of the bank is trained for 50 steps in this process, observed, examined, judged and
its causes ranked as `gradcheck diagnose --no-verify` does it, and the answer is held against the label that
measurement gave the case. The clock of the experiments counts seconds of the processor, so that a busy
machine asks no less. A finding counts as raised when it is an error or a warning. Precision
counts a second symptom as right where the case's own evidence shows it: `benchmarks/truth.py` says
how for each finding. The peers' rules (`benchmarks/peers.py`) see the same runs.

--half development|held-back|fresh|unseen|later|latest|closing|all   which cases
--only healthy|sick, --sample N   of each half those of one kind, and N of them, drawn by their names
--examine full|quick|none   how much is tried on each; none: rules and passes alone
Failures are listed of sets for tuning alone (`benchmarks/splits.yaml`).

--keep     write the figures of each half down in benchmarks/looks.yaml
--check    exit 1 when a goal is missed on cases that it was not written from
--cache F  keep what was observed in F, so that judging again takes seconds
--peers    on which halves the peers are run; all unless told, none with no word after it
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy_text import table
from benchmarks.as_scripts import processor_clock
from benchmarks.cases import CASES, EVIDENCE, Case
from benchmarks.looks import add, splits
from benchmarks.observing import Kept, observed
from benchmarks.peers import NAIVE, PEERS
from benchmarks.scoring import Outcome, PeerScore, Score, outcome, score, score_peer
from gradcheck_cli.examine import DEPTHS

HALVES = ("development", "held-back", "fresh", "unseen", "later", "latest", "closing")
KIND = {True: "healthy", False: "sick"}
UNSEEN = ("held-back", "fresh", "unseen", "later", "latest", "closing")  # what the goals are for


def missed(part: Score, others: dict[str, PeerScore]) -> list[str]:
    """Return the goals that are missed on some cases."""
    goals = (
        ("vanishing precision", part.vanishing.precision.value, ">=", 0.98),
        ("vanishing recall", part.vanishing.recall.value, ">=", 0.97),
        ("errors on healthy cases", part.errors.value, "<=", 0.0),
        ("errors or warnings on healthy cases", part.alarms.value, "<=", 0.02),
        ("precision of the other findings", part.others.precision.value, ">=", 0.95),
        ("recall of the other findings", part.others.recall.value, ">=", 0.9),
        ("cause ranked first", part.first.value, ">=", 0.9),
    )
    found = []
    for name, value, sign, limit in goals:
        holds = value is not None and (value >= limit if sign == ">=" else value <= limit)
        if not holds:
            found.append(
                f"{name} {'unknown' if value is None else f'{value:.3f}'} ({sign} {limit})"
            )
    for peer, theirs in others.items():
        pairs = (
            ("vanishing precision", part.vanishing.precision.value, theirs.precision.value, 1),
            ("vanishing recall", part.vanishing.recall.value, theirs.recall.value, 1),
            ("healthy cases said to vanish", *healthy(part, theirs, "vanishing_alarms"), -1),
            # a single formula raises no other alarms: these are compared between tools
            ("alarms on healthy cases", *healthy(part, theirs, "alarms"), -int(peer not in NAIVE)),
        )
        found += [
            f"{name} not ahead of {peer}"
            for name, ours, value, sign in pairs
            if ours is not None and value is not None and sign * ours < sign * value
        ]
    return found


def healthy(part: Score, theirs: PeerScore, kind: str) -> tuple[float | None, float | None]:
    """Return our share and theirs of the healthy cases about which something is said."""
    return getattr(part, kind).value, getattr(theirs, kind).value


def drawn(half: str, only: str | None, sample: int | None) -> list[Case]:
    """Return the scored cases of a half, or some of one kind, the same each time."""
    scored = [case for case in CASES if case.scored and case.half == half]
    kind = [case for case in scored if only in {None, KIND[case.label == "healthy"]}]
    order = sorted(kind, key=lambda case: hashlib.sha256(f"{case.name} drawn".encode()).digest())
    chosen = {case.name for case in order[:sample]}
    return [case for case in kind if case.name in chosen]


def main(arguments: Sequence[str]) -> int:
    """Observe, judge, count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all")
    parser.add_argument("--only", choices=("healthy", "sick"))
    parser.add_argument("--sample", type=int, help="so many cases of each half")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--examine", choices=DEPTHS, default="full")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--peers", choices=HALVES, nargs="*", default=HALVES)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--figures-only", action="store_true", help="do not list the failures")
    options = parser.parse_args(arguments)
    time.monotonic = processor_clock()
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    halves = HALVES if options.half == "all" else (options.half,)
    cases = [case for half in halves for case in drawn(half, options.only, options.sample)]
    outcomes: dict[str, list[Outcome]] = {half: [] for half in halves}
    kept = Kept(options.cache)
    for case, trace, run in observed(
        cases, options.steps, options.examine, kept, with_peers=options.peers
    ):
        outcomes[case.half].append(outcome(case, trace, run, evidence[case.name]))
    if len(halves) > 1:
        outcomes["all"] = [result for half in halves for result in outcomes[half]]
    scores = {half: score(results) for half, results in outcomes.items()}
    peers = {
        half: {name: found for name in PEERS if (found := score_peer(name, results)) is not None}
        for half, results in outcomes.items()
        if half in options.peers or set(halves) <= set(options.peers)
    }
    listed = () if options.figures_only else splits()["tune"]
    print(table(scores, peers, failures=listed))
    for half, part in scores.items():
        if options.keep and half != "all":
            add(half, figures(part, drawn=bool(options.only or options.sample)))
    lacking = {
        half: missed(scores[half], peers.get(half, {})) for half in UNSEEN if scores.get(half)
    }
    for half, found in lacking.items():
        for line in found:
            print(f"goal missed on the {half} cases: {line}")
    print(summary(scores))
    return int(options.check and any(lacking.values()))


def figures(part: Score, *, drawn: bool) -> dict[str, str | int]:
    """Return what is written down of a look."""
    counted = {
        "vanishing precision": part.vanishing.precision,
        "vanishing recall": part.vanishing.recall,
        "healthy with an error": part.errors,
        "healthy with any alarm": part.alarms,
        "right cause first": part.first,
    }
    rows = {name: f"{ratio.hits} of {ratio.of}" for name, ratio in counted.items() if ratio.of}
    return {"scored" + (", drawn" if drawn else ""): part.cases, **rows}


def summary(scores: dict[str, Score]) -> str:
    """Return the figures in one line."""
    parts = []
    for half, part in scores.items():
        single = (
            f"vanishing {figure(part.vanishing.precision.value)} / "
            f"{figure(part.vanishing.recall.value)}",
            f"healthy errors {part.errors.hits}/{part.errors.of}, alarms {part.alarms.hits}",
            f"others {figure(part.others.precision.value)} / {figure(part.others.recall.value)}",
            f"cause {figure(part.first.value)}",
        )
        parts.append(f"{half}: " + ", ".join(single))
    return "precision / recall; " + "; ".join(parts)


def figure(value: float | None) -> str:
    """Return a share in three digits."""
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
