"""Changes together with a smaller learning rate of their own.

What makes a network learn also makes its steps larger: where a gradient that was 1e-8 becomes 1, the
rate that was raised to make up for it overshoots.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.change_learning_rate import rate, scaled
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.remedies.wording import paste
from gradcheck_cli.targets.training import Training

MOST = 2  # changes, the best guesses
FACTOR = 0.1


def slower(training: Training, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
    """Yield the first changes again, each with a tenth of the learning rate."""
    now = rate(training)
    able = [p for p in proposals if p.change is not None and p.part not in {"rate", "all", "data"}]
    if not now:
        return
    new = f"{now * FACTOR:.3g}"
    for proposal in able[:MOST]:
        assert proposal.change is not None
        fix = proposal.fix
        lowered = Edit(act=Act.ARGUMENT, name="lr", old=repr(now), new=new)
        yield replace(
            proposal,
            fix=replace(
                fix,
                summary=f"{fix.summary} With learning rate {new} instead of {now:g}.",
                code=paste(
                    fix.code,
                    f"for group in optimizer.param_groups:\n    group['lr'] = {new}  # was {now:g}",
                ),
            ),
            change=together(fix.summary, [proposal.change, scaled(FACTOR)]),
            part="all",
            size=proposal.size + 1,
            edits=(*proposal.edits, lowered) if proposal.edits else (),
        )
