"""The search for a fix that works: many candidates on one seed, the promising ones on several.

All arms of one seed share initial chance and batches. Candidates are lengthened together until one
of them clearly learns, so slow learners get their hundreds of steps and quick ones do not wait.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gradcheck_cli.records.diagnosis import Fix, Status, Verification
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.verifying.arms import Run, advance, start
from gradcheck_cli.verifying.memory import refuses
from gradcheck_cli.verifying.sham import sham
from gradcheck_cli.verifying.verdicts import (
    ALL,
    GRAVE,
    Trio,
    effects,
    learns,
    to_cure,
    usual,
    verdict,
)

if TYPE_CHECKING:
    from gradcheck_cli.targets.target import Target

Progress = Callable[[str], None]

OBSERVED = 50
LENGTHS = (1, 4, 16)  # times OBSERVED: 50, 200, 800 steps
SEEDS = 3
SEARCH_SHARE = 0.6  # of the budget; the rest confirms
COMBINED = "all"  # the part of a proposal that changes several parts at once
KEPT = 6  # candidates that are always lengthened
STRONG = 0.3  # a fall that needs no longer runs
ENOUGH = 3  # verified fixes, after which no more are confirmed
ORDER = (
    Status.VERIFIED,
    Status.HELPS_PARTLY,
    Status.NOT_RUN,
    Status.INEFFECTIVE,
    Status.HARMFUL,
)


@dataclass(slots=True)
class Trial:
    """One candidate and its runs, the first one from the search."""

    proposal: Proposal
    runs: list[Run] = field(default_factory=list)
    verification: Verification = field(default_factory=Verification)


@dataclass(slots=True)
class Bench:
    """The controls and shams that all candidates are compared with, built when first needed."""

    target: "Target"
    baseline: tuple[Finding, ...]
    seeds: tuple[int, ...]
    deadline: float
    observed: int = OBSERVED
    steps: int = OBSERVED
    rivals: dict[int, tuple[Run, Run]] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """Is the budget spent?"""
        return time.monotonic() > self.deadline

    def others(self, seed: int) -> tuple[Run, Run]:
        """Return control and sham of one seed, as long as everybody else now."""
        if seed not in self.rivals:
            control = start(self.target, (), seed)
            self.rivals[seed] = (control, start(self.target, (sham(self.target, seed),), seed))
        for run in self.rivals[seed]:
            advance(run, self.steps, self.observed)
        return self.rivals[seed]

    def run(self, trial: Trial, count: int) -> None:
        """Bring the first `count` runs of a candidate to the present length."""
        assert trial.proposal.change is not None
        while len(trial.runs) < count:
            seed = self.seeds[len(trial.runs)]
            trial.runs.append(start(self.target, (trial.proposal.change,), seed))
        for run in trial.runs[:count]:
            advance(run, self.steps, self.observed)

    def trio(self, trial: Trial) -> Trio:
        """Return the candidate's runs beside control and sham of the same seeds."""
        pairs = [self.others(run.seed) for run in trial.runs]
        return Trio(tuple(c for c, _ in pairs), tuple(s for _, s in pairs), tuple(trial.runs))

    def clean(self, trial: Trial) -> bool:
        """Are the findings gone, and no new error there?"""
        control = [self.others(run.seed)[0] for run in trial.runs]
        left = set(usual(trial.runs, ALL)) & set(to_cure(self.baseline, control))
        new = set(usual(trial.runs, GRAVE)) - {f.name for f in self.baseline}
        return not left and not new

    def merit(self, trial: Trial) -> tuple[bool, bool, float, int]:
        """Return how promising a candidate looks: larger is better."""
        effect = min(effects(self.trio(trial)))
        learning = learns(trial.runs) and effect > 0
        return (learning and self.clean(trial), learning, round(effect, 1), -trial.proposal.size)


def estimate(seconds_per_step: float, candidates: int, budget: float) -> float:
    """Return about how many seconds `verify` will take, to be said beforehand."""
    search = (candidates + 2) * LENGTHS[1] * OBSERVED
    confirm = (ENOUGH + 2) * (SEEDS - 1) * LENGTHS[1] * OBSERVED
    return min(budget, (search + confirm) * seconds_per_step)


