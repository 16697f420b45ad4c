"""The formats by name; each is imported when it is first asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.report import Report


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a report; `for_people` formats may share stdout with nothing else to read."""

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Report], str]
    about: str


def _text(report: Report) -> str:
    from gradcheck_cli.renderers.terminal.page import render_text

    return render_text(report)


def _yaml(report: Report) -> str:
    from gradcheck_cli.records.yamlfile import dumps

    return dumps(report)


def _json(report: Report) -> str:
    from gradcheck_cli.records.yamlfile import dumps_json

    return dumps_json(report) + "\n"


def _html(report: Report) -> str:
    from gradcheck_cli.renderers.html import render

    return render(report)


FORMATS = (
    Format("text", (".txt",), _text, "what the terminal shows, without colours"),
    Format("yaml", (".yaml", ".yml"), _yaml, "the whole report; `gradcheck report` reads it back"),
    Format("json", (".json",), _json, "the same as JSON"),
    Format("html", (".html", ".htm"), _html, "one self-contained page with pictures"),
)
NAMES = tuple(format_.name for format_ in FORMATS)


def find(name: str) -> Format:
    """Return the format called `name`; raises UsageError with the nearest name."""
    for format_ in FORMATS:
        if format_.name == name.lower():
            return format_
    near = get_close_matches(name.lower(), NAMES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(NAMES)}"
    raise UsageError(f"there is no format {name!r}; {hint}")


def of_suffix(suffix: str) -> Format | None:
    """Return the format that files with this ending hold."""
    return next((f for f in FORMATS if suffix.lower() in f.suffixes), None)
