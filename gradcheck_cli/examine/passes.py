"""Counterfactual passes: repeat one step with one thing changed and read what comes back.

For a training whose lower layers are starved, at its initial state and at its latest. The share of
the loss of signal that an intervention restores is how much of it is due to what was changed (Pearl
2009, Causality, ch. 3: an effect is what an intervention changes).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from math import isfinite, log10, sqrt

import torch
from torch import Tensor, nn

from gradcheck_cli.causes.shares import ENOUGH, INPUTS, restored
from gradcheck_cli.errors import THEIRS, GradcheckError
from gradcheck_cli.examine.base import Budget
from gradcheck_cli.examine.changing import LEAST_CALLS, Changing, Intervention, Layout
from gradcheck_cli.examine.scales import (
    BatchStatistics,
    Factors,
    Gates,
    Logits,
    Recurrence,
    Scores,
    Skips,
    Standardized,
    Weights,
)
from gradcheck_cli.examine.signals import (
    LEAST,
    constancy,
    outputs_of,
    over_time,
    standardized_inputs,
)
from gradcheck_cli.examine.slopes import (
    BoundedSlopes,
    HiddenSoftmaxes,
    OneSidedSlopes,
    OutputSlopes,
    Reconnected,
)
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.records.examination import Moment, Pass
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.trace import Gap, Layer, Role, Trace
from gradcheck_cli.targets.devices import fewest_threads, losses_of_few
from gradcheck_cli.targets.kept import kept
from gradcheck_cli.targets.randomness import unchanged

STARVED = 1e-2  # of the strongest upper layer: the limit of vanishing-gradient in a stuck training
RIVALS = 4  # of the best single interventions, tried in pairs


@dataclass(frozen=True, slots=True)
class Row:
    """A weight layer in the passes: its matrices and its place."""

    layer: Layer
    weights: tuple[nn.Parameter, ...]


def passes(subject: Subject, trace: Trace, moment: Moment, budget: float) -> tuple[Pass, ...]:
    """Return the unchanged pass and one per intervention that has something to change.

    Where none restores most alone, pairs of the best follow. Ends early when `budget` seconds are
    spent. Parameters, gradients, buffers, modes and chance are as they were, also after an
    exception, which is raised when it comes from the unchanged pass.
    """
    bench = Bench(subject, trace, moment)
    time_left = Budget(budget, subject.device)
    base = bench.run(())
    found = [base]
    for kind in (None, *ALL):
        if time_left.left < 0:
            return tuple(found)
        found += bench.tried((kind,))
    singles = found[1:]
    best = sorted(singles, key=lambda p: -restored(base, p))[:RIVALS]
    if best and restored(base, best[0]) < ENOUGH:
        kinds = {k.name if k else INPUTS: k for k in (None, *ALL)}
        for pair in combinations(best, 2):
            if time_left.left < 0:
                break
            found += bench.tried(tuple(kinds[p.names[0]] for p in pair))
    return tuple(found)


class Bench:
    """One subject at one moment, in which passes are made."""

    def __init__(self, subject: Subject, trace: Trace, moment: Moment) -> None:
        self.subject = subject
        self.moment = moment
        self.baseline = max(trace.loss.baseline or 0.0, 0.0)
        named = dict(subject.model.named_parameters())
        rows = []
        for layer in trace.weight_layers:
            held = tuple(
                p
                for entry in layer.parameters
                if (p := named.get(entry.name)) is not None and p.requires_grad and p.ndim > 1
            )
            if held and layer.depth is not None:
                rows.append(Row(layer, held))
        self.rows = rows
        depth = {id(w): row.layer.depth or 0 for row in rows for w in row.weights}
        heads = frozenset(key for key, value in depth.items() if value == 0)
        self.layout = Layout(heads=heads, depth=depth)
        self.starved: tuple[str, ...] | None = None

    def tried(self, kinds: Sequence[type[Intervention] | None]) -> Iterator[Pass]:
        """Yield the pass with these interventions (None: standardized inputs) if it changes anything."""
        made = [kind() for kind in kinds if kind is not None]
        try:
            found = self.run(made, inputs=None in kinds)
        except THEIRS:  # an intervention that does not fit this model says nothing
            return
        if all(one.touched for one in made) and (found.touched or None in kinds):
            yield found

    def run(self, interventions: Sequence[Intervention], *, inputs: bool = False) -> Pass:
        """Make one pass. Raises what the user's code raises."""
        began = time.monotonic()
        mode = Changing(self.layout, interventions)
        with ExitStack() as stack:
            stack.enter_context(unchanged())
            stack.enter_context(kept(self.subject.model.modules()))
            stack.enter_context(torch.enable_grad())
            seen = stack.enter_context(outputs_of(self.subject.model))
            if inputs:
                stack.enter_context(standardized_inputs(self.subject.model))
            with mode:
                loss = self.subject.total(self.subject.batches[0])
            gradients = self._gradients(loss, mode)
        if not interventions and not inputs:
            self._learn(mode)
            if self.layout.repeated and not mode.taps:
                return self.run((), inputs=False)
        names = (INPUTS,) if inputs else ()
        names = (*names, *(one.name for one in interventions))
        return self._read(loss, gradients, mode, names, interventions, seen, began)

    def _learn(self, mode: Changing) -> None:
        """Keep what the unchanged pass tells of the order of calls."""
        self.layout.last_product = mode.last_product
        self.layout.repeated = frozenset(k for k, n in mode.uses.items() if n >= LEAST_CALLS)

    def _gradients(self, loss: Tensor, mode: Changing) -> list[Tensor | None]:
        wanted = [w for row in self.rows for w in row.weights]
        taps = [t for group in mode.taps.values() for t in group]
        taps += [tap for tap, _ in mode.sequences]
        if not loss.requires_grad or not (wanted or taps):
            return [None] * (len(wanted) + len(taps))
        return list(torch.autograd.grad(loss, [*wanted, *taps], allow_unused=True))

    def _read(
        self,
        loss: Tensor,
        gradients: list[Tensor | None],
        mode: Changing,
        names: tuple[str, ...],
        interventions: Sequence[Intervention],
        seen: list[Tensor],
        began: float,
    ) -> Pass:
        strengths: dict[str, float] = {}
        rest = iter(gradients)
        for row in self.rows:
            found = [(w, next(rest)) for w in row.weights]
            size = sum(float(plain(w).float().square().sum()) for w, _ in found)
            slope = sum(float(plain(g).float().square().sum()) for _, g in found if g is not None)
            strengths[row.layer.path] = (
                sqrt(size * slope) if isfinite(size * slope) else float("inf")
            )
        lost, starved = self._lost(strengths)
        value = float(loss.detach())
        whole = sqrt(sum(s * s for s in strengths.values()))
        factors = [one.factor for one in interventions if one.factor is not None]
        return Pass(
            moment=self.moment,
            names=names,
            lost=lost,
            weak=-log10(max(whole / max(abs(value), LEAST), LEAST)) if isfinite(whole) else 0.0,
            over_time=over_time(mode, list(rest)),
            constant=constancy(seen),
            above=log10(max(value, LEAST) / self.baseline) if self.baseline else 0.0,
            touched=sum(one.touched for one in interventions),
            factor=factors[0] if factors else None,
            finite=isfinite(value) and all(isfinite(s) for s in strengths.values()),
            reached=sum(s > 0 for s in strengths.values()),
            starved=starved,
            seconds=round(time.monotonic() - began, 4),
        )

    def _lost(self, strengths: dict[str, float]) -> tuple[float, tuple[str, ...]]:
        """Return the mean decades that the starved layers lie below the strongest upper one."""
        rows = [r for r in self.rows if r.layer.role is not Role.EMBEDDING]
        if not rows:
            return 0.0, ()
        deepest = max(row.layer.depth or 0 for row in rows)
        upper = [r for r in rows if (r.layer.depth or 0) <= deepest / 4] or rows
        top = max(*(strengths[r.layer.path] for r in upper), LEAST)
        if self.starved is None:
            self.starved = tuple(
                r.layer.path
                for r in rows
                if r.layer.depth and strengths[r.layer.path] < STARVED * top
            )
        below = self.starved or tuple(r.layer.path for r in rows if r.layer.depth)
        sizes = [max(strengths[path], LEAST) for path in below]
        finite = [log10(top) - log10(s) for s in sizes if isfinite(s) and isfinite(top)]
        return (sum(finite) / len(finite) if finite else 0.0), self.starved


