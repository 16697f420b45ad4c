"""Do different samples stay apart where nothing but other outputs of the network says what is learned?"""

from collections.abc import Iterator, Mapping
from itertools import islice
from math import isfinite

from torch import Tensor
from torch.nn import functional

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.longer import times_of
from gradcheck_cli.examine.pairs_matter import HARDLY, ROUNDING, View, losses_of, made_by, roles
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

APART = 0.01  # of the variance between samples at the start: a tenth of how far they lay apart
SHARE = 0.3  # of the time that is left
LOOKS = 8


@experiment("stay-apart", "Do outputs of different samples stay apart when the run goes on?")
def stay_apart(scene: Scene) -> Iterator[Said]:
    """Go on with a loss of several views, three times as long as was observed, and compare the outputs of samples.

    Procedure  where no constant prediction is known for the loss, and no targets move it: plain steps on further batches (small
               networks fifteen times the observed ones); on the way the variance of outputs between samples, and of
               their directions; at the end views of other samples, as in pairs-matter.
    Answers    wrong: one of the variances is below 1 % of the first and fell to the end, and views of other samples cost hardly
               more than their own: less than 5 % of what they did at the start. Fine: else.
    Costs      at most three (fifteen) times the observed steps, and a pass over the fixed batches for each eighth of them.
    Sources    Bardes et al. 2022, arXiv:2105.04906, sec. 4 (variance); Jing et al. 2022, arXiv:2110.09348.
    """
    paired = scene.answer("pairs-matter")
    if paired is not None and paired.outcome is Outcome.WRONG:
        raise NotApplicableError("they are alike already")
    if "reference" in scene.known:
        raise NotApplicableError("the loss of a constant prediction says what is learned")
    subject = scene.subject
    views, targets, _ = roles(subject)
    before, apart, moved = losses_of(subject, views, "start")
    others: list[View] = [(name, None) for name in targets]
    told = losses_of(subject, others, "now")[2] if others else 0.0
    if moved <= ROUNDING * abs(before) or told > ROUNDING * abs(before):
        raise NotApplicableError("the samples have targets, or no input belongs to another one")
    scene.afford(scene.trace.taken)
    ends = {x.path for x in scene.trace.weight_layers if x.depth == 0}
    meant, left, taken = times_of(subject) * scene.trace.taken, (1 - SHARE) * scene.remaining, 0
    begun = _spreads(made_by(subject, subject.batches, "start"), ends)
    looks = []
    with subject.at("now"):
        for batch in islice(subject.more(), meant):
            if not isfinite(subject.step(batch)) or scene.remaining < left:
                break
            taken += 1
            if taken % max(meant // LOOKS, 1) == 0:
                looks.append(_spreads(made_by(subject, subject.batches, "now"), ends))
        after, exchanged, _ = losses_of(subject, views, "now")
    if not looks or not all(begun):
        raise NotApplicableError("there are too few steps, or outputs of which nothing is known")
    ways = zip(looks[-1], looks[len(looks) // 2], begun, strict=True)
    share, falls = min((last / first, last <= half) for last, half, first in ways)
    alike = exchanged - after < HARDLY * (apart - before)
    gone = alike and after < before and falls and share < APART
    yield Said(
        outcome=Outcome.WRONG if gone else Outcome.FINE,
        said=f"{taken} steps later outputs vary between samples by {number(100 * share)} % of what they did at the start, and "
        f"views of other samples cost {number(exchanged - after)} more, at the start {number(apart - before)}",
        measured=100 * share,
        limit=100 * APART,
        unit="%",
        supports=("representation-collapse",) if gone else (),
    )


def _spreads(made: Mapping[str, list[Tensor]], ends: set[str]) -> tuple[float, float]:
    """Return the variance of these layers' outputs between samples, and that of their directions, at most."""
    rows = [
        x.flatten(1)
        for n in ends
        for x in made.get(n, ())
        if x.ndim > 1 and len(x) > 1 < x.shape[1]
    ]
    plain, directions = (
        max((float((x - x.mean(0)).square().mean()) for x in found), default=0.0)
        for found in (rows, [functional.normalize(x, dim=1) for x in rows])
    )
    return plain, directions
