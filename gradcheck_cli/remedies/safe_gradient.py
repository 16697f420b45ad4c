"""Keep what a function is given away from the point where its slope is infinite.

Works because  The square root has a value at 0 and no finite slope there: the chain rule multiplies
               infinity by 0, and the NaN spreads to every weight. Just beside the point the slope is
               finite, and what is held at the limit gets a gradient of 0. So it is with the logarithm of 0
               that torch.where hides afterwards.
Costs          Arguments below the limit are taken for the limit, and so is what the function makes of them.
Not for        Functions whose argument stays well inside their range.
Sources        IEEE 754: 0 * inf is NaN; PyTorch notes, Autograd mechanics.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.features.circumstances import broken_in_backward, broken_in_forward
from gradcheck_cli.records.trace import Cut, SourceSite
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.calls import exchange_calls
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.targets.change import Change

LEAST = 1e-6
POSITIVE = frozenset("sqrt pow log log2 log10 rsqrt".split())  # from 0 upwards
BETWEEN = frozenset("acos asin arccos arcsin".split())  # from -1 to 1
HELPER = '''def guarded_{name}(value: torch.Tensor) -> torch.Tensor:
    """Apply {name}, kept away from where its slope is infinite."""
    return torch.{name}(value.{kept})
'''


def _kept(name: str) -> str:
    limits = (LEAST,) if name in POSITIVE else (LEAST - 1, 1 - LEAST)
    return f"clamp{'_min' if name in POSITIVE else ''}({', '.join(f'{x:g}' for x in limits)})"


def guarded(name: str) -> Callable[..., Tensor]:
    """Return torch's function of this name, whose first argument is kept inside its range."""
    function = getattr(torch, name)

    def call(value: Tensor, *rest: Any) -> Tensor:
        inside = value.clamp_min(LEAST) if name in POSITIVE else value.clamp(LEAST - 1, 1 - LEAST)
        result: Tensor = function(inside, *rest)
        return result

    return call


def _draft(call: Cut, at: SourceSite) -> Draft:
    name = call.operation.strip("_")
    if name not in POSITIVE | BETWEEN:
        return _hidden_before(name, at)
    if call.layer is None:
        return _in_loss(name, at)
    write = Edit(
        act=Act.CALL,
        at=at,
        old=name,
        new=f"guarded_{name}",
        needs=HELPER.format(name=name, kept=_kept(name)),
    )
    return Draft(
        summary=f"Keep what {name}() is given at {at} away from where its slope is infinite.",
        code=f"# {at}\ny = torch.{name}(x.{_kept(name)})",
        change=Change(
            summary=f"guarded {name}()", model=exchange_calls({(at, name): guarded(name)})
        ),
        layers=(call.layer,) if call.layer else (),
        at=at,
        size=1,
        edits=() if name == "pow" else (write,),
    )


def _hidden_before(name: str, at: SourceSite) -> Draft:
    return Draft(
        summary=f"Replace what {name}() is given at {at} where its result is not used, before the call and not only behind it.",
        code=f"# {at}\nx = torch.where(used, x, torch.ones_like(x))  # then {name}, then the same mask",
        cannot="where its result is not used is known to its author alone",
        at=at,
        size=1,
    )


def _in_loss(name: str, at: SourceSite) -> Draft:
    return Draft(
        summary=f"Keep what {name}() is given in the loss at {at} away from where its slope is infinite.",
        code=f"# {at}\nloss = torch.{name}(x.{_kept(name)})",
        cannot="it is no part of the model, and only the model is changed in memory",
        at=at,
        size=1,
    )


@remedy("safe-gradient", treats=("infinite-slope",), risk=REVIEW, part="output")
def safe_gradient(case: Case) -> Iterator[Draft]:
    """Draft a guard at each place, then at all of them."""
    made = (*broken_in_forward(case.trace), *broken_in_backward(case.trace))
    calls = made[:1] or case.trace.steep
    drafts = [_draft(x, x.at) for x in dict.fromkeys(calls) if x.at is not None]
    yield from drafts
    if len(drafts) > 1:
        yield Draft(
            summary=" ".join(d.summary for d in drafts),
            code="\n".join(d.code for d in drafts),
            change=together("guards", [d.change for d in drafts if d.change is not None]),
            layers=tuple(dict.fromkeys(path for d in drafts for path in d.layers)),
            at=drafts[0].at,
            size=2,
            edits=tuple(e for d in drafts for e in d.edits) if all(d.edits for d in drafts) else (),
        )
