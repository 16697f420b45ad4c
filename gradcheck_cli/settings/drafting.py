"""A commented config from what a survey found."""

import json
import re
from collections.abc import Iterator

from gradcheck_cli.declared import SETTINGS
from gradcheck_cli.settings.survey import Candidate, Survey

PLAIN = re.compile(r"[A-Za-z][\w./-]*(:[A-Za-z_][\w./]*)?")
HEAD = """\
# What `gradcheck diagnose` examines here. `gradcheck config` shows the values that count.
# References: file.py:name, pkg.mod:name, or a call with literals, file.py:build(depth=30).
"""
TAIL = "# More settings, with their defaults or an example; take the # away to change one."
ABSENT = {
    "model": "# model: file.py:build_model       # no nn.Module was found: name yours",
    "data": "# data: file.py:train_data          # none was found: a Dataset, DataLoader, tensors, or what returns one",
    "loss": "# loss: cross_entropy               # inferred from outputs and targets when not given",
    "optimizer": "# optimizer: AdamW                  # a name, or a function of the model",
}


def draft(found: Survey) -> str:
    """Return the text of a gradcheck.yaml: the likeliest parts, the others as comments."""
    lines = [HEAD]
    for kind in ("model", "data", "loss", "optimizer", "training_step"):
        best = found.best(kind)
        if best is None or (kind == "training_step" and found.best("loss") is not None):
            lines += [ABSENT[kind]] if kind in ABSENT else []
            continue
        lines += _entry(kind, best, found.found[kind][1:])
    return "\n".join([*lines, "", TAIL, *others()]) + "\n"


def others() -> Iterator[str]:
    """Yield the lines, as comments, of the settings that have an example or a default."""
    for setting in SETTINGS.values():
        said = setting.example or _default(setting.default)
        if said:
            first, *rest = f"{setting.name}: {said}".splitlines()
            about = re.split(r"[.:;](?: |$)", setting.help)[0]
            yield from (f"# {line}" for line in [f"{first:24}  # {about}", *rest])


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
