"""After `gradcheck run --verify`: the script's training is built again, and the fixes are tried on it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gradcheck_cli.cli.streams import lent
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.diagnosis import Verification
from gradcheck_cli.records.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.rebuilding import Recipe


def with_verdicts(report: Report, recipe: "Recipe", policy: Policy) -> Report:
    """Return the report with fixes that were tried, or with the reason why they were not."""
    if not report.fixes:
        return report
    if not recipe.is_complete:
        return _untried(report, f"to have it tried, {' and '.join(recipe.missing)}")
    try:
        again = _diagnosed_again(recipe, policy)
    except GradcheckError as error:
        first = (str(error).splitlines() or [""])[0]
        return _untried(report, f"the training could not be built again: {first}")
    return _joined(report, again, recipe)


def _diagnosed_again(recipe: "Recipe", policy: Policy) -> Report:
    from gradcheck_cli import diagnosing
    from gradcheck_cli.targets.target import Target

    with lent(stdout_to_stderr=True):  # the script's stdout is its own
        target = Target.from_strings(**recipe.parts, **recipe.options)
        return diagnosing.diagnose(target, policy=policy, verify=True, command=recipe.command)


def _joined(report: Report, again: Report, recipe: "Recipe") -> Report:
    """Take over what was tried for the same cause; another training than the script's proves nothing."""
    from gradcheck_cli import concluding

    cause = again.causes[0].name if again.causes else again.verdict.value
    other = Verification(reason=f"the training built again shows something else: {cause}")
    apart = Verification(reason="the training built again has this cause, but not this very change")
    same = {entry.name for entry in again.causes}
    tried = {(fix.name, fix.treats, fix.summary): fix for fix in again.fixes}
    fixes = tuple(
        tried.get(
            (fix.name, fix.treats, fix.summary),
            replace(fix, verification=apart if fix.treats in same else other),
        )
        for fix in report.fixes
    )
    note = f"fixes were tried on the training built again: {recipe.command}"
    return replace(
        report,
        fixes=fixes,
        assumptions=(*report.assumptions, note),
        next_steps=concluding.next_steps(report.verdict, report.findings, fixes),
    )


def _untried(report: Report, reason: str) -> Report:
    why = Verification(reason=reason)
    return replace(report, fixes=tuple(replace(fix, verification=why) for fix in report.fixes))
