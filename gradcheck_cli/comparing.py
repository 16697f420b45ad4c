"""Two reports side by side: what is new, gone, worse, better; and the findings that were accepted.

Findings are told apart by rule and layers, never by line numbers, values or wording, so that
unrelated edits change nothing. Trainings are noisy: a number counts as worse only when it moved
away from its limit by more than a factor, and a finding whose layers overlap is the same one.
"""

from collections.abc import Iterator, Sequence
from math import isfinite, log10

from gradcheck_cli.records.baseline import Accepted, Comparison, Pair
from gradcheck_cli.records.finding import Evidence, Finding, plain_path
from gradcheck_cli.records.report import Report

TOLERANCE = 0.5  # decades by which a number may move before it counts
SPREADING = 1.5  # factor by which more layers count as worse
FEW = 2  # so many layers more never count


def accept(finding: Finding) -> Accepted:
    """Return what a baseline keeps of a finding: no line, no wording."""
    return Accepted(
        code=finding.code,
        name=finding.name,
        severity=finding.severity,
        layers=tuple(plain_path(path) for path in finding.layers),
        subject=finding.subject,
        excess=excess(finding),
    )


def compare(
    before: Sequence[Accepted], after: Report, *, tolerance: float = TOLERANCE
) -> Comparison:
    """Return what changed; each finding is matched once, by rule and overlap of layers."""
    left = list(before)
    new: list[Finding] = []
    pairs: list[Pair] = []
    for finding in after.findings:
        old = _best(finding, left)
        if old is None:
            new.append(finding)
        else:
            left.remove(old)
            pairs.append(_judged(finding, old, tolerance))
    return Comparison(
        new=tuple(new),
        worse=tuple(p for p in pairs if p.why.startswith("worse")),
        better=tuple(p for p in pairs if p.why.startswith("better")),
        same=tuple(p for p in pairs if not p.why),
        gone=tuple(left),
    )


def compare_reports(before: Report, after: Report, *, tolerance: float = TOLERANCE) -> Comparison:
    """Return what changed from one report to the other."""
    return compare([accept(f) for f in before.findings], after, tolerance=tolerance)


def differences(before: Report, after: Report) -> Iterator[str]:
    """Yield what differs in how the two were measured, which may explain the rest."""
    names = ("model", "data", "loss", "optimizer", "seed", "steps", "batch_size", "device")
    for name in (*names, "precision", "torch", "gradcheck"):
        old, new = getattr(before.run, name), getattr(after.run, name)
        if old != new:
            yield f"{name}: {old} before, {new} now"


def excess(finding: Finding) -> float | None:
    """Return by how many decades the first number with a limit is beyond it."""
    return next((d for e in finding.evidence if (d := _beyond(e)) is not None), None)


def _beyond(evidence: Evidence) -> float | None:
    """Return the distance in decades; that the limit was crossed is what made the finding."""
    measured, limit = evidence.measured, evidence.limit
    if limit is None or not (isfinite(measured) and isfinite(limit)):
        return None
    if measured <= 0 or limit <= 0:
        return None
    return abs(log10(measured / limit))


def _best(finding: Finding, old: Sequence[Accepted]) -> Accepted | None:
    """Return the old finding of the same rule with the most layers in common."""
    layers = {plain_path(path) for path in finding.layers}
    same = [o for o in old if (o.code, o.subject) == (finding.code, finding.subject)]
    overlapping = [o for o in same if layers & {*o.layers} or not layers or not o.layers]
    return max(overlapping, key=lambda o: len(layers & {*o.layers}), default=None)


def _judged(finding: Finding, old: Accepted, tolerance: float) -> Pair:
    """Return the pair with the first reason that it changed."""
    if finding.severity is not old.severity:
        way = "worse" if finding.severity.rank > old.severity.rank else "better"
        return Pair(finding, old, f"{way}: {old.severity} before, {finding.severity} now")
    many, few = len(finding.layers), len(old.layers)
    if many > max(few * SPREADING, few + FEW):
        return Pair(finding, old, f"worse: {many} layers, {few} before")
    now = excess(finding)
    if now is not None and old.excess is not None and abs(now - old.excess) > tolerance:
        way = "worse" if now > old.excess else "better"
        return Pair(
            finding, old, f"{way}: {now:.1f} decades beyond the limit, {old.excess:.1f} before"
        )
    if few > max(many * SPREADING, many + FEW):
        return Pair(finding, old, f"better: {many} layers, {few} before")
    return Pair(finding, old)
