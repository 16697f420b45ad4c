"""What was measured and said, as the page docs/published.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.looks import figures_of, looks, splits
from benchmarks.published import bank
from benchmarks.published.bank import Fault
from benchmarks.published.looking import RUN
from benchmarks.published.measuring import label
from docs.markdown import plain, table

ABOUT = {
    "sealed2": "Another one, of other faults",
    "sealed3": "A third one, of twelve scripts and twelve factories, written by somebody who knew this page and the list "
    "of causes by name, but no rule, limit or experiment; the causes that count as right were chosen before it was opened",
    "sealed4": "A fourth one, of plain scripts, written by somebody who had not seen the judge",
    "sealed5": "A fifth one, of plain scripts, and six healthy ones that look odd, by somebody else who had not seen the judge; "
    "one of the healthy ones got no answer but an error of gradcheck's own, which was mended afterwards",
    "sealed6": "A sixth one, of plain scripts, and six healthy ones that look odd, by somebody who had not seen the judge; "
    "afterwards `two_rates`, `absorption` and the alarm about `slots` were mended, each as a class",
    "sealed7": "A seventh one, of plain scripts, and eleven healthy ones that look odd, by somebody who had not seen the judge; "
    "afterwards `biopsies` and the alarm about `by_hand` were mended, each as a class",
    "sealed8": "An eighth one, of plain scripts, and eight healthy ones that look odd, by somebody who had not seen the judge; "
    "the two cores were shared with other work while it was asked",
    "sealed9": "A ninth one, of plain scripts, and eight healthy ones that look odd, by somebody who had not seen the judge",
    "sealed10": "A tenth one, of plain scripts, and eight healthy ones that look odd, by somebody who had not seen the judge; "
    "the two cores were shared with other work while it was asked",
    "sealed11": "An eleventh one, of plain scripts, and eight healthy ones that look odd, by somebody who had not seen the judge",
    "sealed12": "A twelfth one, of plain scripts, and six healthy ones that look odd, by somebody who had not seen the judge; "
    "the two cores were shared with other work while it was asked. Afterwards the alarm about `annotators` was mended as a class",
}
TOOLS = ("UMLAUT", "AutoTrainer", "DeepLocalize", "DeepFD", "DEFault")
HEAD = """# Published faults

Written by `python -m benchmarks.published --write docs/published.md`. Faults of trainings that were published by
others, built anew from their descriptions, without their code, on small data (`benchmarks/published`). Each has
a twin that differs in one thing. What is right is measured without gradcheck: both are trained with two seeds and
scored on held-out data, from 0 (nothing learned) to 1 (perfect). A fault counts where its twin learns (0.3 or
more) and it stays a tenth or more below it, with both seeds.

Asked was `gradcheck diagnose --budget 0 SCRIPT`: 50 steps, experiments on them, no fix tried. Detected: an error or a
warning. Named: the first cause is one that fits what was planted. The experiments end after a time, so a
busy machine sees fewer of them.

