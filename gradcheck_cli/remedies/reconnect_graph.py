"""Let the gradient pass where the graph is cut: detach, numpy, round, a comparison, argmax.

Works because  Layers below a cut receive no gradient at all. detach() and the way through numpy or
               lists can be left out; a step function can hand the gradient through as if it were the
               identity, a choice as if it were a softmax (straight-through).
Costs          A straight-through gradient is biased.
Not for        Cuts that are meant: targets, teachers, statistics.
Sources        Bengio et al. 2013, arXiv:1308.3432, section 4 (straight-through); Jang et al. 2017,
               arXiv:1611.01144, section 2.2 (of a choice).
"""

import linecache
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from gradcheck_cli.ops import LEAVING
from gradcheck_cli.records.trace import Cut, SourceSite
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.calls import Placed, exchange_calls, within
from gradcheck_cli.remedies.draws import Reparameterized
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.straight_through import (
    COMPARED,
    SHORT,
    SIGNS,
    STEPS,
    HardChoice,
    through,
)
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.targets.change import Change

DETACHING = frozenset({"detach", "data"})


class RoundTrip(Placed):
    """While active, numbers that left torch on this line and come back unchanged keep their graph.

    A tensor without a graph that any call is given is taken for the one that left when it has its
    shape and its numbers. Numbers that were changed on the way stay without a graph.
    """

    def __init__(self, site: SourceSite) -> None:
        super().__init__(site)
        self._held: Tensor | None = None  # what was detached on the line
        self._left: list[Tensor] = []

    def forget(self) -> None:
        """Drop the tensors of this forward pass."""
        self._held = None
        self._left.clear()

    def handle(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what leaves on the line; hand on everywhere what comes back."""
        if name in LEAVING | DETACHING:
            if self.is_here():
                self._leaves(name, args[0])
        elif self._left:
            args, kwargs = tree_map_only(Tensor, self._returned, (args, kwargs))
        return func(*args, **kwargs)

    def _leaves(self, name: str, value: Tensor) -> None:
        if name in DETACHING:
            self._held = value
        elif value.requires_grad:
            self._left.append(value)
        elif self._held is not None:
            self._left.append(self._held)
            self._held = None

    def _returned(self, value: Tensor) -> Tensor:
        if value.requires_grad or not value.is_floating_point():
            return value
        for source in self._left:
            if _same(value, source):
                return source.to(value.dtype)
        return value


def _same(value: Tensor, source: Tensor) -> bool:
    return (
        value.shape == source.shape
        and value.device == source.device
        and torch.equal(value, source.detach().to(value.dtype))
    )


HELPER = '''def {name}_straight_through(value: torch.Tensor) -> torch.Tensor:
    """Apply {name}; the gradient passes as if it were the identity."""
    return value + (torch.{name}(value) - value).detach()
'''
_SOON = 10  # lines


def _keep(value: Tensor, *_: object) -> Tensor:
    return value


def _operation(cut: Cut) -> str:
    return cut.operation.rpartition(".")[2].strip("_()")


def _lines(at: SourceSite, many: int = 1) -> list[str]:
    """Return some lines of the user's source as it is now, none where it cannot be read."""
    linecache.checkcache(at.file)
    return linecache.getlines(at.file)[at.line - 1 : at.line - 1 + many]


def _is_written(cut: Cut) -> bool:
    """Does the user's line name the operation? Others are made by code that the line calls."""
    lines = _lines(cut.at) if cut.at else []
    return not lines or _operation(cut) in lines[0]


def _draft(cut: Cut) -> Draft:
    name = _operation(cut)
    if cut.at is not None and leaves(cut.at, name):
        return _round_trip(cut, cut.at)
    if cut.at is not None and name in {"argmax", "argmin"} and _coded(cut.at):
        return _hard_choice(cut, cut.at, name)
    if cut.at is not None and name in DETACHING:
        return _kept_attached(cut, cut.at, name)
    if cut.at is not None and name in STEPS:
        return _straight_through(cut, cut.at, name)
    place = str(cut.at) if cut.at else f"the forward of {cut.layer or 'the model'}"
    return Draft(
        summary=f"The gradient ends at {cut.operation} ({place}); find a differentiable form of it.",
        code=f"# {place}\n# e.g. softmax instead of argmax, no torch.no_grad() around trained layers",
        cannot=f"what should stand for {cut.operation} only a person can say",
        layers=_layers(cut),
        at=cut.at,
        size=4,
    )


def leaves(at: SourceSite, name: str) -> bool:
    """Do numbers leave torch here, by this call or by one after it on the line?"""
    if name not in DETACHING:
        return name in LEAVING
    return any(f"{call}(" in line for line in _lines(at) for call in LEAVING)


def _coded(at: SourceSite) -> bool:
    """Is the choice made one-hot, here or soon after?"""
    return any("one_hot(" in line for line in _lines(at, _SOON))


def _round_trip(cut: Cut, at: SourceSite) -> Draft:
    return Draft(
        summary=f"Keep the tensor: at {at} its numbers leave torch, and they come back without a gradient.",
        code=f"# {at}\ncode = self.encoder(x)  # no numpy, no list, no torch.tensor() of it on the way",
        change=Change(summary="no way round torch", model=within([RoundTrip(at)])),
        layers=_layers(cut),
        at=at,
        size=1,
    )


def _hard_choice(cut: Cut, at: SourceSite, name: str) -> Draft:
    sign = "" if name == "argmax" else "-"
    return Draft(
        summary=f"Let the gradient pass {name}() at {at} as if it were a softmax.",
        code=(
            f"# {at}\n"
            f"soft = torch.softmax({sign}scores, dim=-1)\n"
            "hard = F.one_hot(soft.argmax(dim=-1), soft.shape[-1])\n"
            "y = hard + soft - soft.detach()  # forward the choice, backward the softmax"
        ),
        change=Change(summary=f"softmax behind {name}()", model=within([HardChoice(at)])),
        layers=_layers(cut),
        at=at,
        size=1,
    )


def _kept_attached(cut: Cut, at: SourceSite, name: str) -> Draft:
    said = f".{name}" if name == "data" else f"{name}()"
    return Draft(
        summary=f"Remove {said} at {at}.",
        code=f"# {at}\ncode = self.encoder(x)  # without .{said.lstrip('.')}",
        change=Change(summary=f"no {said}", model=exchange_calls({(at, name): _keep})),
        layers=_layers(cut),
        at=at,
        size=1,
        edits=(Edit(act=Act.UNWRAP, at=at, old=name),) if _is_written(cut) else (),
    )


def _straight_through(cut: Cut, at: SourceSite, name: str) -> Draft:
    write = Edit(
        act=Act.CALL,
        at=at,
        old=name,
        new=f"{name}_straight_through",
        needs=HELPER.format(name=name),
    )
    return Draft(
        summary=f"Let the gradient pass straight through {name}() at {at}.",
        code=f"# {at}\ny = x + (torch.{name}(x) - x).detach()  # instead of torch.{name}(x)",
        change=Change(
            summary=f"straight through {name}()",
            model=exchange_calls({(at, name): through(STEPS[name])}),
        ),
        layers=_layers(cut),
        at=at,
        size=1,
        edits=(write,) if _is_written(cut) else (),
    )


def _compared(cut: Cut, at: SourceSite, name: str) -> Draft:
    """Draft a comparison that gives 1 or 0 and hands the gradient on; as a mask it cannot run."""
    short = SHORT.get(name, name)
    sign, slope = SIGNS[short], "-" if short in {"lt", "le"} else "+"
    return Draft(
        summary=f"Let the gradient pass straight through the comparison ({sign}) at {at}.",
        code=(
            f"# {at}\n"
            f"y = (x {sign} limit).to(x.dtype)\n"
            f"y = y {slope} (x - x.detach())  # forward as before, backward the identity"
        ),
        change=Change(
            summary=f"straight through {sign}",
            model=exchange_calls({(at, name): COMPARED[short]}),
        ),
        layers=_layers(cut),
        at=at,
        size=1,
    )


def _reparameterized(case: Case) -> Draft:
    return Draft(
        summary="Use rsample() in place of sample(): it hands gradients to the parameters of the distribution.",
        code="z = distribution.rsample()  # mean + deviation * noise, as torch.normal() without a gradient",
        change=Change(summary="rsample()", model=within([Reparameterized()])),
        layers=case.cause.layers,
        size=1,
    )


def _layers(cut: Cut) -> tuple[str, ...]:
    return (cut.layer,) if cut.layer else ()


@remedy(
    "reconnect-graph",
    treats=("detached-graph", "non-differentiable-operation"),
    risk=REVIEW,
    part="wiring",
)
def reconnect_graph(case: Case) -> Iterator[Draft]:
    """Draft all cuts that can be healed together, then each place by itself."""
    drafts = [
        draft
        for cut in dict.fromkeys(case.trace.cuts)
        if (draft := _draft(cut)).change is not None or _is_written(cut)
    ]
    if case.cause.name == "non-differentiable-operation":
        drafts += [
            _compared(cut, cut.at, _operation(cut))
            for cut in dict.fromkeys(case.trace.comparisons)
            if cut.at is not None
        ]
    drafts += [_reparameterized(case)] if "rsample()" in " ".join(case.cause.reasons) else []
    healed = [d for d in drafts if d.change is not None]
    if len(healed) > 1:
        yield Draft(
            summary="Let the gradient pass at every cut: " + " ".join(d.summary for d in healed),
            code="\n".join(d.code for d in healed),
            change=together("reconnect", [d.change for d in healed if d.change is not None]),
            layers=tuple(dict.fromkeys(path for d in healed for path in d.layers)),
            at=healed[0].at,
            size=2,
            edits=tuple(e for d in healed for e in d.edits),
        )
    yield from drafts
