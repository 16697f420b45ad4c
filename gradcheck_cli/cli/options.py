"""Options: those of the declared settings, made from their table, and those of one command line."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gradcheck_cli import declared
from gradcheck_cli.declared import SETTINGS, Kind, Setting
from gradcheck_cli.errors import UsageError
from gradcheck_cli.policy import parse_module_ignore, parse_severity
from gradcheck_cli.renderers.formats import FORMATS

ADVANCED = "Advanced loading and training"
GATING = "Rule selection and gating"
SEVERITY = "severity"
Given = Mapping[str, Any]  # settings by name; None where nothing was said

TRAINING, REPORT, TRIALS, _GATE = (
    tuple(s.name for s in group if s.flag)
    for group in (declared.TRAINING, declared.REPORT, declared.TRIALS, declared.GATE)
)
GATE = (*_GATE, SEVERITY)
OF_A_TEXT: dict[
    Kind, Any
] = {  # what click makes of a text; settings are checked when all are known
    Kind.NUMBER: float,
    Kind.WHOLE: int,
    Kind.FLAG: bool,
    Kind.NAMES: list[str],
    Kind.OUTPUTS: list[str],
    Kind.ARGUMENTS: list[str],
    Kind.IGNORES: list[str],
    Kind.RULES: list[str],
}

MaybeModelArgument = Annotated[
    str | None, typer.Argument(metavar="MODEL", help=SETTINGS["model"].help)
]
ArgumentsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="-- ARGUMENTS",
        help="What a script is given. MODEL may be a script, a file that trains when it is run: "
        "its first steps are watched.",
        show_default=False,
    ),
]
ModuleOption = Annotated[
    bool, typer.Option("-m", help="MODEL is a module to run as a script, as in python -m.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Instead of the nearest gradcheck.yaml or pyproject."
    ),
]
SaveTraceOption = Annotated[
    Path | None,
    typer.Option(
        "--save-trace",
        metavar="FILE",
        help="Save what was measured as JSON (FILE.gz: compressed), for gradcheck judge. It holds "
        "names, places in the source, losses and sizes; no weights, no samples.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust", help="Load files that can run code, such as .pt2.", rich_help_panel=ADVANCED
    ),
]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="ddp|fsdp",
        help="Under torchrun: train on all ranks together.",
        rich_help_panel=ADVANCED,
    ),
]
SeverityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--severity",
        metavar="CODE=LEVEL",
        help="Override a rule's severity: GC101=warning.",
        rich_help_panel=GATING,
    ),
]


def takes(*names: str, **defaults: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the options of these settings; what was said comes as its first argument.

    `defaults` count for this command instead of the settings' own, whatever a config says.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        own = [*inspect.signature(function, eval_str=True).parameters.values()][1:]
        every = [_parameter(name, defaults.get(name)) for name in names]
        every += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

        @wraps(function)
        def command(**said: Any) -> int:
            given = as_settings({name: said.pop(name, None) for name in names})
            return function(given, **said)

        command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in every}
        return command

    return decorate


def _parameter(name: str, default: Any) -> inspect.Parameter:
    annotation = SeverityOption if name == SEVERITY else _annotation(SETTINGS[name], default)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _annotation(setting: Setting, default: Any) -> Any:
    kind = Literal[setting.choices] if setting.choices else OF_A_TEXT.get(setting.kind, str)
    panel = GATING if setting.name in GATE else ADVANCED if setting.advanced else None
    option = typer.Option(
        *filter(None, (setting.flag, setting.short)),
        metavar=setting.metavar or None,
        min=setting.least,
        help=help_of(setting, default),
        rich_help_panel=panel,
        show_default=False,
    )
    return Annotated[kind | None, option]


def help_of(setting: Setting, default: Any = None) -> str:
    """Return what a setting means, with its default where that is worth a word."""
    text = setting.help.format(formats=", ".join(f.name for f in FORMATS))
    default = setting.default if default is None else default
    if default is None or setting.kind in {Kind.FLAG, Kind.OUTPUTS}:
        return text
    return f"{text} Default: {spelled(default)}."


def spelled(default: Any) -> str:
    """Return a default as a person would write it."""
    return (
        ", ".join(default)
        if isinstance(default, tuple)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


def as_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options make; None where nothing was said.

    Raises UsageError for an option that cannot be understood.
    """
    given = {name: value or None if value == [] else value for name, value in options.items()}
    severities, rules = given.pop(SEVERITY, None), given.get("rules")
    if rules or severities:
        given["rules"] = _rules(severities or (), rules or ())
    for name, text in given.items():
        if text is None:
            continue
        if SETTINGS[name].kind is Kind.NAMES:
            given[name] = listed(text)
        elif SETTINGS[name].kind is Kind.ARGUMENTS:
            given[name] = dict(_argument(part) for part in text)
        elif SETTINGS[name].kind is Kind.IGNORES:
            ignores = [parse_module_ignore(part) for part in text]
            given[name] = [
                {"modules": [*x.modules], "rules": [*x.rules], "reason": x.reason} for x in ignores
            ]
    return given


def listed(texts: Iterable[str]) -> list[str] | None:
    """Return the parts of options that may be repeated or hold commas, None where there is none."""
    return [p.strip() for text in texts for p in text.split(",") if p.strip()] or None


def _argument(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip().isidentifier()):
        raise UsageError(f"--model-arg {text}: expected NAME=VALUE")
    return name.strip(), value


def _rules(severities: Sequence[str], texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for text in severities:
        code, severity = parse_severity(text)
        rules.setdefault(code, {})[SEVERITY] = severity.value
    for text in texts:
        code, name, value = _rule_setting(text)
        rules.setdefault(code, {})[name] = value
    return rules


def _rule_setting(text: str) -> tuple[str, str, Any]:
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
