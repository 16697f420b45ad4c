"""What counts and how it is judged: one frozen object that reaches every verb and every trial.

The rules get their thresholds from it; what they find is then sorted by it, before anything is made
of a finding. What is left out is not lost: it is listed as skipped, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from gradcheck_cli.declared import DEFAULTS, check
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.finding import Finding, Severity, Skip, plain_path

ALL = "ALL"
FAIL_ON = Severity(DEFAULTS["fail_on"])


@dataclass(frozen=True, slots=True)
class ModuleIgnore:
    """Rules that do not count in some layers, and why."""

    modules: tuple[str, ...]  # patterns: head.*
    rules: tuple[str, ...]  # codes, names or prefixes
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which findings count, and what is done about them.

    Rules are given by code, name or prefix (GC1), or ALL. `thresholds` replace those of rules, by
    the rule's code. Fixes are tried where `verify` says so, for `budget` seconds, on `verify_on`
    samples of each batch, and `examine` says how many experiments are made (none, quick, full). A run fails from `fail_on` on; None is never.
    Raises UsageError on what `declared` does not allow.
    """

    select: tuple[str, ...] = DEFAULTS["select"]
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_module: tuple[ModuleIgnore, ...] = ()
    severities: tuple[tuple[str, Severity], ...] = ()
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verify: bool = DEFAULTS["verify"]
    budget: float = DEFAULTS["budget"]
    verify_on: int | None = None
    examine: str = DEFAULTS["examine"]
    fail_on: Severity | None = FAIL_ON
    baseline: Path | None = None
    exit_zero: bool = DEFAULTS["exit_zero"]

    def __post_init__(self) -> None:
        for name in ("budget", "verify_on", "examine"):
            check(name, getattr(self, name))

    def but(self, **given: Any) -> Self:
        """Return the policy with what is given instead; None leaves a value as it is."""
        return replace(self, **{name: x for name, x in given.items() if x is not None})

    def selects(self, code: str, name: str) -> bool:
        """Is the rule asked for? The longest prefix decides; of equals, `ignore` does."""
        wanted = _closeness(code, name, (*self.select, *self.extend_select))
        return wanted > _closeness(code, name, self.ignore)

    @property
    def exceptions(self) -> tuple[str, ...]:
        """What is ignored or of another severity: what fits no rule there is worth a warning."""
        ignored = (text for ignore in self.per_module for text in ignore.rules)
        severe = (code for code, _ in self.severities)
        return (*self.ignore, *severe, *ignored)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Findings that count, the gravest first and otherwise as they came, and those left out."""

    kept: tuple[Finding, ...]
    left_out: tuple[Skip, ...] = ()
    unused: tuple[str, ...] = ()  # ignores that matched nothing, as warnings
    calmed: bool = False  # something above a note was found, and nothing above one counts


def sort(findings: Iterable[Finding], policy: Policy) -> Sorted:
    """Apply selection, ignores and severities to findings."""
    sieve = _Sieve(policy)
    found = tuple(findings)
    for finding in found:
        sieve.take(finding)
    unused = tuple(
        f"the ignore of {', '.join(x.rules)} in {', '.join(x.modules)} matched nothing"
        for i, x in enumerate(policy.per_module)
        if i not in sieve.used
    )
    kept = tuple(sorted(sieve.kept, key=lambda f: -f.severity.rank))
    return Sorted(kept, tuple(sieve.left_out), unused, is_serious(found) and not is_serious(kept))


def is_serious(findings: Iterable[Finding]) -> bool:
    """Is one of them more than a note?"""
    return any(f.severity is not Severity.NOTE for f in findings)


@dataclass(slots=True)
class _Sieve:
    """Collects what stays, what goes and which ignores were of use."""

    policy: Policy
    kept: list[Finding] = field(default_factory=list)
    left_out: list[Skip] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def take(self, finding: Finding) -> None:
        """Sort one finding."""
        if not self.policy.selects(finding.code, finding.name):
            self.left_out.append(Skip(finding.code, finding.name, "found, but not selected"))
            return
        layers, reasons = self._counting_layers(finding)
        if finding.layers and not layers:
            reason = f"found, but ignored in all its layers: {'; '.join(reasons)}"
            self.left_out.append(Skip(finding.code, finding.name, reason))
            return
        severity = dict(self.policy.severities).get(finding.code, finding.severity)
        self.kept.append(replace(finding, layers=layers, severity=severity))

    def _counting_layers(self, finding: Finding) -> tuple[tuple[str, ...], list[str]]:
        layers, reasons = finding.layers, []
        for i, ignore in enumerate(self.policy.per_module):
            if not _closeness(finding.code, finding.name, ignore.rules):
                continue
            rest = tuple(path for path in layers if not _matches(path, ignore.modules))
            if rest != layers:
                self.used.add(i)
                reasons.append(ignore.reason or f"ignored in {', '.join(ignore.modules)}")
                layers = rest
        return layers, reasons


def check_selection(policy: Policy, known: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError where nothing is selected: by a selector that fits no rule, or by all of them."""
    for text in (*policy.select, *policy.extend_select):
        if check_rules([text], known):
            raise UsageError(f"select: no rule fits {text!r}; `gradcheck rules` lists them")
    if not any(policy.selects(code, name) for code, name in known):
        raise UsageError(
            "select and ignore leave no rule; what is judged by no rule is not healthy"
        )


def check_rules(given: Sequence[str], known: Sequence[tuple[str, str]]) -> list[str]:
    """Return a warning for each selector that fits no rule; `known` are codes and names."""
    return [
        f"no rule fits {text!r}"
        for text in given
        if text.upper() != ALL
        and not any(code.startswith(text.upper()) or name == text.lower() for code, name in known)
    ]


def parse_module_ignore(text: str) -> ModuleIgnore:
    """Return what `head.*=GC101,GC2:reason` means; raises UsageError."""
    modules, equals, rest = text.partition("=")
    rules, _, reason = rest.partition(":")
    if not (equals and modules.strip() and rules.strip()):
        raise UsageError(
            f"{text!r}: expected MODULES=RULES:REASON, as in 'head.*=GC101:frozen on purpose'"
        )
    return ModuleIgnore(_listed(modules), _listed(rules), reason.strip())


def parse_severity(text: str) -> tuple[str, Severity]:
    """Return what `GC101=warning` means; raises UsageError."""
    code, equals, name = text.partition("=")
    try:
        return code.strip().upper(), Severity(name.strip().lower())
    except ValueError as error:
        said = "expected CODE=error, warning or note" if equals else "expected CODE=SEVERITY"
        raise UsageError(f"{text!r}: {said}") from error


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _closeness(code: str, name: str, selectors: Sequence[str]) -> int:
    """Return how closely the best selector names the rule; 0 where none does."""
    best = 0
    for text in selectors:
        if text.upper() == ALL:
            best = max(best, 1)
        elif code.startswith(text.upper()) or text.lower() == name:
            best = max(best, 1 + len(text))
    return best


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(plain_path(path), pattern) for pattern in patterns)
