"""What counts and what decides the exit code: options that the verbs share, as settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_cli.errors import UsageError
from gradcheck_cli.policy import parse_module_ignore, parse_severity

SEVERITY = "severity"
PANEL = "Rule selection and gating"

SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="RULES",
        help="Rules to enable: codes, prefixes, names, ALL. Overrides the config.",
        rich_help_panel=PANEL,
    ),
]
ExtendSelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extend-select",
        metavar="RULES",
        help="These rules count too.",
        rich_help_panel=PANEL,
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="RULES",
        help="These rules do not count: codes, prefixes, names. Adds to what a config ignores.",
        rich_help_panel=PANEL,
    ),
]
ExtendIgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extend-ignore",
        metavar="RULES",
        help="The same as --ignore.",
        rich_help_panel=PANEL,
    ),
]
ModuleIgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-in",
        metavar="MODULES=RULES:REASON",
        help="Rules that do not count in some layers: 'head.*=GC101:frozen on purpose'.",
        rich_help_panel=PANEL,
    ),
]
SeverityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--severity",
        metavar="CODE=LEVEL",
        help="Override a rule's severity: GC101=warning.",
        rich_help_panel=PANEL,
    ),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="CODE.NAME=VALUE",
        help="A setting of a rule: GC101.attenuation=1e-4, GC101.severity=warning. "
        "`gradcheck explain` lists them.",
        rich_help_panel=PANEL,
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Fail only on findings that are new or worse than this baseline.",
        rich_help_panel=PANEL,
    ),
]
ExitZeroOption = Annotated[
    bool,
    typer.Option(
        "--exit-zero",
        help="Exit 0 even with findings; crashes and usage errors still fail.",
        rich_help_panel=PANEL,
    ),
]
MaybeExitZeroOption = Annotated[
    bool | None,
    typer.Option(
        "--exit-zero/--no-exit-zero",
        help="Exit 0 even with findings; crashes and usage errors still fail.",
        rich_help_panel=PANEL,
    ),
]


def as_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options of the gate make; None where nothing was said.

    Raises UsageError for an option that cannot be understood.
    """
    selectors = ("select", "extend_select", "ignore", "extend_ignore")
    ignores = [parse_module_ignore(text) for text in options["per_module_ignores"] or ()]
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


def listed(texts: Sequence[str] | None) -> list[str] | None:
    """Return the parts of options that may be repeated or hold commas, None where none was given."""
    parts = [p.strip() for text in texts or () for p in text.split(",") if p.strip()]
    return parts or None


def _rules(severities: Sequence[str], texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for text in severities:
        code, severity = parse_severity(text)
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
        return code.upper(), name, parse_severity(f"{code}={value}")[1].value
    try:
        return code.upper(), name.replace("-", "_"), threshold(scalar(value))
    except ValueError as error:
        raise UsageError(f"--rule {text}: {error}") from error
