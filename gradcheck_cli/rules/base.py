"""What a rule is: a pure function of a trace with a code, a name and a manual."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck_cli.records.finding import Confidence, Evidence, Finding, Severity, Skip
from gradcheck_cli.records.loop import LoopFacts
from gradcheck_cli.records.trace import Layer, SourceSite, Trace


class CannotTellError(Exception):
    """Raised by a rule that lacks what it needs; the message is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a rule found: the sentence, the numbers and the layers; the engine adds the rest."""

    severity: Severity
    message: str
    confidence: Confidence = Confidence.HIGH  # of what was measured as such
    layers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    first_step: int | None = None
    at: SourceSite | None = None  # else where the first of the layers was built


IN_FULL = 1e3, 1e6  # numbers between them are written with all their digits
A_FEW = 3  # names that a sentence lists
OF_THE_LOOP = "GC8"  # how the codes of mistakes in the loop begin: they explain the others
RuleFunction = Callable[..., Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in the catalogue. Its thresholds are the keyword-only arguments of its function."""

    code: str
    name: str
    function: RuleFunction

    @property
    def card(self) -> str:
        """The manual: the function's docstring, with the thresholds' values filled in."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def summary(self) -> str:
        """The first line of the manual."""
        return self.card.partition("\n")[0]

    @property
    def thresholds(self) -> dict[str, float]:
        """Names and defaults of what may be configured."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @property
    def severity(self) -> Severity:
        """The gravest severity it can report, as its manual says in its section Severity."""
        stated = re.search(r"^Severity\s+(error|warning|note)", self.card, re.MULTILINE)
        return Severity(stated[1]) if stated else Severity.ERROR

    def __call__(
        self, trace: Trace, thresholds: Mapping[str, Any] | None = None
    ) -> list[Finding] | Skip:
        """Judge `trace`; return findings, or why the rule could not look.

        Raises TypeError for a threshold that the rule does not have.
        """
        given = dict(thresholds or {})
        if unknown := set(given) - set(self.thresholds):
            known = ", ".join(self.thresholds) or "none"
            raise TypeError(f"{self.code} has no threshold {sorted(unknown)}; it has: {known}")
        try:
            return [self._finding(trace, hit) for hit in self.function(trace, **given)]
        except CannotTellError as reason:
            return Skip(self.code, self.name, str(reason))

    def _finding(self, trace: Trace, hit: Hit) -> Finding:
        named = set(hit.layers)
        site = next((x.built_at for x in trace.layers if x.path in named and x.built_at), None)
        return Finding(
            code=self.code,
            name=self.name,
            severity=hit.severity,
            confidence=hit.confidence,
            message=hit.message,
            layers=hit.layers,
            evidence=hit.evidence,
            first_step=hit.first_step,
            at=hit.at or site,
        )


def rule(code: str, name: str) -> Callable[[RuleFunction], Rule]:
    """Make a rule of a function `(trace, *, threshold=...)` that yields hits."""
    return lambda function: Rule(code, name, function)


def loop_of(trace: Trace) -> LoopFacts:
    """Return what was seen of the loop. Raises CannotTellError where nobody watched it."""
    if trace.loop is None:
        raise CannotTellError("the loop was not watched")
    return trace.loop


def loop_mistakes(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the mistakes in the training loop among the findings; each is a cause by itself."""
    serious = (f for f in findings if f.severity is not Severity.NOTE)
    return tuple(f for f in serious if f.code.startswith(OF_THE_LOOP))


def in_order(layers: list[Layer]) -> tuple[str, ...]:
    """Return the paths of layers in execution order."""
    return tuple(x.path for x in sorted(layers, key=lambda x: x.order))


def counted(count: int, one: str, more: str) -> str:
    """Write `1 layer is frozen` or `2 layers are frozen`."""
    return f"1 layer {one}" if count == 1 else f"{count} layers {more}"


def number(value: float) -> str:
    """Write a number for a sentence: three digits, no noise, thousands in full."""
    return f"{value:.0f}" if IN_FULL[0] <= abs(value) < IN_FULL[1] else f"{value:.3g}"


__all__ = [
    "A_FEW",
    "OF_THE_LOOP",
    "CannotTellError",
    "Confidence",
    "Evidence",
    "Hit",
    "Rule",
    "Severity",
    "counted",
    "in_order",
    "loop_mistakes",
    "loop_of",
    "number",
    "rule",
]
