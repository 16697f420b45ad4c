"""The formats by name; each is imported when it is first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from gradcheck_cli import plugins
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.report import Report

Cards = Mapping[str, str]  # the rules' manuals by code, for formats that carry help


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a report."""

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Report, Cards], str]
    about: str


def _by(module: str, function: str = "render") -> Callable[[Report, Cards], str]:
    """Return what writes by a function of a module, which is imported then."""
    return lambda report, _: getattr(import_module(f"gradcheck_cli.{module}"), function)(report)


def _json(report: Report, _: Cards) -> str:
    from gradcheck_cli.records.yamlfile import dumps_json

    return dumps_json(report) + "\n"


def _sarif(report: Report, cards: Cards) -> str:
    from gradcheck_cli.renderers import sarif

    return sarif.render(report, cards)


FORMATS = (
    Format(
        "text",
        (".txt",),
        _by("renderers.terminal.page", "render_text"),
        "what the terminal shows, without colors",
    ),
    Format(
        "yaml",
        (".yaml", ".yml"),
        _by("records.yamlfile", "dumps"),
        "the whole report; `gradcheck report` reads it back",
    ),
    Format("json", (".json",), _json, "the same as JSON"),
    Format(
        "html", (".html", ".htm"), _by("renderers.html"), "one self-contained page with pictures"
    ),
    Format("markdown", (".md",), _by("renderers.markdown"), "for a comment on a change"),
    Format(
        "brief", (), _by("renderers.brief"), "at most 2,000 tokens of Markdown, for coding agents"
    ),
    Format(
        "brief-json",
        (),
        _by("renderers.brief", "render_json"),
        "the same as JSON; `gradcheck schema brief`",
    ),
    Format("sarif", (".sarif",), _sarif, "for code scanning"),
    Format("junit", (".xml",), _by("renderers.junit"), "for test reports of CI servers"),
    Format(
        "github",
        (),
        _by("renderers.github"),
        "annotations of GitHub Actions, and the job's summary",
    ),
    Format("gitlab", (), _by("renderers.gitlab"), "GitLab's code quality report"),
)


def all_formats() -> tuple[Format, ...]:
    """Return our formats, then those of plugins."""
    return plugins.added(plugins.RENDERERS, Format, FORMATS, lambda f: (f.name, *f.suffixes))


def find(name: str) -> Format:
    """Return the format called `name`; raises UsageError with the nearest name."""
    formats = all_formats()
    for format_ in formats:
        if format_.name == name.lower():
            return format_
    names = [format_.name for format_ in formats]
    near = get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"
    for crash in plugins.broken(plugins.RENDERERS):
        hint += f"\n{crash.said}"
    raise UsageError(f"there is no format {name!r}; {hint}")


def of_suffix(suffix: str) -> Format | None:
    """Return the format that files with this ending hold."""
    return next((f for f in all_formats() if suffix and suffix.lower() in f.suffixes), None)
