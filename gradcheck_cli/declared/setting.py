"""What is said of a setting."""

from dataclasses import KW_ONLY, dataclass
from enum import Enum, auto
from math import isfinite
from typing import Any

PREFIX = "GRADCHECK_"  # of the environment variables


class Kind(Enum):
    """What a value is."""

    TEXT = auto()
    REFERENCE = auto()  # names something in a file or module
    CHECKPOINT = auto()  # FILE or FILE:KEY
    FILE = auto()
    NUMBER = auto()
    WHOLE = auto()
    STEPS = auto()  # a whole number, or auto
    CHOICE = auto()
    FLAG = auto()
    NAMES = auto()  # a list, or a text with commas
    OUTPUTS = auto()  # a list of FORMAT[:PATH]
    ARGUMENTS = auto()  # a mapping of names to values
    MODELS = auto()
    IGNORES = auto()  # of rules in some layers
    RULES = auto()  # severities and thresholds, by rule


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `option` is its option, `--name` where it is None, none where it is empty."""

    name: str
    kind: Kind
    help: str
    default: Any = None
    _: KW_ONLY
    least: int | None = None
    above: int | None = None
    choices: tuple[str, ...] = ()
    option: str | None = None
    short: str = ""
    metavar: str = ""
    advanced: bool = False  # shown apart, after the others
    adds: bool = False  # what several layers say is joined; else the nearest one wins
    in_environment: bool = True
    example: str = ""  # what a config may say

    @property
    def flag(self) -> str:
        """The option's name; empty where it has none."""
        return f"--{self.name.replace('_', '-')}" if self.option is None else self.option

    @property
    def variable(self) -> str:
        """The environment variable; empty where it has none."""
        return PREFIX + self.name.upper() if self.in_environment else ""

    def problem(self, value: Any) -> str:
        """Return why a number or a choice cannot be taken; empty where it can, and for None."""
        if value is None:
            return ""
        if self.choices and value not in self.choices:
            return f"no {self.name} {value!r}; use {', '.join(self.choices)}"
        if isinstance(value, float) and not isfinite(value):
            return f"{self.name} is {value}; it must be a finite number"
        if self.least is not None and not value >= self.least:
            return f"{self.name} is {value}; it must be at least {self.least}"
        if self.above is not None and not value > self.above:
            return f"{self.name} is {value}; it must be above {self.above}"
        return ""
