"""What of a script that ran `gradcheck diagnose` can build again, and what it would have to be given."""

import inspect
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcheck_cli.settings.survey import Candidate, survey_file

_MAKERS = {"model": "build_model", "data": "make_data"}  # names that diagnose looks for
_KINDS = ("model", "data", "loss", "optimizer", "training_step")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the run itself knows of the training."""

    model: str  # class of the model
    elsewhere: str = (
        ""  # reference to that class, where it is not the script's and needs no argument
    )
    optimizer: str = ""  # class in torch.optim
    rate: float | None = None
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to describe a script's training: references that work, and what stands in the way."""

    parts: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Can the training be built from it?"""
        return not self.missing

    @property
    def command(self) -> str:
        """Return what to type, once what is missing is there."""
        words = ["gradcheck", "diagnose", self.parts["model"]]
        for name, value in {**self.parts, **self.options}.items():
            if name != "model":
                words += [
                    f"--{name.replace('_', '-')}",
                    f"{value:g}" if isinstance(value, float) else str(value),
                ]
        return shlex.join(words)

    @property
    def advice(self) -> str:
        """Return how to have fixes tried, as one line."""
        if self.is_complete:
            return f"to have the fixes tried: {self.command}"
        return f"to have the fixes tried, {', and '.join(self.missing)}, then {self.command}"


def recipe(file: Path, home: str, seen: Seen) -> Recipe:
    """Read the script (nothing is run) for functions and classes that build its parts.

    `home` is how references to the file begin: its path as it was given, or a module's name.
    """
    found = survey_file(file)
    usable = {kind: _usable(found.get(kind, []), seen, kind) for kind in _KINDS}
    parts = {kind: f"{home}:{name}" for kind, name in usable.items() if name}
    if "model" not in parts and seen.elsewhere:
        parts["model"] = seen.elsewhere
    missing = []
    if any(entry.note for entries in found.values() for entry in entries):
        missing.append(f"move the loop of {home} below if __name__ == '__main__'")
    for kind, maker in _MAKERS.items():
        if kind not in parts:
            parts[kind] = f"{home}:{maker}"
            missing.append(f"put the {kind} into a function {maker}() without arguments")
    options: dict[str, Any] = {}
    if "optimizer" not in parts and "training_step" not in parts and seen.optimizer:
        parts["optimizer"] = seen.optimizer
        options |= {} if seen.rate is None else {"lr": seen.rate}
    options |= {} if seen.batch_size is None else {"batch_size": seen.batch_size}
    return Recipe(parts, options, tuple(missing))


def reference_to(kind: type) -> str:
    """Return how to name a model's class of another module of the user's, if it needs no argument."""
    library = kind.__module__.partition(".")[0] in {"__main__", "builtins", "torch"}
    needed = [
        p
        for p in list(inspect.signature(kind).parameters.values())
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    return "" if library or needed else f"{kind.__module__}:{kind.__name__}"


def _usable(candidates: list[Candidate], seen: Seen, kind: str) -> str:
    """Return the name of the likeliest that needs no argument; a class of a model only if it trained."""
    for entry in candidates:
        name = entry.reference.partition(":")[2]
        if entry.needs or (kind == "model" and entry.is_class and name != seen.model):
            continue
        return name
    return ""
