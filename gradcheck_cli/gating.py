"""What of a report counts: rules selected and ignored, layers ignored with a reason, severities.

A pure function from a report to a report. What is left out is not lost: it is listed as skipped, with
the reason, so that every format shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.finding import Finding, Severity, Skip
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.renderers.places import plain_path

ALL = "ALL"


@dataclass(frozen=True, slots=True)
class ModuleIgnore:
    """Rules that do not count in some layers, and why."""

    modules: tuple[str, ...]  # patterns: head.*
    rules: tuple[str, ...]  # codes, names or prefixes
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which findings count. Rules are given by code, name or prefix (GC1), or ALL."""

    select: tuple[str, ...] = (ALL,)
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_module: tuple[ModuleIgnore, ...] = ()
    severities: tuple[tuple[str, Severity], ...] = ()

    def selects(self, code: str, name: str) -> bool:
        """Is the rule asked for? The longest prefix decides; of equals, `ignore` does."""
        wanted = _closeness(code, name, (*self.select, *self.extend_select))
        return wanted > _closeness(code, name, self.ignore)


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


def gate(report: Report, policy: Policy) -> tuple[Report, tuple[str, ...]]:
    """Return the report with what counts, and warnings for ignores that matched nothing."""
    sieve = _Sieve(policy)
    for finding in report.findings:
        sieve.take(finding)
    warnings = tuple(
        f"the ignore of {', '.join(x.rules)} in {', '.join(x.modules)} matched nothing"
        for i, x in enumerate(policy.per_module)
        if i not in sieve.used
    )
    if tuple(sieve.kept) == report.findings:
        return report, warnings
    return _without(report, sieve), warnings


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


def _without(report: Report, sieve: _Sieve) -> Report:
    """Return the report without what does not count, nor causes and fixes of that alone."""
    kept = sorted(sieve.kept, key=lambda f: (-f.severity.rank, f.code))
    marks = {f.code for f in kept} | {f.name for f in kept}
    causes = tuple(c for c in report.causes if marks & {*c.explains})
    treated = {c.name for c in causes}
    serious = any(f.severity is not Severity.NOTE for f in kept)
    calmed = report.verdict is Verdict.SICK and not serious
    codes = ", ".join(dict.fromkeys(skip.code for skip in sieve.left_out))
    headline = f"Nothing wrong beyond what is left out ({codes or 'by severity'})."
    return replace(
        report,
        verdict=Verdict.HEALTHY if calmed else report.verdict,
        headline=headline if calmed else report.headline,
        findings=tuple(kept),
        causes=causes,
        fixes=tuple(fix for fix in report.fixes if fix.treats in treated),
        skipped=(*report.skipped, *sieve.left_out),
    )
