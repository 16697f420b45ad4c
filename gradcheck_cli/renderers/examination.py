"""What was tried, as a checklist: the same words in every format."""

from collections.abc import Iterator, Sequence

from gradcheck_cli.records.examination import Answer, Outcome

MARKS = {
    Outcome.FINE: "fine",
    Outcome.WRONG: "wrong",
    Outcome.NOTED: "noted",
    Outcome.SKIPPED: "not asked",
}
_ORDER = (Outcome.WRONG, Outcome.NOTED, Outcome.FINE)


def ordered(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Return what was answered, what speaks against the training first."""
    told = [a for a in answers if a.outcome in _ORDER]
    return tuple(sorted(told, key=lambda a: _ORDER.index(a.outcome)))


def unasked(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield why questions were not asked, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        if answer.outcome is Outcome.SKIPPED:
            reasons.setdefault(answer.reason, []).append(answer.name)
    yield from (f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
