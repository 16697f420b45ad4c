"""What was observed of a training, as it is kept to be judged again."""

from dataclasses import dataclass, field

from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.report import RunFacts
from gradcheck_cli.records.trace import Gap, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do next, as it can be done with the training that was observed."""

    longer: str = ""  # in the headline, where too little was seen: how more is
    healthy: tuple[str, ...] = ("put it into CI: gradcheck diagnose ... --fail-on error",)
    unsure: tuple[str, ...] = ("observe more steps: add --steps auto",)
    untried: tuple[str, ...] = (
        "leave out --no-verify to have the fixes tried on your model and data",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One training: its trace, and what the rules and the report have to know beside it."""

    trace: Trace
    run: RunFacts = field(default_factory=RunFacts)
    assumptions: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()  # beside those of the trace
    crashed: tuple[Crash, ...] = ()  # before the rules were asked
    advice: Advice = field(default_factory=Advice)
    subject: str | None = None
    mute: str = ""  # why nothing can be said of the loss
