"""The value that counts for each setting, and where it came from."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from gradcheck_cli.declared import DEFAULTS, SETTINGS, TRAINING, Kind, Setting
from gradcheck_cli.errors import UsageError
from gradcheck_cli.policy import Policy
from gradcheck_cli.settings.discovery import find_config
from gradcheck_cli.settings.located import Located, Place, unify
from gradcheck_cli.settings.policies import Known, by_code, mistakes, policy_of
from gradcheck_cli.settings.problems import ConfigError, did_you_mean, shown
from gradcheck_cli.settings.schema import Config, Entry, ModuleIgnores, RuleSettings, kind_of
from gradcheck_cli.shadowing import ours


@dataclass(frozen=True, slots=True)
class Value:
    """A setting and its origin: `command line`, `GRADCHECK_STEPS`, `gradcheck.yaml:3`, `default`."""

    value: Any
    origin: str


def over(name: str, below: Value | None, above: Value) -> Value:
    """Return what counts where one layer lies over another; some are joined."""
    if below is None or not SETTINGS[name].adds:
        return above
    origin = f"{below.origin} + {above.origin}"
    if name != "rules":
        return Value([*below.value, *above.value], origin)
    rules = {code: dict(settings) for code, settings in below.value.items()}
    for code, settings in above.value.items():
        rules[code] = {**rules.get(code, {}), **settings}
    return Value(rules, origin)


OF_ITS_MODEL = ("name", "model_args", "weights")
WITHIN: dict[str | int, type[BaseModel]] = {"models": Entry, "per_module_ignores": ModuleIgnores}
FOR_TARGET = tuple(s.name for s in TRAINING if s.name not in {"name", "steps"})


@dataclass(frozen=True, slots=True)
class Run:
    """One model to diagnose."""

    name: str
    values: dict[str, Value]

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def target(self) -> dict[str, Any]:
        """Return what was set of the arguments of `Target.from_strings`."""
        chosen = {name: self[name] for name in FOR_TARGET if name in self.values}
        return {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that counts. `file` is the config that was used, `folder` the place it lies in."""

    runs: tuple[Run, ...]
    values: dict[str, Value] = field(default_factory=dict)
    file: Path | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    @property
    def policy(self) -> Policy:
        """What counts of findings, and what is done about them."""
        return policy_of({name: value.value for name, value in self.values.items()})

    @property
    def folder(self) -> Path | None:
        """Where modules named in the config are looked for."""
        return None if self.file is None else self.file.resolve().parent


@ours()
def load(
    given: Mapping[str, Any] | None = None,
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    rules: Sequence[Known] = (),
) -> Settings:
    """Combine command line (`given`, None where nothing was said), environment, file and defaults.

    What is said of rules is checked against `rules` where they are given. Raises ConfigError with
    every mistake of the file, UsageError on a bad variable or option.
    """
    environ = os.environ if environ is None else environ
    located = find_config(config, environ, (folder or Path.cwd()).resolve())
    values = {name: Value(value, "default") for name, value in DEFAULTS.items()}
    models: list[dict[str, Value]] = []
    if located is not None:
        from_file, models = _from_file(located, rules)
        values |= from_file
    nearer = dict(_from_environment(environ))
    for name, value in _checked(given or {}, rules):
        nearer[name] = over(name, nearer.get(name), Value(value, "command line"))
    if "model" in nearer:  # then what the file says of its own model does not count
        models = []
        for name in OF_ITS_MODEL:
            values.pop(name, None)
    nearer = {name: over(name, values.get(name), value) for name, value in nearer.items()}
    values |= nearer
    runs = [
        Run(_name(entry, index), {**values, **entry, **nearer})
        for index, entry in enumerate(models)
    ]
    return Settings(
        tuple(runs) or (Run(_name(values, 0), dict(values)),),
        values,
        None if located is None else located.file,
    )


def _checked(given: Mapping[str, Any], rules: Sequence[Known]) -> Iterator[tuple[str, Any]]:
    """Yield what the command line says; selectors that fit nothing are the gate's to mention."""
    for name, value in given.items():
        if value is None:
            continue
        if name == "rules":
            for _, message in mistakes({"rules": value}, rules) if rules else ():
                raise UsageError(message)
            yield name, by_code(value, rules)
        else:
            yield name, _plain(_fitting(SETTINGS[name], value, f"{SETTINGS[name].flag} {value}"))


def _fitting(setting: Setting, value: Any, said: str) -> Any:
    """Return the value as its kind is. Raises UsageError, naming what was `said`."""
    try:
        return TypeAdapter(kind_of(setting)).validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{said}: {message[:1].lower()}{message[1:]}") from None