"""


@dataclass(frozen=True)
class Row:
    """A fault, its label, and what was said of it."""

    fault: Fault
    label: str
    said: Mapping[str, Any] | None

    @property
    def detected(self) -> bool:
        """Whether an error or a warning was raised."""
        return self.said is not None and bool(raised(self.said))

    @property
    def healthy(self) -> bool:
        """Whether it was called healthy."""
        return self.said is not None and self.said["verdict"] == "healthy"

    @property
    def named(self) -> bool:
        """Whether the first cause fits."""
        causes = self.said.get("causes", ()) if self.said else ()
        return bool(causes) and causes[0] in self.fault.causes


def raised(said: Mapping[str, Any]) -> list[str]:
    """Return the errors and warnings."""
    return [name for name, severity in said.get("findings", {}).items() if severity != "note"]


def rows(home: Path = bank.HERE, kept: str = bank.SAID) -> list[Row]:
    """Return every fault that is built."""
    scores, said = bank.kept(home / bank.MEASURED), bank.kept(home / kept)
    return [Row(f, label(f, scores), said.get(f.script)) for f in bank.faults(home) if f.script]


def twins(
    found: Sequence[Row], home: Path = bank.HERE, kept: str = bank.SAID
) -> dict[str, Mapping[str, Any]]:
    """Return what was said of each corrected training that learns, once each."""
    said = bank.kept(home / kept)
    learning = {row.fault.twin for row in found if row.label in {"sick", "not worse"}}
    return {call: said[call] for call in sorted(learning) if call in said}


def figures(home: Path = bank.HERE, kept: str = bank.SAID) -> dict[str, str]:
    """Return the totals."""
    found = rows(home, kept)
    sick = [row for row in found if row.label == "sick" and row.said is not None]
    corrected = twins(found, home, kept)
    return {
        "faults": str(len(sick)),
        "detected": str(sum(row.detected for row in sick)),
        "called healthy": str(sum(row.healthy for row in sick)),
        "inconclusive": str(sum(not row.detected and not row.healthy for row in sick)),
        "right cause first": str(sum(row.named for row in sick)),
        "corrected twins alarmed about": (
            f"{sum(bool(raised(said)) for said in corrected.values())} of {len(corrected)}"
        ),
    }


def totals(home: Path = bank.HERE, kept: str = bank.SAID) -> str:
    """Return the totals in one line."""
    return "; ".join(f"{name} {value}" for name, value in figures(home, kept).items())


def text() -> str:
    """Return the page."""
    return HEAD + "\n".join(sections())


def sections() -> Iterator[str]:
    """Yield the parts of the page."""
    found = rows()
    sick = [row for row in found if row.label == "sick"]
    yield "## Looks\n"
    yield "The first look stands; a later one is of a judge that may have been changed for what the first showed.\n"
    names = list(figures())
    kept = [
        (k["set"], k["look"], str(k["date"]), k["commit"], *figures_of(k, names))
        for k in looks()
        if k["set"].startswith(("published", "sealed"))
    ]
    yield table(("set", "look", "date", "commit", *names), kept)
    yield "## Each fault, at the first look\n"
    yield table(
        ("fault", "what is wrong", "score, twin's", "verdict", "first cause", ""),
        [(row.fault.id, plain(row.fault.fault), scores_of(row), *words(row)) for row in sick],
    )
    later = [r for r in rows(kept=bank.LATER) if r.label == "sick" and r.said is not None]
    if later:
        yield "## Asked again\n"
        yield (
            "Those that were missed or charged to another cause at the first look, and others, asked of a judge that was "
            "changed for what it showed, beside other jobs: no figure for unseen trainings.\n"
        )
        yield table(
            ("fault", "what is wrong", "verdict", "first cause", ""),
            [(row.fault.id, plain(row.fault.fault), *words(row)) for row in later],
        )
    yield "## Corrected twins that were alarmed about\n"
    alarmed = {call: said for call, said in twins(found).items() if raised(said)}
    yield listed(f"`{call}`: {', '.join(raised(said))}" for call, said in alarmed.items())
    yield "## A sealed set\n"
    yield from sealed()
    yield "## Beside five published tools\n"
    yield from beside(sick)
    yield "## Built, and not scored\n"
    yield listed(
        f"{row.fault.id} ({plain(row.fault.fault)}): {row.label or 'not measured'}, {scores_of(row)}"
        for row in found
        if row.label != "sick"
    )
    yield "## Not built\n"
    yield listed(f"{f.id} ({plain(f.origin)}): {f.left_out}" for f in bank.faults() if f.left_out)


def sealed() -> Iterator[str]:
    """Yield the one look at each sealed set that was opened."""
    yield (
        "Twelve modern trainings, healthy and with one fault, written without a look at rules or limits by "
        "somebody who did not write them, opened once (`benchmarks/sealed`). The twins count as healthy. In `lora` the "
        "50 steps that were watched are those in which the base is trained, not the adapters.\n"
    )
    for name in splits()["sealed"]:
        home = bank.home_of(name)
        if bank.kept(home / bank.SAID):
            if name != "sealed":
                yield f"{ABOUT[name]} (`benchmarks/{name}`).\n"
            yield opened(home)
            if any(call.startswith(RUN) for call in bank.kept(home / bank.SAID)):
                yield by_run(home)
            again = bank.kept(home / bank.LATER)
            if again:
                yield (
                    "Asked again: of those that were missed or charged to another cause, the ones whose class was "
                    "mended since, and their twins. No look at the whole set, and no figure for unseen trainings.\n"
                )
                yield opened(home, bank.LATER)


def opened(home: Path, kept: str = bank.SAID) -> str:
    """Return what was said of a sealed set: a row for each training and one for its twin."""
    found = [row for row in rows(home, kept) if row.said is not None]
    corrected = twins(found, home, kept)
    told = [
        (row.fault.id, plain(row.fault.fault), row.label, *words(row))
        for row in found
        if row.fault.script != row.fault.twin  # a healthy one without a twin
    ]
    for call, said in corrected.items():
        alarms = ", ".join(raised(said))
        told.append((call.split(".")[0], "nothing", "healthy", said["verdict"], "-", alarms))
    return table(("training", "what is wrong", "label", "verdict", "first cause", ""), told)


def by_run(home: Path) -> str:
    """Return what `gradcheck run` said of the scripts of a set, and which fixes were tried by whom."""
    said = bank.kept(home / bank.SAID)
    told = []
    for fault in bank.faults(home):
        for call, wrong in ((fault.script, plain(fault.fault)), (fault.twin, "nothing")):
            row = Row(fault, "", said.get(RUN + call))
            if row.said is None and call == fault.twin:
                continue  # a factory is no script
            alarms = ", ".join(raised(row.said)) if row.said and call == fault.twin else ""
            heard = (*words(row)[:2], alarms or words(row)[2] if wrong != "nothing" else alarms)
            told.append((fault.id, wrong, *heard, fixes(said.get(call)), fixes(row.said)))
    return (
        "The same scripts by `gradcheck run --verify --budget 20`, to their end, and what became of the fixes that "
        "were tried in 20 seconds (of factories by `diagnose`); none was asked for of a twin.\n\n"
        + table(
            (
                "training",
                "what is wrong",
                "run: verdict",
                "run: first cause",
                "",
                "fixes, diagnose",
                "fixes, run",
            ),
            told,
        )
    )


def fixes(said: Mapping[str, Any] | None) -> str:
    """Return each fix and whether it was seen to help."""
    found = said.get("fixes", {}) if said else {}
    return ", ".join(f"{name}: {status}" for name, status in found.items()) or "-"


def listed(lines: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "".join(f"- {line}\n" for line in lines) or "None.\n"


def scores_of(row: Row) -> str:
    """Return the better score of a training, and the worse one of its twin."""
    scores = bank.kept(bank.HERE / bank.MEASURED)
    sick, twin = scores.get(row.fault.script), scores.get(row.fault.twin)
    return f"{max(sick):.2f}, {min(twin):.2f}" if sick and twin else "-"


def words(row: Row) -> tuple[str, str, str]:
    """Return verdict, first cause, and how good they are."""
    if row.said is None:
        return "not asked", "-", ""
    causes = row.said.get("causes") or ["-"]
    mark = "missed" if not row.detected else "right" if row.named else "other cause"
    return row.said["verdict"], causes[0], mark


def beside(sick: Sequence[Row]) -> Iterator[str]:
    """Yield the table of the peers, on the faults for which their answers were published."""
    known = [row for row in sick if row.said is not None and row.fault.peers]
    yield (
        "What the tools said was published of the original programs, not of the trainings here: "
        "the fault is the same, data and framework are not.\n"
    )
    told = [("gradcheck, here", [(row.detected, row.named) for row in known])]
    told += [
        (tool, [row.fault.peers[tool] for row in known if tool in row.fault.peers])
        for tool in TOOLS
    ]
    counted = [
        (tool, str(len(said)), str(sum(d for d, _ in said)), str(sum(n for _, n in said)))
        for tool, said in told
    ]
    yield table(("tool", "faults", "detected", "named"), counted)
