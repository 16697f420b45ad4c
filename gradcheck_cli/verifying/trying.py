"""The search for a fix that works: many candidates on one seed, the promising ones on several.

All arms of one seed share initial chance and batches. Candidates are lengthened together until one
of them clearly learns, so slow learners get their hundreds of steps and quick ones do not wait.
Combinations are tried when no single change could be verified.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcheck_cli.records.diagnosis import Fix, Status, Verification
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.verifying.bench import Bench, Trial
from gradcheck_cli.verifying.memory import fitting

if TYPE_CHECKING:
    from gradcheck_cli.targets.target import Target

Progress = Callable[[str], None]

OBSERVED = 50
LENGTHS = (100, 300, 1000)  # steps
SEEDS = 3
SEARCH_SHARE = 0.5  # of the time that is left; the rest confirms
COMBINED = "all"  # the part of a proposal that changes several parts at once
RIVALS = 3  # control, sham and the candidate that is being run
KEPT = 6  # candidates that are always lengthened
STRONG = 0.3  # a fall that needs no longer runs
ENOUGH = 3  # verified remedies, after which the others get two seeds only
ORDER = (
    Status.VERIFIED,
    Status.HELPS_PARTLY,
    Status.NOT_RUN,
    Status.INEFFECTIVE,
    Status.HARMFUL,
)


def estimate(seconds_per_step: float, candidates: int, budget: float) -> float:
    """Return about how many seconds `verify` will take, to be said beforehand."""
    search = (candidates + 2) * LENGTHS[0]
    confirm = (min(candidates, ENOUGH) + 1) * SEEDS * (LENGTHS[0] + 4 * OBSERVED)
    return min(budget, (search + confirm) * seconds_per_step)


def verify(
    target: "Target",
    proposals: Sequence[Proposal],
    *,
    budget: float = 60.0,
    baseline: Sequence[Finding] = (),
    on_progress: Progress | None = None,
) -> tuple[Fix, ...]:
    """Try the proposals and return their fixes with what was measured, the best first."""
    tried = prove(target, proposals, budget=budget, baseline=baseline, on_progress=on_progress)
    return tuple(p.fix for p in tried)


def prove(
    target: "Target",
    proposals: Sequence[Proposal],
    *,
    budget: float = 60.0,
    baseline: Sequence[Finding] = (),
    on_progress: Progress | None = None,
    observed: int = OBSERVED,
    lengths: Sequence[int] = LENGTHS,
    seed: int | None = None,
) -> tuple[Proposal, ...]:
    """Try the proposals and return them with what was measured in their fixes, the best first.

    At least the first candidate that can be tried is always tried, on two seeds.
    """
    say = on_progress or (lambda _: None)
    trials = [Trial(p, verification=Verification(reason=p.cannot)) for p in proposals]
    able = [t for t in trials if t.proposal.change is not None]
    if able:
        first = target.seed if seed is None else seed
        seeds = tuple(first + i for i in range(SEEDS))
        copies, reason = fitting(target)
        bench = Bench(target, tuple(baseline), seeds, 0.0, observed, copies)
        _all(able, reason or "no time was left to try it")
        if not reason:
            _try(bench, able, lengths, time.monotonic() + budget, say)
    return _ranked(trials)


def _all(trials: Sequence[Trial], reason: str) -> None:
    for trial in trials:
        trial.verification = Verification(reason=reason)


def _try(
    bench: Bench, trials: Sequence[Trial], lengths: Sequence[int], end: float, say: Progress
) -> None:
    """Try single changes, and the combinations if none of those was verified."""
    single = [t for t in trials if t.proposal.part != COMBINED]
    combined = [t for t in trials if t.proposal.part == COMBINED]
    for group in filter(None, (single, combined)):
        now = time.monotonic()
        bench.deadline = now + SEARCH_SHARE * (end - now)
        left = [steps for steps in lengths if steps >= bench.steps] or [bench.steps]
        promising = _search(bench, group, left, say)
        bench.deadline = end
        _confirm(bench, promising, say)
        if any(t.verification.status is Status.VERIFIED for t in group):
            if group is single:
                _all(combined, "not tried, because a simpler change suffices")
            return
        if bench.late:
            return


def _search(
    bench: Bench, trials: Sequence[Trial], lengths: Sequence[int], say: Progress
) -> list[Trial]:
    """Lengthen the candidates together on the first seed until one clearly learns.

    Returns those that came along to the last length; the others keep what they showed before.
    """
    running = list(trials)
    reached: list[Trial] = []
    for steps in lengths:
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
        learning, effect, _ = bench.merit(reached[0])
        running = [t for t in reached if not t.runs[0].failed][: max(KEPT, len(reached) // 2)]
        for trial in reached[len(running) :]:
            trial.runs[0].release()
        if bench.late or (learning and effect >= STRONG) or not running:
            break
    return reached


def _confirm(bench: Bench, trials: Sequence[Trial], say: Progress) -> None:
    """Repeat the candidates on more seeds under observation, the most promising first."""
    verified: set[str] = set()
    for rank, trial in enumerate(trials):
        name = trial.proposal.fix.name
        if trial.runs[0].failed or (rank > 0 and bench.late):
            continue
        hopeful = bench.merit(trial)[0] and len(verified) < ENOUGH
        say(f"confirming {name} on other seeds ({rank + 1} of {len(trials)})")
        if hopeful:
            bench.confirm(trial, SEEDS)
        else:
            bench.confirm(trial, 2, watched=0)
        if trial.verification.status is Status.VERIFIED:
            verified.add(name)


def declined(proposals: Sequence[Proposal], reason: str) -> tuple[Fix, ...]:
    """Return the fixes as they would be tried, with the reason why none was."""
    said = Verification(reason=reason)
    trials = [Trial(p, verification=said) for p in proposals]
    return tuple(p.fix for p in _ranked(trials))


def _ranked(trials: Sequence[Trial]) -> tuple[Proposal, ...]:
    """Return the proposals by measured effect, then by how little they change; one per remedy."""

    def key(numbered: tuple[int, Trial]) -> tuple[int, float, int, int]:
        number, trial = numbered
        said = trial.verification
        if said.status is Status.NOT_RUN:  # nothing is known: the best guess first
            return (ORDER.index(said.status), 0.0, 0, number)
        effect = round(said.effect or 0.0, 1)
        return (ORDER.index(said.status), -effect, trial.proposal.size, number)

    best: dict[str, Proposal] = {}
    for _, trial in sorted(enumerate(trials), key=key):
        fix = replace(trial.proposal.fix, verification=trial.verification)
        name = f"{fix.name} {fix.at}" if trial.proposal.cannot else fix.name
        best.setdefault(name, replace(trial.proposal, fix=fix))
    return tuple(best.values())
