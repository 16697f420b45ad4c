"""The shape of a config, made of the declared settings: the keys, their kinds and their limits."""

from collections.abc import Iterable
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    WithJsonSchema,
    create_model,
    model_validator,
)

from gradcheck_cli.declared import GATE, MODELS, REPORT, TRAINING, TRIALS, Kind, Setting

Dialect = dict[str, Any]


def reference(value: Any) -> Any:
    """Turn `class_path`/`init_args` and `_target_` mappings into `pkg.mod:Name(argument=value)`.

    Raises ValueError on mappings that are neither.
    """
    if not isinstance(value, dict):
        return value
    rest = dict(value)
    if "class_path" in rest:
        name, arguments = rest.pop("class_path"), rest.pop("init_args", {})
        if rest:
            raise ValueError(f"beside class_path and init_args there is {', '.join(rest)}")
    elif "_target_" in rest:
        name, arguments = rest.pop("_target_"), rest
    else:
        raise ValueError("write file.py:name, or a mapping with class_path or _target_")
    if not (isinstance(name, str) and isinstance(arguments, dict)):
        raise ValueError("class_path and _target_ are texts, init_args is a mapping")  # noqa: TRY004 - pydantic collects ValueErrors
    if ":" not in name:
        module, _, attribute = name.rpartition(".")
        if not module:
            raise ValueError(f"{name!r} names no module; write pkg.mod.Name")
        name = f"{module}:{attribute}"
    written = ", ".join(f"{key}={argument!r}" for key, argument in arguments.items())
    return f"{name}({written})"


def step_count(value: Any) -> Any:
    """Return a number of steps, or `auto`. Raises ValueError."""
    if value == "auto":
        return value
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise ValueError("should be auto or a whole number from 1")
    return int(text)


def listed(value: Any) -> Any:
    """Return the parts of a text with commas; a list stays what it is."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def threshold(value: Any) -> float:
    """Return a number from 0 that may be a threshold. Raises ValueError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or value < 0:
        raise ValueError("should be a number from 0")
    return value  # type: ignore[no-any-return]


Names = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(listed)]
Threshold = Annotated[
    Any, BeforeValidator(threshold), WithJsonSchema({"type": "number", "minimum": 0})
]


class ModuleIgnores(BaseModel):
    """Rules that do not count in some layers, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modules: Names = Field(min_length=1)
    rules: Names | None = None
    ignore: Names | None = None  # another name for rules
    reason: str = ""

    @model_validator(mode="after")
    def _says_which(self) -> "ModuleIgnores":
        if bool(self.rules) == bool(self.ignore):
            raise ValueError("say which rules are ignored there, under `rules` (or `ignore`)")
        return self

    def plain(self) -> dict[str, Any]:
        """Return it with one name for the rules."""
        rules = self.rules or self.ignore
        return {"modules": self.modules, "rules": rules, "reason": self.reason}


class RuleSettings(BaseModel):
    """Another severity and other thresholds of one rule."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Threshold]

    severity: Literal["error", "warning", "note"] | None = None

    def plain(self) -> dict[str, Any]:
        """Return what was set."""
        return self.model_dump(exclude_none=True)


class _Keys(BaseModel):
    """A mapping that has the keys of settings and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


KINDS: dict[Kind, Any] = {
    Kind.TEXT: str,
    Kind.REFERENCE: Annotated[str, BeforeValidator(reference)],
    Kind.CHECKPOINT: str,
    Kind.FILE: str,
    Kind.NUMBER: FiniteFloat,
    Kind.WHOLE: int,
    Kind.STEPS: Annotated[Any, BeforeValidator(step_count)],
    Kind.FLAG: bool,
    Kind.NAMES: Names,
    Kind.OUTPUTS: list[str],
    Kind.ARGUMENTS: dict[str, Any],
    Kind.IGNORES: list[ModuleIgnores],
    Kind.RULES: dict[str, RuleSettings],
}


def kind_of(setting: Setting) -> Any:
    """Return the annotation that a value of the setting fits."""
    if setting.kind is Kind.CHOICE:
        return Literal[setting.choices]
    if setting.kind is Kind.MODELS:
        return Annotated[list[Entry], Field(min_length=1)]  # type: ignore[valid-type]
    return Annotated[KINDS[setting.kind], Field(ge=setting.least, gt=setting.above)]


def _keys(name: str, settings: Iterable[Setting], text: str) -> type[BaseModel]:
    fields: dict[str, Any] = {
        s.name: (kind_of(s) | None, Field(default=None, description=s.help)) for s in settings
    }
    return create_model(name, __base__=_Keys, __doc__=text, **fields)


Entry = _keys("Entry", TRAINING, "One model and how to train it.")
Config = _keys(
    "Config",
    (*TRAINING, MODELS, *REPORT, *TRIALS, *GATE),
    "The whole file: one model or several, and what to do with the report.",
)
