"""What the same batches, measured again and after more steps, settle about the running loss."""

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace

_LATER = {Outcome.FINE: "learning", Outcome.WRONG: "stalled", Outcome.NOTED: "slow"}


def settled(trace: Trace, found: str) -> str:
    """Return the state of the loss, `found` where no experiment says more.

    A run that leaves its plateau when it goes on is not stalled; one that stays at the level of a constant
    prediction is, whatever its noisy loss did before.
    """
    later, now = trace.answer("longer"), trace.answer("against-constant")
    if found in {"diverging", "unrated"}:
        return found
    if later is not None and not later.unfinished:
        return _LATER[later.outcome]
    learned = now is not None and now.outcome is Outcome.FINE
    return "learning" if learned and found in {"slow", "stalled"} else found