# In the order of the way a signal takes: of two that restore the same, the first is the cause.
ALL: tuple[type[Intervention], ...] = (
    Reconnected,
    Factors,
    HiddenSoftmaxes,
    Scores,
    OutputSlopes,
    Logits,
    BatchStatistics,
    Gates,
    BoundedSlopes,
    OneSidedSlopes,
    Weights,
    Recurrence,
    Skips,
    Standardized,
)


# Findings that say something of how signals go through the network.
OF_GRADIENTS = frozenset(
    "vanishing-gradient zero-gradient exploding-gradient collapsed-features poor-initialization "
    "saturated-activation saturated-attention disconnected-parameter".split()
)
BUDGET = 10.0  # seconds for the passes of both moments


def with_passes(
    subject: Subject | None,
    trace: Trace,
    findings: Sequence[Finding],
    *,
    budget: float = BUDGET,
) -> Trace:
    """Return the trace with the passes of the initial and of the latest state.

    Without a serious finding on gradients it stays as it is; a pass that the user's code ends is a gap.
    """
    serious = {f.name for f in findings if f.severity is not Severity.NOTE}
    if subject is None or not subject.batches or not serious & OF_GRADIENTS:
        return trace
    made: list[Pass] = []
    try:
        with fewest_threads(lambda: losses_of_few(subject)):
            with subject.at("start"):
                made += passes(subject, trace, Moment.START, budget / 2)
            with subject.at("now"):
                made += passes(subject, trace, Moment.LATE, budget / 2)
    except (GradcheckError, NotApplicableError, RuntimeError, TypeError, ValueError) as cause:
        gap = Gap(what="passes with one thing changed", reason=str(cause).partition("\n")[0])
        return replace(trace, gaps=(*trace.gaps, gap))
    return replace(trace, passes=tuple(made))
