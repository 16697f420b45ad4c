"""Run the rules over a trace: findings that count, what passed, what could not look, what crashed."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradcheck_cli import plugins
from gradcheck_cli import policy as selection
from gradcheck_cli.errors import THEIRS
from gradcheck_cli.policy import Policy, check_rules, sort
from gradcheck_cli.records.finding import Crash, Finding, Skip
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules import all_rules
from gradcheck_cli.rules.base import OF_THE_LOOP, Rule
from gradcheck_cli.rules.loss_curve import diverging_loss
from gradcheck_cli.rules.non_finite import non_finite, whole

FIRST = non_finite.code
DIVERGES = diverging_loss.code
OF_PROGRESS = frozenset({"GC403", "GC404", "GC406"})  # rules that expect the loss to fall
BESIDE_THE_LOSS = "GC402"  # asks it for the consequence of what it has measured itself


@dataclass(frozen=True, slots=True)
class Judgment:
    """What the rules say of one trace.

    Findings are sorted by severity, mistakes of the loop first, then what names the first value that was
    not finite, then a loss that diverges (gradients lost beside it are no longer those of the
    initialization), then by code.
    """

    findings: tuple[Finding, ...] = ()
    passed: tuple[str, ...] = ()  # names
    skipped: tuple[Skip, ...] = ()
    crashed: tuple[Crash, ...] = ()
    left_out: tuple[Skip, ...] = ()  # found, but not counted by the policy; also among `skipped`
    calmed: bool = False  # by the policy: nothing that is more than a note is left
    notes: tuple[str, ...] = ()  # selectors that fit no rule, ignores that matched nothing


def judge(
    trace: Trace,
    policy: Policy | None = None,
    *,
    rules: Sequence[Rule] | None = None,
    mute: str = "",
    subject: str | None = None,
) -> Judgment:
    """Ask every rule, or only `rules`, and keep the findings that count by `policy`.

    `mute` is a reason why the loss need not fall: then rules of progress find nothing, and its size
    tells the others nothing where they would hold it against the training. `subject` is
    the model that findings are about, of several. A rule that raises is recorded as a crash and the
    others go on; so is a plugin that cannot be used.
    """
    policy = policy or Policy()
    findings: list[Finding] = []
    passed: list[str] = []
    skipped: list[Skip] = []
    crashed: list[Crash] = []
    sound = whole(trace)
    muted = sound
    if mute and not sound.loss.surrogate:
        muted = replace(sound, loss=replace(sound.loss, surrogate=mute))
    for rule in all_rules() if rules is None else rules:
        seen = trace if rule.code == FIRST else muted if rule.code == BESIDE_THE_LOSS else sound
        try:
            answer = rule(seen, policy.thresholds.get(rule.code))
        except THEIRS:  # whatever a rule does must not cost the others
            crashed.append(
                Crash(plugins.whose(rule, f"rule {rule.code} {rule.name}"), traceback.format_exc())
            )
            continue
        if isinstance(answer, Skip):
            skipped.append(answer)
        elif answer and mute and rule.code in OF_PROGRESS:
            skipped.append(Skip(rule.code, rule.name, mute))
        elif answer:
            findings.extend(replace(f, subject=subject) if subject else f for f in answer)
        else:
            passed.append(rule.name)
    if rules is None:
        crashed += plugins.broken(plugins.RULES)
    said = sort(findings, policy)
    return Judgment(
        tuple(sorted(said.kept, key=_order)),
        tuple(passed),
        (*skipped, *said.left_out),
        tuple(crashed),
        said.left_out,
        said.calmed,
        (*unfitting(policy), *said.unused),
    )


def unfitting(policy: Policy) -> list[str]:
    """Return a warning for each ignore and severity that fits no rule."""
    return check_rules(policy.exceptions, _known())


def check_selection(policy: Policy, found: Sequence[Finding] = ()) -> None:
    """Raise UsageError where the policy selects no rule, neither of ours nor of those that `found`."""
    selection.check_selection(policy, [*_known(), *((f.code, f.name) for f in found)])


def _known() -> list[tuple[str, str]]:
    return [(rule.code, rule.name) for rule in all_rules()]


def _order(finding: Finding) -> tuple[int, bool, bool, bool, str]:
    code = finding.code
    of_loop = code.startswith(OF_THE_LOOP)
    return -finding.severity.rank, not of_loop, code != FIRST, code != DIVERGES, code