def verify(
    target: "Target",
    proposals: Sequence[Proposal],
    *,
    budget: float = 60.0,
    baseline: Sequence[Finding] = (),
    on_progress: Progress | None = None,
    observed: int = OBSERVED,
    seed: int | None = None,
) -> tuple[Fix, ...]:
    """Try the proposals and return their fixes with what was measured, the best first.

    At least the first candidate that can be tried is always tried, on two seeds.
    """
    say = on_progress or (lambda _: None)
    trials = [Trial(p) for p in proposals]
    for trial in trials:
        trial.verification = Verification(reason=trial.proposal.cannot or "no time was left")
    able = [t for t in trials if t.proposal.change is not None]
    began = time.monotonic()
    if able:
        first = seed if seed is not None else getattr(target, "seed", 0)
        seeds = tuple(first + i for i in range(SEEDS))
        bench = Bench(
            target, tuple(baseline), seeds, began + budget * SEARCH_SHARE, observed, observed
        )
        reason = refuses(target)
        if reason:
            for trial in able:
                trial.verification = Verification(reason=reason)
        else:
            reached = _search(bench, able, say)
            bench.deadline = began + budget
            _confirm(bench, reached, say)
    return _ranked(trials)


def _search(bench: Bench, trials: Sequence[Trial], say: Progress) -> list[Trial]:
    """Lengthen the candidates together on the first seed until one clearly learns.

    Combinations join in when no single change suffices at a length. Returns those that came along
    to the last length; the others keep what they showed before.
    """
    running = [t for t in trials if t.proposal.part != COMBINED]
    waiting = [t for t in trials if t.proposal.part == COMBINED]
    for times in LENGTHS:
        bench.steps = times * bench.observed
        reached = _lengthen(bench, running, say)
        if not _cured(bench, reached) and waiting and not bench.late:
            reached += _lengthen(bench, waiting, say)
            waiting = []
        reached.sort(key=bench.merit, reverse=True)
        if bench.late or _cured(bench, reached):
            break
        running = [t for t in reached if not t.runs[0].failed][: max(KEPT, len(reached) // 2)]
        if not running or times == LENGTHS[-1]:
            break
    return reached


def _lengthen(bench: Bench, trials: Sequence[Trial], say: Progress) -> list[Trial]:
    """Bring candidates to the present length while there is time; at least the first."""
    reached: list[Trial] = []
    for number, trial in enumerate(trials):
        if bench.late and reached:
            break
        name = trial.proposal.fix.name
        say(f"trying {name} for {bench.steps} steps ({number + 1} of {len(trials)})")
        bench.run(trial, 1)
        trial.verification = verdict(bench.trio(trial), bench.baseline)
        reached.append(trial)
    return reached


def _cured(bench: Bench, trials: Sequence[Trial]) -> bool:
    """Does one of them clearly learn, with all findings gone?"""
    merits = [bench.merit(trial) for trial in trials]
    return any(clean and effect >= STRONG for clean, _, effect, _ in merits)


def _confirm(bench: Bench, trials: Sequence[Trial], say: Progress) -> None:
    """Repeat the candidates on more seeds, the most promising first, and judge them."""
    verified: set[str] = set()
    for rank, trial in enumerate(trials):
        began = time.monotonic()
        hopeful = bench.merit(trial)[1] and len(verified) < ENOUGH
        if not trial.runs[0].failed and (rank == 0 or not bench.late):
            for count in range(2, SEEDS + 1 if hopeful else 3):
                if count > 2 and bench.late:
                    break
                say(f"confirming {trial.proposal.fix.name} on seed {count} of {SEEDS}")
                bench.run(trial, count)
        trial.verification = verdict(bench.trio(trial), bench.baseline, time.monotonic() - began)
        if trial.verification.status is Status.VERIFIED:
            verified.add(trial.proposal.fix.name)
        for run in trial.runs:
            run.release()


def _ranked(trials: Sequence[Trial]) -> tuple[Fix, ...]:
    """Return the fixes by measured effect, then by how little they change; one per remedy."""

    def key(numbered: tuple[int, Trial]) -> tuple[int, float, int, int]:
        number, trial = numbered
        said = trial.verification
        effect = round(said.effect or 0.0, 1) if said.status is not Status.NOT_RUN else 0.0
        return (ORDER.index(said.status), -effect, trial.proposal.size, number)

    best: dict[str, Fix] = {}
    for _, trial in sorted(enumerate(trials), key=key):
        fix = replace(trial.proposal.fix, verification=trial.verification)
        best.setdefault(f"{fix.name} {fix.treats}" if trial.proposal.cannot else fix.name, fix)
    return tuple(best.values())
