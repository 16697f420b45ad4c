"""The gate as settings: what the command line says of it, and the policy that counts in the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck_cli import gating
from gradcheck_cli.cli.gate_options import listed
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.finding import Severity

SEVERITY = "severity"


def as_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options of the gate make; None where nothing was said.

    Raises UsageError for an option that cannot be understood.
    """
    selectors = ("select", "extend_select", "ignore", "extend_ignore")
    ignores = [gating.parse_module_ignore(text) for text in options["per_module_ignores"] or ()]
    return {
        **{name: listed(options[name]) for name in selectors},
        "per_module_ignores": [
            {"modules": [*x.modules], "rules": [*x.rules], "reason": x.reason} for x in ignores
        ]
        or None,
        "rules": _rules(options["severity"] or (), options["rules"] or ()) or None,
        "baseline": None if options["baseline"] is None else str(options["baseline"]),
        "exit_zero": options["exit_zero"],
    }


def policy_of(settings: Mapping[str, Any]) -> gating.Policy:
    """Return the policy that settings describe."""
    rules = settings.get("rules") or {}
    return gating.Policy(
        select=tuple(settings["select"]),
        extend_select=tuple(settings.get("extend_select") or ()),
        ignore=(*(settings.get("ignore") or ()), *(settings.get("extend_ignore") or ())),
        per_module=tuple(
            gating.ModuleIgnore(tuple(x["modules"]), tuple(x["rules"]), x["reason"])
            for x in settings.get("per_module_ignores") or ()
        ),
        severities=tuple(
            (code, Severity(said[SEVERITY])) for code, said in rules.items() if SEVERITY in said
        ),
    )


def thresholds_of(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the thresholds to use instead of a rule's own, by its code."""
    found = {
        code: {name: value for name, value in said.items() if name != SEVERITY}
        for code, said in (settings.get("rules") or {}).items()
    }
    return {code: thresholds for code, thresholds in found.items() if thresholds}


def _rules(severities: Sequence[str], texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for text in severities:
        code, severity = gating.parse_severity(text)
        rules.setdefault(code, {})[SEVERITY] = severity.value
    for text in texts:
        code, name, value = _setting(text)
        rules.setdefault(code, {})[name] = value
    return rules


def _setting(text: str) -> tuple[str, str, Any]:
    """Return what `GC101.attenuation=1e-4` means; raises UsageError."""
    from gradcheck_cli.settings.located import scalar
    from gradcheck_cli.settings.schema import threshold

    where, equals, value = (part.strip() for part in text.partition("="))
    code, dot, name = where.partition(".")
    if not (equals and dot and code and name):
        raise UsageError(f"--rule {text}: expected CODE.NAME=VALUE, as in GC101.attenuation=1e-4")
    if name == SEVERITY:
        return code.upper(), name, gating.parse_severity(f"{code}={value}")[1].value
    try:
        return code.upper(), name.replace("-", "_"), threshold(scalar(value))
    except ValueError as error:
        raise UsageError(f"--rule {text}: {error}") from error
