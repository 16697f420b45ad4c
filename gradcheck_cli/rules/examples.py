"""Of each rule what it finds and what to write instead, from `examples.toml`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Example(NamedTuple):
    """Two pieces of code that differ in what the rule is about."""

    bad: str
    good: str


@cache
def examples() -> dict[str, Example]:
    """Return the examples by the code of the rule; those of plugins have none."""
    text = (files("gradcheck_cli") / "rules" / "examples.toml").read_text(encoding="utf-8")
    return {code: Example(**said) for code, said in tomllib.loads(text).items()}