def _plain(value: Any) -> Any:
    """Return a value without classes of the schema."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value.plain() if isinstance(value, ModuleIgnores | RuleSettings) else value


def _name(values: Mapping[str, Value], index: int) -> str:
    named = values.get("name") or values.get("model")
    return str(named.value) if named is not None else f"model {index + 1}"


def _from_file(
    located: Located, rules: Sequence[Known]
) -> tuple[dict[str, Value], list[dict[str, Value]]]:
    unify(located)
    config = _validated(located)
    values = _values(config, located, ())
    models = values.pop("models", Value([], "")).value
    if models and "model" in values:
        located.report(("models",), "there is `model` too; say either one or several", key=True)
    entries = [_values(entry, located, ("models", i)) for i, entry in enumerate(models)]
    for index, entry in enumerate(entries):
        if "model" not in entry:
            located.report(("models", index), "names no model")
    said = {name: value.value for name, value in values.items()}
    for place, message in mistakes(said, rules) if rules else ():
        located.report(place, message, key=place[0] == "rules" and len(place) == 2)
    if located.problems:
        raise ConfigError(located.problems)
    if "rules" in values:
        values["rules"] = Value(by_code(said["rules"], rules), values["rules"].origin)
    return values, entries


def _validated(located: Located) -> BaseModel:
    """Return what has no mistakes; those of the rest are noted."""
    try:
        return Config.model_validate(located.content)
    except ValidationError as error:
        problems = error.errors()
    for problem in problems:
        _locate(located, problem)
    wrong = {problem["loc"][0] for problem in problems}
    return Config.model_validate({k: v for k, v in located.content.items() if k not in wrong})


def _locate(located: Located, problem: Any) -> None:
    place: Place = tuple(problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = WITHIN.get(place[0], Config) if len(place) > 1 else Config
        name = str(place[-1])
        message = f"unknown key {name!r}{did_you_mean(name, known.model_fields)}"
        if name == "trust":
            message = "trust is taken from the command line only"
        located.report(place, message, key=True)
        return
    message = problem["msg"].removeprefix("Value error, ")
    name = ".".join(map(str, place))
    given = "" if isinstance(problem["input"], dict) else f", not {problem['input']!r}"
    located.report(place, f"{name}: {message[:1].lower()}{message[1:]}{given}"[:300])


def _values(entry: BaseModel, located: Located, place: Place) -> dict[str, Value]:
    folder = located.file.resolve().parent
    values = {}
    for name, value in entry:
        if value is not None:
            line = located.at((*place, name), key=True).line
            meant = _beside(SETTINGS[name].kind, _plain(value), folder)
            values[name] = Value(meant, f"{located.file}:{line}")
    return values


def _beside(kind: Kind, value: Any, folder: Path) -> Any:
    """Return a value of a file in `folder` with its paths as they read from the working folder."""
    if kind in {Kind.REFERENCE, Kind.CHECKPOINT}:
        return anchored(value, folder)
    if kind is Kind.OUTPUTS:
        return [_anchored_output(text, folder) for text in value]
    return str(shown(folder / value)) if kind is Kind.FILE else value


def anchored(text: str, folder: Path) -> str:
    """Return a reference from a file in `folder` as it reads from the working folder."""
    prefix, rest = ("hf:", text[3:]) if text.startswith("hf:") else ("", text)
    path, colon, what = _parted(rest)
    if Path(path).is_absolute() or not _exists(folder / path):
        return text
    return f"{prefix}{shown(folder / path)}{colon}{what}"


def _exists(path: Path) -> bool:
    """Is it there? What the system refuses as a name, or does not let us see, is not."""
    try:
        return path.exists()
    except OSError:
        return False


def _parted(text: str) -> tuple[str, str, str]:
    at = text.find(".py:")
    if at >= 0:
        return text[: at + 3], ":", text[at + 4 :]
    if Path(text).suffix or ":" not in text:
        return text, "", ""
    return text.partition(":")


def _anchored_output(text: str, folder: Path) -> str:
    kind, colon, path = text.partition(":")
    return f"{kind}:{shown(folder / path)}" if colon else text


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    """Yield what variables of settings say; other tools may have variables that begin alike."""
    for setting in SETTINGS.values():
        if setting.variable in environ:
            text = environ[setting.variable]
            given = text.split(",") if setting.kind is Kind.OUTPUTS else text
            value = _fitting(setting, given, f"{setting.variable}={text}")
            yield setting.name, Value(value, setting.variable)
