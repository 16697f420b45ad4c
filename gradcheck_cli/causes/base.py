"""What a cause is: a pure function that weighs a trace and its findings; its docstring is its card."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gradcheck_cli.causes.shares import ENOUGH, UPSTREAM, Shares, shares
from gradcheck_cli.records.diagnosis import Basis
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.trace import Layer, SourceSite, Trace


@dataclass(frozen=True, slots=True)
class Support:
    """How much speaks for a cause, and what."""

    score: float  # 0..1
    reasons: tuple[str, ...]
    layers: tuple[str, ...] = ()
    first_layer: str | None = None
    at: SourceSite | None = None
    basis: Basis = Basis.SIGNS
    place: int | None = None  # of the intervention along the way of the signal, the first is 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a cause may look at."""

    trace: Trace
    findings: tuple[Finding, ...]

    def has(self, *names: str) -> bool:
        """Is one of these findings present, as more than a note?"""
        return any(f.name in names and f.severity is not Severity.NOTE for f in self.findings)

    def noted(self, *names: str) -> bool:
        """Is one of these findings present at all?"""
        return any(f.name in names for f in self.findings)

    def layers_of(self, name: str) -> tuple[str, ...]:
        """Return the layers of the first finding called `name`."""
        return next((f.layers for f in self.findings if f.name == name), ())

    @property
    def shares(self) -> Shares | None:
        """What the passes brought back, None where none was made or nothing was lost."""
        return shares(self.trace)

    @property
    def at_start(self) -> Shares | None:
        """The same, where the initial state had lost it already."""
        found = self.shares
        return None if found is None or found.dynamic else found


CauseFunction = Callable[[Evidence], Support | None]


@dataclass(frozen=True, slots=True)
class CauseRule:
    """A cause in the catalogue; `explains` are names of findings."""

    name: str
    explains: tuple[str, ...]
    function: CauseFunction
    distinguish: str = ""

    @property
    def card(self) -> str:
        """The manual: the function's docstring."""
        return inspect.cleandoc(self.function.__doc__ or "")


def cause(name: str, explains: str, distinguish: str = "") -> Callable[[CauseFunction], CauseRule]:
    """Make a cause of a function; `explains` lists names of findings."""
    return lambda function: CauseRule(name, tuple(explains.split()), function, distinguish)


Sign = tuple[bool, str]  # does it hold, and the sentence that says so


def fact(
    reason: str,
    layers: Iterable[Layer] = (),
    *,
    at: SourceSite | None = None,
    score: float = 1.0,
) -> Support:
    """Return the support of what was seen and leaves no doubt."""
    return _support(score, (reason,), layers, Basis.FACT, at=at)


def signs(
    speaking: Sequence[Sign],
    against: Sequence[Sign] = (),
    layers: Iterable[Layer] = (),
    *,
    first: Layer | None = None,
    at: SourceSite | None = None,
) -> Support | None:
    """Return the support of measurements that fit a cause; None where none does.

    Each sign halves the doubt that is left, and each that speaks against it halves the score: nothing
    is known of their weights, so all weigh the same.
    """
    held = [sentence for holds, sentence in speaking if holds]
    opposed = [sentence for holds, sentence in against if holds]
    if not held:
        return None
    score = (1 - 0.5 ** len(held)) * 0.5 ** len(opposed)
    return _support(score, (*held, *opposed), layers, Basis.SIGNS, first=first, at=at)


def experiment(
    found: Shares,
    name: str,
    layers: Iterable[Layer] = (),
    *,
    share: float | None = None,
    first: Layer | None = None,
    more: tuple[str, ...] = (),
) -> Support | None:
    """Return the support of what an intervention brings back; of little, it is a sign only."""
    value = found[name].value if share is None else share
    if value <= 0:
        return None
    basis = Basis.EXPERIMENT if value >= ENOUGH else Basis.SIGNS
    support = _support(value, (found.told(name), *more), layers, basis, first=first)
    return replace(support, place=UPSTREAM.index(name))


def _support(
    score: float,
    reasons: tuple[str, ...],
    layers: Iterable[Layer],
    basis: Basis,
    *,
    first: Layer | None = None,
    at: SourceSite | None = None,
) -> Support:
    ordered = sorted(layers, key=lambda x: x.order)
    site = at or (first.built_at if first else None)
    site = site or next((x.built_at for x in ordered if x.built_at), None)
    top = first.path if first else (ordered[0].path if ordered else None)
    return Support(min(1.0, score), reasons, tuple(x.path for x in ordered), top, site, basis)


def paths(layers: Sequence[Layer], most: int = 3) -> str:
    """Write a few layer names for a sentence."""
    names = [x.path for x in layers[:most]]
    more = f" and {len(layers) - most} more" if len(layers) > most else ""
    return ", ".join(names) + more
