"""Changes together with a learning rate of their own.

What makes a network learn also makes its steps larger: where a gradient that was 1e-8 becomes 1, the
rate that was raised to make up for it overshoots. And a rate that is wrong by decades hides what else
is wrong, so that neither change learns without the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradcheck_cli.remedies.base import Draft, Proposal
from gradcheck_cli.remedies.change_learning_rate import HIGHEST, draft, rate
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.remedies.wording import paste
from gradcheck_cli.targets.training import Training

MOST = 2  # changes, the best guesses
SLOWER, FASTER = 0.1, 10.0
ALONE = {
    "rate",
    "all",
    "data",
    "loop",
}  # parts that are tried at the rate there is; a mistake of the loop is a fact
WIRING = "wiring"  # the part whose repair lets parameters move that did not


def paced(
    training: Training, proposals: Sequence[Proposal], *, adaptive: bool
) -> Iterator[Proposal]:
    """Yield the first changes again, each with a tenth of the learning rate.

    A rate that was chosen while parts of the network could not move says nothing about the whole:
    repairs of the wiring come with ten times the rate, too.
    """
    now = rate(training)
    if now:
        for proposal in _first(proposals):
            if proposal.part == WIRING and FASTER * now <= HIGHEST[adaptive]:
                yield _joined(proposal, draft(now, FASTER))
            yield _joined(proposal, draft(now, SLOWER))


def at_rate(chosen: Proposal, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
    """Yield the first changes again, each with the learning rate that `chosen` proposes."""
    assert chosen.change is not None
    fix = chosen.fix
    new = Draft(summary=fix.summary, code=fix.code, change=chosen.change, edits=chosen.edits)
    for proposal in _first(proposals):
        yield _joined(proposal, new)


def _first(proposals: Sequence[Proposal]) -> list[Proposal]:
    able = [p for p in proposals if p.is_tried and p.part not in ALONE]
    return able[:MOST]


def _joined(proposal: Proposal, new: Draft) -> Proposal:
    assert proposal.change is not None
    assert new.change is not None
    fix, said = proposal.fix, new.summary
    return replace(
        proposal,
        fix=replace(
            fix,
            summary=f"{fix.summary} With {said[0].lower()}{said[1:]}",
            code=paste(fix.code, new.code),
        ),
        change=together(fix.summary, [proposal.change, new.change]),
        part="all",
        size=proposal.size + 1,
        edits=(*proposal.edits, *new.edits) if proposal.edits else (),
    )
