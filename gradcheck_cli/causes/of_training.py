"""Causes in how the network is trained: rates, decay, clipping, number formats, hooks on gradients."""

from statistics import median

from gradcheck_cli.causes.base import Evidence, Support, cause, fact, signs
from gradcheck_cli.features.circumstances import (
    HARMLESS,
    broke_later,
    broke_unlooked,
    largest_update,
    lost_at_start,
    unusual_inputs,
    uses_half,
)
from gradcheck_cli.features.profile import (
    DECAYED,
    begun,
    late,
    moved_rms,
    typical,
    update_ratio,
    weights_left,
)
from gradcheck_cli.ops import NARROW
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.no_gradient import told
from gradcheck_cli.rules.update_size import rounded_away

FIRST = 3  # steps, one of which is enough to ruin a network
HARD = 0.03  # of the gradient that clipping leaves, below which it rules the size of steps
STRONG = 0.1  # of the gradient: what clipping leaves where it is worth a thought
# Of a layer's size in one step; a thousandth is usual (Karpathy 2019).
SOME, BIG, HUGE = 0.01, 0.03, 0.1
SANE = 20.0  # times the loss of a constant prediction, of the first step
STUCK = 0.3  # of the weights, which have a gradient and do not move
MUCH = 5e-3  # of each weight per step: a decay that takes half of it in 140 steps


def _rate(trace: Trace) -> str:
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    return number(rates[-1]) if rates else "unknown"


def clipped(trace: Trace) -> float | None:
    """Return which part of the gradient clipping leaves in the median step; None without clipping."""
    factors = [s.clip for s in trace.observed if s.clip is not None]
    return median(factors) if factors else None


def at_fault(trace: Trace, pace: float) -> tuple[str, ...]:
    """Return which way the rate is wrong where steps that move a weight by `pace` learn, if it is the rate."""
    if lost_at_start(trace) >= HARMLESS or unusual_inputs(trace):
        return ()
    moves = [typical(begun(trace), x.path, moved_rms) for x in trace.weight_layers]
    too_far = median([m for m in moves if m is not None] or [0.0]) > 10 * pace
    return ("learning-rate-too-high" if too_far else "learning-rate-too-low",)


@cause(
    "learning-rate-too-low",
    "update-too-small stalled-loss held-back",
    "Train a copy with ten times the learning rate, and a hundred times.",
)
def learning_rate_too_low(seen: Evidence) -> Support | None:
    """Gradients are fine, but the steps along them are tiny.

    Speaks for it  updates below 1e-5 of the weights in every layer although gradients reach all layers.
    Against it     clipping, rounding or vanishing gradients that explain small updates.
    Sources        Karpathy, cs231n notes (updates near 1e-3 of the weights are usual).
    """
    trace = seen.trace
    if not seen.noted("update-too-small"):
        return None
    clip = clipped(trace)
    moves = (typical(late(trace), x.path, update_ratio) or 0.0 for x in trace.weight_layers)
    most = max(moves, default=0.0)
    said = f"no layer changes by more than {number(most)} of its size per step at learning rate {_rate(trace)}"
    return signs(
        [
            (True, said),
            (not seen.noted("vanishing-gradient"), "gradients reach all layers"),
        ],
        [
            (clip is not None and clip < HARD, "but gradients are clipped hard"),
            (seen.has("vanishing-gradient", "zero-gradient"), "but gradients vanish"),
            (uses_half(trace), "but changes are lost to rounding"),
        ],
        trace.weight_layers,
    )


@cause(
    "learning-rate-too-high",
    "update-too-large diverging-loss non-finite stalled-loss exploding-gradient dying-relu "
    "saturated-activation vanishing-gradient zero-gradient risen-loss worse-than-constant",
    "Train a copy with a tenth of the learning rate.",
)
def learning_rate_too_high(seen: Evidence) -> Support | None:
    """Steps are so large that they leave the region where the gradient was valid.

    Speaks for it  updates above a tenth of the weights per step; units that died or saturated after the
                   first steps; a loss that grew from a sane beginning.
    Against it     trouble in the very first forward pass.
    Sources        LeCun et al. 1998, Efficient BackProp, sec. 5.
    """
    trace = seen.trace
    ratios = [u for x in trace.weight_layers if (u := _largest_update(trace, x.path)) is not None]
    if not ratios or not seen.findings:
        return None
    middle = median(ratios)
    sane = _sane_start(trace)
    hurt = seen.has(
        "diverging-loss", "non-finite", "stalled-loss", "update-too-large", "risen-loss"
    )
    grew = broke_unlooked(trace) is None or not trace.steep
    found = seen.shares
    rate = f"a step changes a layer by {number(100 * middle)} % of its size at learning rate {_rate(trace)}"
    return signs(
        [
            (middle > BIG, rate),
            (middle > HUGE, "that is above a tenth, where a step is only a direction no more"),
            (
                sane and hurt and grew and middle > BIG,
                "the first loss was sane, the later ones are not",
            ),
            (
                broke_later(trace) and middle > SOME,
                "units died or saturated only after the first steps",
            ),
            (
                found is not None and found.dynamic and middle > SOME,
                "the signal was whole before the first update: training lost it",
            ),
        ],
        [
            (weights_left(trace) < DECAYED, "but weight decay takes the weights away"),
            (seen.has("mismatched-loss"), "but the loss does not fit the output"),
            (not sane, "but the network was in trouble from the first step on"),
            (seen.at_start is not None, "but the signal was lost before the first update"),
        ],
        trace.weight_layers,
    )


