"""Settings as the policy that goes through the pipeline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcheck_cli.policy import ModuleIgnore, Policy
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.settings.catalogue import SEVERITY

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
