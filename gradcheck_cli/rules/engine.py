"""Run the rules over a trace: findings, what passed, what could not look, what crashed."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcheck_cli import plugins
from gradcheck_cli.records.finding import Crash, Finding, Skip
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules import all_rules
from gradcheck_cli.rules.base import OF_THE_LOOP, Rule
from gradcheck_cli.rules.non_finite import non_finite, whole

FIRST = non_finite.code


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one trace.

    Findings are sorted by severity, mistakes of the loop first, then what names the first value that was
    not finite, then by code.
    """

    findings: tuple[Finding, ...] = ()
    passed: tuple[str, ...] = ()  # names
    skipped: tuple[Skip, ...] = ()
    crashed: tuple[Crash, ...] = ()


def judge(
    trace: Trace,
    *,
    rules: Sequence[Rule] | None = None,
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
) -> Judgement:
    """Ask every rule, or only `rules`. `thresholds` maps a rule's code to the thresholds to use instead of its own.

    A rule that raises is recorded as a crash and the others go on; so is a plugin that cannot be used.
    """
    findings: list[Finding] = []
    passed: list[str] = []
    skipped: list[Skip] = []
    crashed: list[Crash] = []
    sound = whole(trace)
    for rule in all_rules() if rules is None else rules:
        seen = trace if rule.code == FIRST else sound
        try:
            answer = rule(seen, (thresholds or {}).get(rule.code))
        except Exception:  # noqa: BLE001 - whatever a rule does must not cost the others
            crashed.append(
                Crash(plugins.whose(rule, f"rule {rule.code} {rule.name}"), traceback.format_exc())
            )
            continue
        if isinstance(answer, Skip):
            skipped.append(answer)
        elif answer:
            findings.extend(answer)
        else:
            passed.append(rule.name)
    findings.sort(key=_order)
    if rules is None:
        crashed += plugins.broken(plugins.RULES)
    return Judgement(tuple(findings), tuple(passed), tuple(skipped), tuple(crashed))


def _order(finding: Finding) -> tuple[int, bool, bool, str]:
    code = finding.code
    return -finding.severity.rank, not code.startswith(OF_THE_LOOP), code != FIRST, code
