"""GC410 held-back."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.circumstances import HARMLESS, lost_at_start
from gradcheck_cli.features.mismatch import DROWNED, drowned
from gradcheck_cli.features.profile import late, typical, update_ratio
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import asked, hit_of, hits, speaks_against
from gradcheck_cli.rules.base import Evidence, Hit, Severity, rule

# Asked of runs that learn, too.
OF_LEARNING = tuple(
    "without-decay unclipped unfrozen standardized-inputs cross-entropy without-softmax".split()
)
CHANGES = (
    *OF_LEARNING,
    *"rate-lower rate-higher without-dropout without-penalty standardized-targets fitting-output".split(),
    *"nonlinear-layers numbered-positions adaptive-steps redrawn-weights larger-scores exchanged-samples two-changes".split(),
)
USUAL_PACE = 1e-3  # change of a layer per step (Karpathy, cs231n notes)
HALF = 50.0  # percent of all that can be gained: far beyond what a run that only falls has gained


@rule("GC410", "held-back")
def held_back(trace: Trace) -> Iterator[Hit]:
    """One setting slows the run down many times: it learns at once without it.

    Measures  what 60 steps gain with one thing changed (rate, decay, dropout, penalty, scales, initial weights),
              against what the unchanged run gains when it goes on for a multiple of the observed steps. Of several
              comparisons in one loss: what part of it each makes, and its loss beside that of its own constant.
    Reports   a change that gains at least twice as much in its few steps, where the unchanged run was no
              better than a constant prediction after the observed steps; at least half of all that can
              be gained, or with a measurement that names the same cause, where the unchanged run was not
              clearly better when it had gone on either. Of a run that learns: samples that are left out cost
              less than half of what they do unchanged, without decay, unclipped, with standardized inputs, with cross entropy for the gradient, without softmaxes between layers, or with
              frozen random layers trained. Of Adam in place of another optimizer, always at least a half.
              A task of which constant predictions make less than a thousandth of the loss, and which stays above 95 % of its own constant, while
              another falls below 80 % of its; or one with less than 2 % of the gradient at shared layers, which stays there when the run goes on
              while others fall, and is learned along its own gradient.
    Matters   the run would take many times as long, and often ends worse.
    Severity  warning; error where the run has gone on to the end and is no better than a constant prediction, or one of its tasks is not.
    Not for   other changes of runs that learn in the observed steps; a larger rate where weights move by a thousandth of their
              size per step already, or larger initial weights where less than two decades of the gradient are lost at
              first, and the run learns when it goes on; runs that never learn (GC403).
    Sources   an effect is what an intervention changes (Pearl 2009, ch. 3).
    """
    if (part := speaks_against(trace, "parts-learn")) is not None:
        yield hit_of(part, Severity.WARNING if part.unfinished else Severity.ERROR)
        return
    if (said := drowned(trace)) is not None:
        habits = trace.loop.habits_of(Kind.DROWNED) if trace.loop else ()
        share = min(habit.numbers["share"] for habit in habits)
        yield Hit(
            severity=Severity.WARNING,
            message=f"{said}.",
            evidence=(Evidence("share of the loss", share, DROWNED),),
        )
        return
    if trace.answer("longer") is None:
        yield from hits(trace, *OF_LEARNING, severity=Severity.WARNING)
        return
    [later] = asked(trace, "longer")
    if later.outcome not in {Outcome.FINE, Outcome.NOTED}:
        return
    for name in CHANGES:
        sure = later.outcome is not Outcome.FINE or name == "adaptive-steps"
        least = HALF if sure else 0.0
        answer = trace.answer(name)
        if answer is None or answer.outcome is not Outcome.WRONG:
            continue
        if not least and _is_taste(trace, answer):
            continue
        if (answer.measured or 0.0) >= least or _agreed(trace, answer):
            whole = later.outcome is Outcome.NOTED and not later.unfinished
            stands = whole and (later.measured or 0.0) <= 0
            yield hit_of(answer, Severity.ERROR if stands else Severity.WARNING)


def _is_taste(trace: Trace, answer: Answer) -> bool:
    """Is a run that learns by itself merely slower than it could be, by what is no mistake?"""
    if answer.name == "redrawn-weights" and "init-too-small" in answer.supports:
        return lost_at_start(trace) < HARMLESS
    return answer.name == "rate-higher" and _at_usual_pace(trace)


def _at_usual_pace(trace: Trace) -> bool:
    """Do weights move as much per step as usual? A larger rate may be better, this one is not too low."""
    moves = (typical(late(trace), x.path, update_ratio) for x in trace.weight_layers)
    known = [move for move in moves if move is not None]
    return bool(known) and median(known) >= USUAL_PACE


def _agreed(trace: Trace, answer: Answer) -> bool:
    """Does something that was measured without training name the same cause?"""
    return any(
        other.outcome is Outcome.WRONG
        and other.name not in CHANGES
        and set(other.supports) & set(answer.supports)
        for other in trace.examination
    )
