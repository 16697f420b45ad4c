"""What a cause is: a pure function that weighs a trace and its findings; its docstring is its card."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Weighing:
    """Adds up what speaks for a cause."""

    score: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, weight: float, reason: str, *, when: bool = True) -> "Weighing":
        """Count `weight` and keep the sentence when it applies."""
        if when:
            self.score += weight
            self.reasons.append(reason)
        return self

    def support(
        self,
        layers: Iterable[Layer] = (),
        *,
        first: Layer | None = None,
        at: SourceSite | None = None,
    ) -> Support | None:
        """Return the sum, None when nothing speaks for it."""
        if self.score <= 0:
            return None
        ordered = sorted(layers, key=lambda x: x.order)
        site = at or (first.built_at if first else None)
        site = site or next((x.built_at for x in ordered if x.built_at), None)
        return Support(
            min(1.0, self.score),
            tuple(self.reasons),
            tuple(x.path for x in ordered),
            first.path if first else (ordered[0].path if ordered else None),
            site,
        )


def paths(layers: Sequence[Layer], most: int = 3) -> str:
    """Write a few layer names for a sentence."""
    names = [x.path for x in layers[:most]]
    more = f" and {len(layers) - most} more" if len(layers) > most else ""
    return ", ".join(names) + more
