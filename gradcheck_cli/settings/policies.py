"""What a config says of rules: do they exist, and the policy that goes through the pipeline."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gradcheck_cli.policy import ModuleIgnore, Policy
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.settings.located import Place
from gradcheck_cli.settings.problems import did_you_mean

SELECTORS = ("select", "extend_select", "ignore", "extend_ignore")
SEVERITY = "severity"


class Known(Protocol):
    """What has to be known of a rule."""

    @property
    def code(self) -> str:
        """GC101."""

    @property
    def name(self) -> str:
        """vanishing-gradient."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Names and defaults."""


def mistakes(values: Mapping[str, Any], known: Sequence[Known]) -> Iterator[tuple[Place, str]]:
    """Yield the place and the message of everything that fits no rule."""
    for key in SELECTORS:
        yield from _unfitting(values.get(key) or (), (key,), known)
    for index, ignore in enumerate(values.get("per_module_ignores") or ()):
        yield from _unfitting(ignore["rules"], ("per_module_ignores", index, "rules"), known)
    for said, settings in (values.get("rules") or {}).items():
        rule = _called(said, known)
        if rule is None:
            hint = _near(said, known) or "; `gradcheck rules` lists them"
            yield ("rules", said), f"no rule is called {said!r}{hint}"
        else:
            yield from _unknown(rule, settings, ("rules", said))


def by_code(
    rules: Mapping[str, Mapping[str, Any]], known: Sequence[Known]
) -> dict[str, dict[str, Any]]:
    """Return the settings of rules with their codes as keys; a rule may be called by its name."""
    result: dict[str, dict[str, Any]] = {}
    for said, settings in rules.items():
        rule = _called(said, known)
        result.setdefault(rule.code if rule is not None else said, {}).update(settings)
    return result


def _unfitting(
    texts: Sequence[str], place: Place, known: Sequence[Known]
) -> Iterator[tuple[Place, str]]:
    for index, text in enumerate(texts):
        fits = any(r.code.startswith(text.upper()) or r.name == text.lower() for r in known)
        if not fits and text.upper() != "ALL":
            yield (*place, index), f"{place[0]}: no rule fits {text!r}{_near(text, known)}"


def _unknown(rule: Known, settings: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    has = [*rule.thresholds, SEVERITY]
    for name, value in settings.items():
        if name not in has:
            said = f"{rule.code} {rule.name} has no threshold {name!r}{did_you_mean(name, has)}"
            yield (*place, name), f"{said}; it has: {', '.join(has)}"
        elif isinstance(rule.thresholds.get(name), int) and value != int(value):
            yield (*place, name), f"{rule.code}.{name}: should be a whole number, not {value!r}"


def _called(text: str, known: Sequence[Known]) -> Known | None:
    return next((r for r in known if text.upper() == r.code or text.lower() == r.name), None)


def _near(text: str, known: Sequence[Known]) -> str:
    return did_you_mean(text.upper(), [r.code for r in known]) or did_you_mean(
        text.lower(), [r.name for r in known]
    )


NEVER = "never"


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """Return the policy that settings describe."""
    rules = settings.get("rules") or {}
    fail_on, baseline = settings["fail_on"], settings.get("baseline")
    return Policy(
        select=tuple(settings["select"]),
        extend_select=tuple(settings.get("extend_select") or ()),
        ignore=(*(settings.get("ignore") or ()), *(settings.get("extend_ignore") or ())),
        per_module=tuple(
            ModuleIgnore(tuple(x["modules"]), tuple(x["rules"]), x["reason"])
            for x in settings.get("per_module_ignores") or ()
        ),
        severities=tuple(
            (code, Severity(said[SEVERITY])) for code, said in rules.items() if SEVERITY in said
        ),
        thresholds=_thresholds(rules),
        verify=bool(settings["verify"]),
        budget=settings["budget"],
        verify_on=settings.get("verify_on"),
        examine=settings["examine"],
        fail_on=None if fail_on == NEVER else Severity(fail_on),
        baseline=None if baseline is None else Path(baseline),
        exit_zero=bool(settings["exit_zero"]),
    )


def _thresholds(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the thresholds to use instead of a rule's own, by its code."""
    found = {
        code: {name: value for name, value in said.items() if name != SEVERITY}
        for code, said in rules.items()
    }
    return {code: thresholds for code, thresholds in found.items() if thresholds}
