"""Values and their origins: the nearest layer wins, except where layers add up."""

from dataclasses import dataclass
from typing import Any

from gradcheck_cli.declared import SETTINGS


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
