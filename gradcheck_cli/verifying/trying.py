"""The search for a fix that works: many candidates on one seed, the promising ones on several.

All arms of one seed share initial chance and batches. Candidates are lengthened together until one
of them clearly learns, so slow learners get their hundreds of steps and quick ones do not wait.
What promises most is confirmed for longer where the time allows it, for a quick start is no cure,
and the fix that comes out first is repeated on twice as many seeds: a change that diverges at one
seed in four gets through three seeds in two cases of five. Combinations come when no single one helps.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.diagnosis import Status, Verification
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.with_rate import at_rate
from gradcheck_cli.targets.devices import fewest_threads
from gradcheck_cli.targets.repeatable import Repeatable
from gradcheck_cli.verifying.arms import JUDGED_BY_DEFAULT, losses_of_few
from gradcheck_cli.verifying.bench import Bench, Trial
from gradcheck_cli.verifying.memory import fitting
from gradcheck_cli.verifying.printed import printable
from gradcheck_cli.verifying.verdicts import MATERIAL

Progress = Callable[[str], None]

OBSERVED = 50
LENGTHS = (100, 300, 1000)  # steps
SEEDS = 3
MOST_SEEDS = 6  # for the fix that is to be recommended
SEARCH_SHARE = 0.5  # of the time that is left; the rest confirms
RATE = "rate"  # the part of a proposal that changes the learning rate
COMBINED = "all"  # the part of a proposal that changes several parts at once
RIVALS = 3  # control, sham and the candidate that is being run
ENOUGH = 3  # verified remedies, after which the others get two seeds only
RUNS = (ENOUGH + 2) * SEEDS + RIVALS * (MOST_SEEDS - SEEDS)  # that confirm and repeat
LONGER_SHARE = 0.25  # of the time, in which longer runs have to be done
KEPT = 6  # candidates that are always lengthened
ALIKE = 0.05  # effects closer than this, or than their spread, are taken as equal
STRONG = 0.3  # a fall that needs no longer runs
FACT = 1.0  # the score of a cause that is one
ORDER = (Status.VERIFIED, Status.HELPS_PARTLY, Status.NOT_RUN, Status.INEFFECTIVE, Status.HARMFUL)


def estimate(seconds_per_step: float, candidates: int, budget: float) -> float:
    """Return about how many seconds `prove` will take, to be said beforehand."""
    length = LENGTHS[_fits(LENGTHS[1], seconds_per_step, budget)]
    return min(budget, ((candidates + 2) * LENGTHS[0] + RUNS * length) * seconds_per_step)


def forecast(proposals: Sequence[Proposal], seconds_per_step: float, budget: float) -> str:
    """Return what is said before fixes are tried: how many, and how long it will take."""
    tries = sum(p.is_tried for p in proposals)
    seconds = estimate(seconds_per_step, tries, budget)
    return f"trying {tries} {'fix' if tries == 1 else 'fixes'}, about {seconds:.0f} s"


def prove(
    target: Repeatable,
    proposals: Sequence[Proposal],
    *,
    budget: float = 60.0,
    baseline: Sequence[Finding] = (),
    on_progress: Progress | None = None,
    observed: int = OBSERVED,
    lengths: Sequence[int] = LENGTHS,
    seed: int | None = None,
    policy: Policy = JUDGED_BY_DEFAULT,
) -> tuple[Proposal, ...]:
    """Try the proposals and return them with what was measured in their fixes, the best first.

    `policy` judges the trials as it judged the run. At least the first candidate that can be tried
    is always tried, on two seeds.
    """
    say = on_progress or (lambda _: None)
    trials = [Trial(p, verification=Verification(reason=p.cannot)) for p in proposals]
    able = [t for t in trials if t.proposal.is_tried]
    if able:
        first = target.seed if seed is None else seed
        seeds = tuple(first + i for i in range(MOST_SEEDS if target.varies else 1))
        copies, reason = fitting(target)
        bench = Bench(target, tuple(baseline), seeds, 0.0, observed, copies, policy)
        _all(able, reason or "no time was left to try it")
        if not reason:
            with fewest_threads(lambda: losses_of_few(target)):
                trials += _try(bench, able, lengths, time.monotonic() + budget, say)
    return printable(target, [_made(target.maker, one) for one in _ranked(trials)])


def _made(maker: str, proposal: Proposal) -> Proposal:
    """Say how the arms were made, where there are any."""
    said = proposal.fix.verification
    if not said.arms:
        return proposal
    said = replace(said, made=maker)
    said = replace(said, reason=said.reason.replace("held-out loss", said.compared))
    return replace(proposal, fix=replace(proposal.fix, verification=said))


def _all(trials: Sequence[Trial], reason: str) -> None:
    for trial in trials:
        trial.verification = Verification(reason=reason)


def _try(
    bench: Bench, trials: Sequence[Trial], lengths: Sequence[int], end: float, say: Progress
) -> list[Trial]:
    """Try single changes, and the combinations if none of those is promising or is verified.

    Returns combinations that came to mind on the way, with the learning rate that helped most.
    """
    single = [t for t in trials if t.proposal.part != COMBINED]
    waiting = [t for t in trials if t.proposal.part == COMBINED]
    promising = _search(bench, single, lengths, end, say)
    known = {t.proposal.fix.summary for t in trials}
    more = [Trial(p) for p in _at_best_rate(single) if p.fix.summary not in known]
    waiting = [*more, *waiting]
    _all(more, "no time was left to try it")
    hopeful = any(bench.merit(t)[0] for t in promising)
    if not hopeful and time.monotonic() < end:  # no use in asking other seeds
        promising += _search(bench, waiting, [bench.steps] if single else lengths, end, say)
        promising.sort(key=bench.merit, reverse=True)
        waiting = []
    _judge(bench, promising, [*trials, *more], lengths, end, say)
    if any(t.verification.status is Status.VERIFIED for t in single):
        _all(waiting, "not tried, because a simpler change suffices")
    elif waiting and not bench.late:
        promising = _search(bench, waiting, lengths, end, say)
        _judge(bench, promising, waiting, lengths, end, say)
    return more


def _judge(
    bench: Bench,
    promising: Sequence[Trial],
    trials: Sequence[Trial],
    lengths: Sequence[int],
    end: float,
    say: Progress,
) -> None:
    """Confirm what promises most, and repeat the best of all these trials."""
    bench.deadline = end
    longer = next((steps for steps in lengths if steps > bench.steps), bench.steps)
    if _fits(longer, bench.pace, end - time.monotonic()):
        bench.steps = longer
    _confirm(bench, promising, say)
    _insist(bench, promising, trials, say)


def _at_best_rate(single: Sequence[Trial]) -> Iterator[Proposal]:
    """Yield changes together with the learning rate that helped most, though not enough by itself.

    Of rates that help alike the one nearest to the present is taken: where nothing learns yet, the
    smallest of them lose least.
    """
    rates = [(t, t.verification.effect or 0.0) for t in single if t.proposal.part == RATE]
    most = max((effect for _, effect in rates), default=0.0)
    if most >= MATERIAL:
        nearest = next(trial for trial, effect in rates if effect >= most - ALIKE)
        able = [t.proposal for t in single if not (t.runs and t.runs[0].failed)]
        yield from at_rate(nearest.proposal, able)


def _search(
    bench: Bench, trials: Sequence[Trial], lengths: Sequence[int], end: float, say: Progress
) -> list[Trial]:
    """Lengthen the candidates together on the first seed until one clearly learns, in half of the time.

    Returns those that came along to the last length, what helps against a fact in front; the others
    keep what they showed before.
    """
    now = time.monotonic()
    bench.deadline = now + SEARCH_SHARE * (end - now)
    running = list(trials)
    reached: list[Trial] = []
    for steps in [steps for steps in lengths if steps >= bench.steps] or [bench.steps]:
        if not running:
            break
        if reached and _suffices(bench, reached[0], len(running) * (steps - bench.steps)):
            break
        bench.steps = max(steps, bench.observed)
        reached = []
        for number, trial in enumerate(running):
            if bench.late and reached:
                break
            name = trial.proposal.fix.name
            say(f"trying {name} for {bench.steps} steps ({number + 1} of {len(running)})")
            bench.probe(trial)
            reached.append(trial)
            if number >= bench.copies - RIVALS:
                trial.runs[0].release()  # it begins anew when it is lengthened
        reached.sort(key=bench.merit, reverse=True)
        running = [t for t in reached if not t.runs[0].failed][: max(KEPT, len(reached) // 2)]
        for trial in reached[len(running) :]:
            trial.runs[0].release()
        if bench.late:
            break
    return sorted(reached, key=lambda t: t.proposal.score < FACT or not bench.merit(t)[0])


def _suffices(bench: Bench, best: Trial, steps: int) -> bool:
    """Does the best one learn clearly, or well enough where there is no time for these further steps?"""
    learning, effect, _ = bench.merit(best)
    is_short = bench.deadline - time.monotonic() < steps * bench.pace
    return learning and effect >= (MATERIAL if is_short else STRONG)


def _confirm(bench: Bench, trials: Sequence[Trial], say: Progress) -> None:
    """Repeat the candidates on more seeds under observation, the most promising first.

    One of each remedy is shown: once it is verified, its variants are not repeated.
    """
    verified: set[str] = set()
    for rank, trial in enumerate(trials):
        name = trial.proposal.fix.name
        if trial.runs[0].failed or name in verified or (rank > 0 and bench.late):
            continue
        hopeful = bench.merit(trial)[0] and len(verified) < ENOUGH
        say(f"confirming {name} on other seeds ({rank + 1} of {len(trials)})")
        if hopeful or not verified:
            bench.confirm(trial, SEEDS if hopeful else 2)
        else:
            bench.confirm(trial, 2, watched=0)
        if trial.verification.status is Status.VERIFIED:
            verified.add(name)


def _fits(steps: int, pace: float, seconds: float) -> bool:
    """Does confirming at this length leave most of the time unspent? Nobody waits for it in vain."""
    return RUNS * steps * pace <= LONGER_SHARE * seconds


def _insist(bench: Bench, hopes: Sequence[Trial], trials: Sequence[Trial], say: Progress) -> None:
    """Repeat the best verified fix on more seeds; where it does not hold, its variants come next."""
    while not bench.late:
        first = _in_order(trials)[0]
        said, name = first.verification, first.proposal.fix.name
        if said.status is not Status.VERIFIED or len(said.seeds) >= MOST_SEEDS:
            return
        say(f"repeating {name} on {MOST_SEEDS} seeds")
        bench.repeat(first, MOST_SEEDS)
        if first.verification.status is not Status.VERIFIED and not bench.late:
            twins = [t for t in hopes if t.proposal.fix.name == name and len(t.runs) == 1]
            _confirm(bench, twins, say)


def declined(proposals: Sequence[Proposal], reason: str) -> tuple[Proposal, ...]:
    """Return the best guess of each remedy, in their order, with the reason why none was tried."""
    first: dict[str, Proposal] = {}
    for p in proposals:
        said = Verification(reason=p.cannot or reason)
        one = f"{p.fix.name} {p.fix.at}" if p.cannot else p.fix.name
        first.setdefault(one, replace(p, fix=replace(p.fix, verification=said)))
    return tuple(first.values())


def _in_order(trials: Sequence[Trial]) -> list[Trial]:
    """Sort by status, then by measured effect; of effects that are alike the smaller change wins."""
    left = sorted(trials, key=_status_and_effect)
    ordered = []
    while left:
        best = left[0].verification
        alike = [
            t
            for t in left
            if t.verification.status is best.status
            and (t.verification.effect or 0.0)
            >= (best.effect or 0.0) - max(best.spread or 0.0, ALIKE)
        ]
        if best.status is not Status.NOT_RUN:  # there nothing is known: the best guess first
            alike.sort(key=lambda t: t.proposal.size)
        ordered.append(alike[0])
        left.remove(alike[0])
    return ordered


def _status_and_effect(trial: Trial) -> tuple[bool, float, float]:
    said, fix = trial.verification, trial.proposal
    is_broken = said.status is Status.NOT_RUN and bool(said.arms)  # the training, by this change
    repairs = bool(fix.cannot) and fix.part == "data" and fix.score >= FACT
    place = ORDER.index(said.status) - 1.5 * repairs  # before what helps a little
    return is_broken, place, -(said.effect or 0.0)


def _ranked(trials: Sequence[Trial]) -> tuple[Proposal, ...]:
    """Return the proposals, the best first; one per remedy, one that was tried before one that was not."""
    ordered = _in_order(trials)
    best: dict[str, Trial] = {}
    for trial in sorted(ordered, key=lambda t: t.verification.status is Status.NOT_RUN):
        fix = trial.proposal.fix
        best.setdefault(f"{fix.name} {fix.at}" if trial.proposal.cannot else fix.name, trial)
    shown = {id(trial) for trial in best.values()}
    return tuple(
        replace(t.proposal, fix=replace(t.proposal.fix, verification=t.verification))
        for t in ordered
        if id(t) in shown
    )
