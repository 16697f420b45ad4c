"""A commented config from what a survey found."""

import json
import re
from collections.abc import Iterator

from gradcheck_cli.declared import SETTINGS, Setting
from gradcheck_cli.settings.survey import Candidate, Survey

PLAIN = re.compile(r"[A-Za-z][\w./-]*(:[A-Za-z_][\w./]*)?")
HEAD = """\
# What `gradcheck diagnose` examines here. `gradcheck config` shows the values that count.
# References: file.py:name, pkg.mod:name, or a call with literals, file.py:build(depth=30).
"""
TAIL = "# More settings, with their defaults or an example; take the # away to change one."
NEEDED = "model", "data", "loss", "optimizer"  # said even where a survey found none


def draft(found: Survey) -> str:
    """Return the text of a gradcheck.yaml: the likeliest parts, the others as comments."""
    lines = [HEAD]
    for kind in ("model", "data", "loss", "optimizer", "training_step"):
        best = found.best(kind)
        if best is None or (kind == "training_step" and found.best("loss") is not None):
            lines += [_absent(SETTINGS[kind])] if kind in NEEDED else []
            continue
        lines += _entry(kind, best, found.found[kind][1:])
    return "\n".join([*lines, "", TAIL, *others()]) + "\n"


def others() -> Iterator[str]:
    """Yield the lines, as comments, of the settings that have an example or a default."""
    for setting in SETTINGS.values():
        if setting.name in NEEDED:
            continue
        said = setting.example or _default(setting.default)
        if said:
            first, *rest = f"{setting.name}: {said}".splitlines()
            yield from (f"# {line}" for line in [f"{first:24}  # {_about(setting)}", *rest])


def _absent(setting: Setting) -> str:
    return f"# {setting.name + ': ' + setting.example:34}  # {_about(setting)}; none was found"


def _about(setting: Setting) -> str:
    return re.split(r"[.:;](?: |$)", setting.help)[0]


def _default(value: object) -> str:
    if value is None:
        return ""
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _entry(kind: str, best: Candidate, others: list[Candidate]) -> list[str]:
    note = f"  # {best.note}" if best.note and best.target_column is None else ""
    lines = [f"{kind}: {quoted(best.reference)}{note}"]
    if best.needs and kind == "model":
        lines.append("model_args:  # it needs these; fill them in")
        lines += [f"  {name}: null" for name in best.needs]
    elif best.needs:
        lines.append(f"# it needs {', '.join(best.needs)}: write a call with literal arguments")
    if best.target_column is not None:
        lines.append(
            f"target_column: {quoted(best.target_column)}" + (f"  # {best.note}" * bool(best.note))
        )
    alternatives = [entry.reference for entry in others if entry.reference != best.reference][:4]
    if alternatives:
        lines.append(f"# also found: {', '.join(alternatives)}")
    return lines


def quoted(text: str) -> str:
    """Return a YAML scalar that reads back as this very text."""
    plain = PLAIN.fullmatch(text) and text.lower() not in {"null", "true", "false"}
    return text if plain else json.dumps(text)
