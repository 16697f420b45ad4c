"""The bench: controls and shams that all candidates are compared with, and the clock."""

import time
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.diagnosis import Verification
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.redrawing import redraw
from gradcheck_cli.targets.repeatable import Repeatable
from gradcheck_cli.verifying.arms import JUDGED_BY_DEFAULT, Run, advance, start
from gradcheck_cli.verifying.verdicts import Trio, effects, learns, verdict

WATCHED = 2  # seeds on which control, sham and a promising candidate are observed and judged


@dataclass(slots=True)
class Trial:
    """One candidate and its runs."""

    proposal: Proposal
    runs: list[Run] = field(default_factory=list)
    verification: Verification = field(default_factory=Verification)


@dataclass(slots=True)
class Bench:
    """Runs candidates beside the same control and sham, built when first needed."""

    target: Repeatable
    baseline: tuple[Finding, ...]
    seeds: tuple[int, ...]
    deadline: float
    observed: int
    copies: int = 3  # of the training that fit into memory
    policy: Policy = JUDGED_BY_DEFAULT
    steps: int = 0
    searched: float = 0.0  # seconds that the steps of candidates took in the search
    taken: int = 0  # these steps
    rivals: dict[int, tuple[Run, Run]] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """Is the time spent?"""
        return time.monotonic() > self.deadline

    @property
    def pace(self) -> float:
        """Seconds a step of a candidate took, on average: the slowest by itself is mostly noise."""
        return self.searched / max(self.taken, 1)

    def others(self, seed: int) -> tuple[Run, Run]:
        """Return control and sham of one seed, as long as everybody else now."""
        if seed not in self.rivals or any(self._ended_early(x) for x in self.rivals[seed]):
            watch = self.observed if seed in self.seeds[:WATCHED] else 0
            again = sham(self.target, seed)
            self.rivals[seed] = (
                start(self.target, (), seed, watch, self.policy),
                start(self.target, (again,), seed, watch, self.policy),
            )
        for run in self.rivals[seed]:
            advance(run, self.steps)
            if seed != self.seeds[0]:
                run.release()
        return self.rivals[seed]

    def _ended_early(self, run: Run) -> bool:
        """Was it released at a shorter length than everybody has now?"""
        return run.training is None and run.finite and not run.over and len(run.curve) < self.steps

    def probe(self, trial: Trial) -> None:
        """Bring the first run of a candidate to the present length; nobody looks inside."""
        if not trial.runs or trial.runs[0].training is None:
            trial.runs = [self._start(trial, 0, 0)]
        began, done = time.monotonic(), len(trial.runs[0].curve)
        advance(trial.runs[0], self.steps)
        self.searched += time.monotonic() - began
        self.taken += len(trial.runs[0].curve) - done
        trial.verification = verdict(self.trio(trial), self.baseline)

    def confirm(self, trial: Trial, seeds: int, watched: int = WATCHED) -> None:
        """Run a candidate on several seeds while there is time, the first of them observed."""
        began = time.monotonic()
        trial.runs = []
        for index in range(min(seeds, len(self.seeds))):
            if index >= WATCHED and self.late:
                break
            trial.runs.append(self._start(trial, index, self.observed if index < watched else 0))
            advance(trial.runs[-1], self.steps)
        trial.verification = verdict(self.trio(trial), self.baseline, time.monotonic() - began)
        for run in trial.runs:
            run.release()

    def repeat(self, trial: Trial, seeds: int) -> None:
        """Run a confirmed candidate on further seeds, all or none of them."""
        began = time.monotonic()
        more: list[Run] = []
        for index in range(len(trial.runs), min(seeds, len(self.seeds))):
            if self.late:
                return
            more.append(self._start(trial, index, 0))
            advance(more[-1], self.steps)
            more[-1].release()
        trial.runs += more
        seconds = trial.verification.seconds + time.monotonic() - began
        trial.verification = verdict(self.trio(trial), self.baseline, seconds)

    def _start(self, trial: Trial, index: int, watch: int) -> Run:
        assert trial.proposal.change is not None
        change = trial.proposal.change
        return start(self.target, (change,), self.seeds[index], watch, self.policy)

    def trio(self, trial: Trial) -> Trio:
        """Return the candidate's runs beside control and sham of the same seeds."""
        pairs = [self.others(run.seed) for run in trial.runs]
        return Trio(tuple(c for c, _ in pairs), tuple(s for _, s in pairs), tuple(trial.runs))

    def merit(self, trial: Trial) -> tuple[bool, float, int]:
        """Return how promising a candidate looks: larger is better."""
        effect = min(effects(self.trio(trial)))
        return (learns(trial.runs) and effect > 0, round(effect, 1), -trial.proposal.size)


OTHER_SEED = 7919  # added to the seed of the run
SUMMARY = "the same model drawn again"


def sham(target: Repeatable, seed: int) -> Change:
    """Return the change that gives the model the weights of another seed.

    A new draw is sometimes luck: a remedy that draws weights again must do better than this. A model
    that comes out the same from every seed has its elements shuffled within each tensor, which keeps
    their distribution.
    """
    with unchanged():
        other = target.build((), seed=seed + OTHER_SEED)
        if other.away is not None:  # its weights are in another process, and are drawn anew there
            return Change(summary=SUMMARY, model=partial(_drawn_there, seed + OTHER_SEED))
        with other.in_place():
            drawn = {name: p.detach().clone() for name, p in other.model.named_parameters()}

    def draw(model: nn.Module) -> None:
        own = dict(model.named_parameters())
        same = all(name in drawn and torch.equal(p, drawn[name]) for name, p in own.items())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in own.items():
                if same:
                    parameter.copy_(_shuffled(parameter, generator))
                elif name in drawn:
                    parameter.copy_(drawn[name])

    return Change(summary=SUMMARY, model=draw)


def _drawn_there(seed: int, model: nn.Module) -> None:
    redraw(model, seed)


def _shuffled(parameter: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
    return parameter.flatten()[order].view_as(parameter)
