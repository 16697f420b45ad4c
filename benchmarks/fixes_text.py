"""The figures of `benchmarks/fixes.py`, as lines for a terminal and as a document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gradcheck_cli.records.diagnosis import Status

GOAL = 0.95
DATA = {"labels-without-signal", "degenerate-data"}


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    case: str
    half: str
    label: str
    planted: str
    found: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    offered: int = 0
    first: str = ""
    status: str = ""
    claimed: float | None = None  # effect that the product reports for its first fix
    measured: float | None = None  # and that is found on other seeds
    learns: bool = False
    curable: bool = False  # the first fix or the known cure makes it learn
    seconds: float = 0.0
    error: str = ""
    made: str = ""  # how the arms were made
    obstacle: str = ""  # why none were


@dataclass(frozen=True)
class Counts:
    """The results, sorted by what they are counted for."""

    sick: tuple[Result, ...]  # a network change can help
    beyond: tuple[Result, ...]  # not even the known cure measurably does
    data: tuple[Result, ...]  # the data must be repaired
    healthy: tuple[Result, ...]

    @property
    def cured(self) -> tuple[Result, ...]:
        """Those whose first fix makes the model learn."""
        return tuple(r for r in self.sick if r.learns)

    @property
    def claimed(self) -> tuple[Result, ...]:
        """Those whose first fix is called verified."""
        said = (*self.sick, *self.beyond, *self.data)
        return tuple(r for r in said if r.status == Status.VERIFIED.value)

    @property
    def offered(self) -> tuple[Result, ...]:
        """The healthy ones to which a fix is offered."""
        return tuple(r for r in self.healthy if r.offered)


def counted(results: Sequence[Result]) -> Counts:
    """Sort the results."""
    ill = [r for r in results if r.label != "healthy"]
    network = [r for r in ill if r.planted not in DATA]
    return Counts(
        sick=tuple(r for r in network if r.curable or r.error),
        beyond=tuple(r for r in network if not r.curable and not r.error),
        data=tuple(r for r in ill if r.planted in DATA),
        healthy=tuple(r for r in results if r.label == "healthy"),
    )


def met(results: Sequence[Result]) -> bool:
    """Are the goals reached: nearly all cured, no healthy model offered a fix?"""
    said = counted(results)
    return len(said.cured) >= GOAL * len(said.sick) and not said.offered


def lines(results: Sequence[Result]) -> list[str]:
    """Return what to print."""
    said = counted(results)
    held = [r for r in said.claimed if r.learns]
    return [
        f"first fix makes the model learn: {share(said.cured, said.sick)} of sick cases a change can help",
        f"called verified: {len(said.claimed)}; true on new seeds: {share(held, said.claimed)}",
        f"healthy cases that are offered a fix: {share(said.offered, said.healthy)}",
        *failures(said),
    ]


def failures(said: Counts) -> list[str]:
    """Return every case that went wrong, by name."""
    missed = [r for r in said.sick if not r.learns]
    false = [r for r in said.claimed if not r.learns and r not in missed]
    return [
        *(f"  not cured: {described(r)}" for r in missed),
        *(f"  called verified, did not hold: {described(r)}" for r in false),
        *(f"  healthy, offered: {r.case}: {', '.join(r.found)}" for r in said.offered),
    ]


def described(result: Result) -> str:
    """Return one case with its first fix and its effects as claimed and as measured."""
    effects = [
        f"{name} {value:+.0%}"
        for name, value in (("claimed", result.claimed), ("measured", result.measured))
        if value is not None
    ]
    said = result.error or result.first or "no fix"
    return f"{result.case} ({result.planted}): {' '.join([said, *effects])}"


def document(results: Sequence[Result], command: str) -> str:
    """Return the figures, which this command printed, as Markdown."""
    said = counted(results)
    halves = list(dict.fromkeys(r.half for r in results))
    rows = [
        "| cases | cured by the first fix | called verified, true on new seeds |",
        "|---|---|---|",
    ]
    for half in [*halves, "all"]:
        part = counted([r for r in results if half in {r.half, "all"}])
        held = [r for r in part.claimed if r.learns]
        rows.append(f"| {half} | {share(part.cured, part.sick)} | {share(held, part.claimed)} |")
    used = Counter(r.first.partition(":")[0] for r in said.cured)
    return "\n".join(
        [
            "# How often the first fix works",
            "",
            f"Written by `{command}`, on torch {torch.__version__}. A fix is judged anew, on seeds that the product",
            "did not see, beside control and sham; the module says how.",
            "",
            *rows,
            "",
            f"Healthy cases that are offered a fix: {share(said.offered, said.healthy)}.",
            "",
            "What cured: " + ", ".join(f"{name} {n}" for name, n in used.most_common()) + ".",
            "",
            "## Failures, by name",
            "",
            *(f"- {line.strip()}" for line in failures(said)),
            "",
            "## Counted apart",
            "",
            "Not even the cure that the case's author knows makes these measurably better than control",
            "and sham in the length of the case:",
            "",
            *(f"- {described(r)}" for r in said.beyond),
            "",
            "The data of these must be repaired; no change of the network can help:",
            "",
            *(f"- {described(r)}" for r in said.data),
            "",
        ]
    )


def share(part: Sequence[Result], whole: Sequence[Result]) -> str:
    """Return a share with its denominator."""
    return f"{len(part)}/{len(whole)}" + (f" = {len(part) / len(whole):.1%}" if whole else "")
