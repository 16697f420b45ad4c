"""Take away a nonlinearity that does not belong there: before the loss, a softmax, a clamp.

Works because  Cross-entropy and BCE-with-logits apply softmax and sigmoid themselves: a second one
               bounds the scores, so the loss cannot come down and the gradient shrinks. A bounded
               output cannot reach targets beyond its bounds. A softmax between layers flattens what
               it hands on, and beyond its limits a clamp has no slope.
Costs          The model returns scores; call softmax or sigmoid where probabilities are shown.
Not for        NLLLoss after log_softmax, BCELoss after sigmoid: there it belongs.
Sources        PyTorch documentation of CrossEntropyLoss and BCEWithLogitsLoss; Bridle 1990.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from gradcheck_cli.ops import DYING, LOGARITHM_LOSSES, SOFTMAX_KINDS, SQUASHING
from gradcheck_cli.records.trace import Layer, SourceSite
from gradcheck_cli.remedies.activations import is_call, owner, reachable, shaping, spelled
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.calls import exchange_calls
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import exchange, together
from gradcheck_cli.remedies.wording import names, paste, sites, substituted, where
from gradcheck_cli.targets.change import Change

CLIPPING = DYING | {"clamp"}


def same(value: Tensor, *_: object) -> Tensor:
    """Return what came in."""
    return value


@remedy(
    "drop-output-activation",
    treats=("double-softmax", "wrong-output-activation"),
    risk=REVIEW,
    part="output",
)
def drop_output_activation(case: Case) -> Iterator[Draft]:
    """Draft the removal of what follows the last weights, of all softmaxes, and of every clamp."""
    layers = tuple(reachable(shaping(case.trace, SQUASHING | CLIPPING)))
    logarithm = (
        case.trace.loss.kind in LOGARITHM_LOSSES and case.cause.name == "wrong-output-activation"
    )
    if layers and not logarithm:  # without it the scores would take the place of logarithms
        yield _without(layers, "at the output")
    softmaxes = tuple(reachable(x for x in case.trace.layers if spelled(x.kind) in SOFTMAX_KINDS))
    if case.cause.name == "double-softmax" and set(softmaxes) - set(layers):
        yield _without(softmaxes, "wherever it stands")
    clamps = case.trace.clamps if case.cause.name == "wrong-output-activation" else ()
    for cut in dict.fromkeys(clamps):
        if cut.at is not None:
            yield _unclamped(cut.at, cut.operation.strip("_"))


def _unclamped(at: SourceSite, name: str) -> Draft:
    """Beyond its limits a clamp has no slope, so what is there never comes back."""
    return Draft(
        summary=f"Remove {name}() at {at}.",
        code=f"# {at}\n# without {name}(): beyond its limits no gradient passes",
        change=Change(summary=f"no {name}()", model=exchange_calls({(at, name): same})),
        at=at,
        size=2,
        edits=(Edit(act=Act.UNWRAP, at=at, old=name),),
    )


def _without(layers: tuple[Layer, ...], place: str) -> Draft:
    modules = [x for x in layers if not is_call(x)]
    calls = {
        (x.built_at, spelled(x.kind)): same for x in layers if is_call(x) and x.built_at is not None
    }
    edit = exchange([x.path for x in modules], lambda _: nn.Identity())
    changes = [Change(summary="", model=edit)]
    if calls:
        changes.append(Change(summary="", model=exchange_calls(calls)))
    block = substituted([x.path for x in modules], "nn.Identity()")
    lines = [
        f"# in {owner(x) or 'the model'}.forward: without {x.kind}()" for x in layers if is_call(x)
    ]
    kinds = "/".join(dict.fromkeys(x.kind for x in layers))
    return Draft(
        summary=f"Remove {kinds} {place} ({names([x.path for x in layers])}).",
        code=paste(where(layers), block, *lines),
        change=together(f"without {kinds}", changes),
        layers=tuple(x.path for x in layers),
        size=2,
        edits=tuple(
            Edit(
                act=Act.UNWRAP if is_call(x) else Act.REMOVE,
                at=site,
                old=x.kind,
            )
            for x in layers
            for site in sites([x])
        ),
    )
