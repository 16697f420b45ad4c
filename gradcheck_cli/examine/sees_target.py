"""Does a position of a language model see the token that it is to predict?"""

from collections.abc import Iterator

from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.sequences import (
    CHANGE,
    change,
    outputs_of,
    per_position,
    quietly,
    tokens_of,
)
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

AGREE = 0.9  # of the positions whose target is the next token


@experiment("sees-target", "Does a position see the token that it has to predict?")
def sees_target(scene: Scene) -> Iterator[Said]:
    """Exchange the tokens behind a position and see whether its output changes.

    Procedure  where the target of a position is the next input token: the tokens of the second half are taken
               from other samples, and the outputs of the first half are compared.
    Answers    fine: they stay. Wrong: they change: no causal mask, a mask turned round, or padding on the
               wrong side; the loss falls and the model is useless when it has to generate.
    Costs      two forward passes.
    Sources    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.3 (masked attention).
    """
    subject = scene.subject
    tokens = tokens_of(subject)
    target = subject.targets(tokens.batch)
    x = tokens.values
    if not isinstance(target, Tensor) or target.shape != x.shape or target.is_floating_point():
        raise NotApplicableError("there is no target token at each position")
    if float((target[:, :-1] == x[:, 1:]).float().mean()) < AGREE:
        raise NotApplicableError("the targets are not the next tokens")
    half = x.shape[1] // 2
    other = x.clone()
    other[:, half:] = x[:, half:].roll(1, 0)
    with quietly(subject):
        before, after = outputs_of(subject, tokens), outputs_of(subject, tokens, other)
    if not per_position(before, tokens):
        raise NotApplicableError("there is no output at each position")
    moved = change(before[:, :half], after[:, :half], float(before.std()))
    seen = moved > CHANGE
    yield Said(
        outcome=Outcome.WRONG if seen else Outcome.FINE,
        said=f"later tokens change the outputs of earlier positions by {number(100 * moved)} % of their spread: "
        "each position sees its own target"
        if seen
        else "later tokens change nothing at earlier positions",
        measured=100 * moved,
        limit=100 * CHANGE,
        unit="%",
        supports=("leaking-target",) if seen else (),
    )
