"""The figures of `benchmarks/accuracy.py` as tables for a terminal."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from benchmarks.scoring import PeerScore, Score
from benchmarks.truth import VANISHING

Scores = Mapping[str, Score]
Peers = Mapping[str, Mapping[str, PeerScore]]


def overall(scores: Scores) -> list[list[str]]:
    """Return the rows of the first table."""
    rows = [["", *scores]]
    lines = (
        ("cases scored", lambda s: str(s.cases)),
        ("healthy / vanishing / other", split),
        ("vanishing: precision", lambda s: str(s.vanishing.precision)),
        ("vanishing: precision by labels alone", lambda s: str(s.strict)),
        ("vanishing: recall", lambda s: str(s.vanishing.recall)),
        ("healthy cases with an error", lambda s: str(s.errors)),
        ("healthy cases with an error or a warning", lambda s: str(s.alarms)),
        ("other findings: precision", lambda s: str(s.others.precision)),
        ("other findings: recall", lambda s: str(s.others.recall)),
        ("planted cause ranked first", lambda s: str(s.first)),
        ("planted cause among the first two", lambda s: str(s.second)),
    )
    return rows + [[name, *(of(part) for part in scores.values())] for name, of in lines]


def split(part: Score) -> str:
    """Return how many cases there are of each kind."""
    vanishing = part.vanishing.recall.of
    return f"{part.healthy} / {vanishing} / {part.cases - part.healthy - vanishing}"


def by_finding(scores: Scores) -> list[list[str]]:
    """Return the rows of the table of findings."""
    names = sorted({name for part in scores.values() for name in part.rows} - {VANISHING})
    rows = [["finding", *(f"{half}: {what}" for half in scores for what in ("prec.", "recall"))]]
    for name in [VANISHING, *names]:
        row = [name]
        for part in scores.values():
            found = part.rows.get(name)
            row += ["-", "-"] if found is None else [str(found.precision), str(found.recall)]
        rows.append(row)
    return rows


def beside(part: Score, peers: Mapping[str, PeerScore]) -> list[list[str]]:
    """Return the rows of the table of peers for one half."""
    rows = [
        [
            "tool or rule",
            "vanishing: precision",
            "vanishing: recall",
            "healthy cases said to vanish",
            "healthy cases with any alarm",
        ]
    ]
    said = part.vanishing
    ours = (said.precision, said.recall, part.vanishing_alarms, part.alarms)
    rows.append(["gradcheck", *map(str, ours)])
    for name, found in peers.items():
        alarms = (found.vanishing_alarms, found.alarms)
        rows.append([name, str(found.precision), str(found.recall), *map(str, alarms)])
    return rows


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def listed(part: Score) -> Iterable[str]:
    """Return the failures, one line each."""
    for name, what, said in part.failures:
        yield f"{name}: {what}; {said}"


def parts(scores: Scores) -> dict[str, Score]:
    """Return the halves without their sum."""
    return {half: part for half, part in scores.items() if half != "all"}


def table(scores: Scores, peers: Peers, *, failures: Collection[str]) -> str:
    """Return everything for a terminal, with the failures of some sets."""
    text = [plain(overall(scores))]
    for half, part in scores.items():
        text.append(f"\n{half}\n" + plain(by_finding({half: part})))
        if peers.get(half):
            text.append("\n" + plain(beside(part, peers[half])))
    for half, part in parts(scores).items():
        if half in failures and part.failures:
            text.append(f"\nfailures, {half}\n" + "\n".join(f"  {line}" for line in listed(part)))
    return "\n".join(text)