def _largest_update(trace: Trace, path: str) -> float | None:
    """Return the largest of the first three steps, one of which is enough, or the typical later one."""
    return largest_update(
        trace, path, *(trace.observed[n : n + 1] for n in range(FIRST)), trace.observed
    )


def _sane_start(trace: Trace) -> bool:
    baseline = trace.loss.baseline
    if not trace.losses or baseline is None or baseline <= 0:
        return True
    return trace.losses[0] < SANE * baseline


@cause(
    "low-precision",
    "precision-underflow update-too-small stalled-loss zero-gradient vanishing-gradient non-finite",
    "Train a copy in float32.",
)
def low_precision(seen: Evidence) -> Support | None:
    """Sixteen bits are too few: gradients underflow, or weights can not take small changes.

    Speaks for it  16-bit weights whose changes are lost to rounding, or 16-bit gradients that are zero.
    Against it     float32 weights.
    Sources        Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.
    """
    trace = seen.trace
    if not uses_half(trace) or not seen.findings:
        return None
    lost = rounded_away(trace)
    narrow = trace.precision in NARROW or any(
        p.dtype == "float16" for x in trace.layers for p in x.parameters
    )
    told = (
        (lost > STUCK, f"{number(100 * lost)} % of the weights have a gradient and do not move"),
        (seen.has("precision-underflow"), "gradients are exactly zero at 16 bits"),
        (narrow and seen.has("non-finite"), "numbers above 65,504 do not exist in float16"),
    )
    said = next((sentence for holds, sentence in told if holds), None)
    return (
        fact(f"{said}: weights or computation use 16 bits", trace.weight_layers) if said else None
    )


@cause(
    "weight-decay-too-strong",
    "vanishing-gradient collapsed-features stalled-loss zero-gradient update-too-large",
    "Train a copy without weight decay.",
)
def weight_decay_too_strong(seen: Evidence) -> Support | None:
    """Weight decay pulls the weights to zero faster than the loss can hold them.

    Speaks for it  weight norms that shrink markedly during the run, with a decay that explains it.
    Against it     weights that were small from the beginning.
    Sources        Loshchilov & Hutter 2019, arXiv:1711.05101.
    """
    trace = seen.trace
    decays = [p.weight_decay for x in trace.weight_layers for p in x.parameters if p.weight_decay]
    if not decays or not seen.findings:
        return None
    factor = weights_left(trace)
    rates = [p.learning_rate or 0.0 for x in trace.weight_layers for p in x.parameters]
    per_step = max(decays) * max(rates, default=0.0)
    shrunk = (
        f"weights shrank to {number(factor)} of their size under a decay of {number(max(decays))}"
    )
    found = seen.shares
    return signs(
        [
            (factor < DECAYED, shrunk),
            (
                factor < DECAYED and found is not None and found.dynamic,
                "the signal was whole before the first update: training lost it",
            ),
            (
                per_step > MUCH,
                f"decay takes {number(100 * per_step)} % of each weight per step",
            ),
        ],
        [
            (factor >= DECAYED, "but the weights have kept their size"),
            (seen.at_start is not None, "but the signal was lost before the first update"),
        ],
        trace.weight_layers,
    )


@cause(
    "clipping-too-strong",
    "update-too-small stalled-loss",
    "Train a copy with the clipping norm at the median norm of the gradient.",
)
def clipping_too_strong(seen: Evidence) -> Support | None:
    """Gradients are clipped to a norm far below the usual one, in every step.

    Speaks for it  the norm after clipping is a small part of the norm before, always.
    Against it     optimizers that rescale gradients anyway (Adam).
    Sources        Pascanu et al. 2013, arXiv:1211.5063, algorithm 1 (a threshold near the average norm).
    """
    trace = seen.trace
    factor = clipped(trace)
    if factor is None or factor > STRONG or not seen.has("update-too-small", "stalled-loss"):
        return None
    return signs(
        [
            (True, f"clipping leaves {number(100 * factor)} % of the gradient in every step"),
            (factor < HARD, "that is less than a thirtieth"),
            (not trace.adaptive, "the optimizer uses the gradient's size"),
        ],
        layers=trace.weight_layers,
    )


TENTH = 0.1  # of its size: usual rates of layers and weights of losses differ by less
SMALL = "vanishing-gradient zero-gradient cut-gradient update-too-small stalled-loss worse-than-constant"
LARGE = "exploding-gradient update-too-large diverging-loss risen-loss non-finite"


@cause("gradient-hook", f"hooked-gradient {SMALL} {LARGE}")
def gradient_hook(seen: Evidence) -> Support | None:
    """A hook of your own makes gradients much smaller or larger on their way.

    Speaks for it  the size of the gradients that a hook was given, and of those that it handed on: less
                   than a tenth with findings of small gradients, more than ten times with large ones.
    Against it     nothing: hooks are measured. Without such a finding no hook is a mistake.
    Sources        PyTorch docs, Backward Hooks execution; own derivation.
    """
    loop = seen.trace.loop
    raised = seen.has("hooked-gradient")  # by --severity
    small = raised or seen.has(*SMALL.split())
    large = raised or seen.has(*LARGE.split())
    found = [
        h
        for h in (loop.habits_of(Kind.HOOKED) if loop is not None else ())
        if (small and _factor(h) < TENTH) or (large and _factor(h) > 1 / TENTH)
    ]
    if not found:
        return None
    gravest = min(found, key=_factor) if small else max(found, key=_factor)
    layers = [x for x in seen.trace.layers if x.path in gravest.names]
    return fact(told(gravest), layers, at=gravest.at)


def _factor(habit: Habit) -> float:
    return habit.numbers["factor"]
