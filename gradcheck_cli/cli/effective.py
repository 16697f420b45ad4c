"""The settings that count for a command: its options over the environment over the config."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcheck_cli.cli.outputs import confine
from gradcheck_cli.errors import UsageError
from gradcheck_cli.shadowing import theirs_first

if TYPE_CHECKING:
    from gradcheck_cli.settings import Settings


def effective(given: Mapping[str, Any], config: str | None) -> "Settings":
    """Return what counts, checked: rules that are named exist, outputs of a config may be written.

    Raises UsageError with what is wrong.
    """
    from gradcheck_cli import gating, settings
    from gradcheck_cli.rules import all_rules

    found = settings.load(given, config=config, rules=all_rules())
    gating.check(found.policy)
    _confine_outputs(found)
    return found


def with_models(found: "Settings", verb: str) -> "Settings":
    """Return the settings, whose modules can be imported; raises UsageError where a run has no model."""
    for run in found.runs:
        if run.target().get("model") is None:
            raise UsageError(f"which model? say gradcheck {verb} MODEL, or try gradcheck init")
    if found.folder is not None:
        theirs_first(str(found.folder))  # modules that a config names lie beside it
    return found


def _confine_outputs(found: "Settings") -> None:
    """In CI a config may come from a stranger: what it names is written inside the checkout only."""
    output = found.values["output"]
    if "CI" not in os.environ or found.folder is None or not _is_from_file(found, output.origin):
        return
    above = (found.folder, *found.folder.parents)
    checkout = next((folder for folder in above if (folder / ".git").exists()), found.folder)
    confine(output.value, checkout, output.origin)


def _is_from_file(found: "Settings", origin: str) -> bool:
    return found.file is not None and origin.startswith(f"{found.file}:")
