"""Reports as YAML or JSON text and files.

Reading trusts nothing: size, aliases and depth are bounded, only plain scalars exist (YAML 1.2: `no`
is text and `1e-3` is a number), keys may not repeat, and every wrong file is one UsageError.
"""

import json
import re
from collections.abc import Callable, Hashable
from math import isfinite, isnan
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.document import from_document, to_document
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.shapes import Flow, ShapeError, shown
from gradcheck_cli.records.textfile import read_bytes, write_text

T = TypeVar("T")

MAX_BYTES = 32 * 1024 * 1024
MAX_ALIASES = 100
MAX_DEPTH = 100  # libyaml composes recursively, in C: deep text would end the process
MAX_SAID = 300  # characters of what YAML says

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
SCALARS = (
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"),
    ("tag:yaml.org,2002:float", FLOAT, "-+0123456789."),
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
)


class _Loader(_SafeLoader):  # type: ignore[misc]  # the C class has no stub
    """Plain scalars of YAML 1.2, and no key twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # filled below, by PyYAML's own interface
    yaml_constructors: dict[str | None, Any] = {}  # noqa: RUF012  # filled below, likewise

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse what a plain dict would silently overwrite, and keys that are no scalars."""
        seen = set()
        for key, _ in node.value if node.id == "mapping" else ():
            if not isinstance(key, yaml.ScalarNode):
                kind = "list" if isinstance(key, yaml.SequenceNode) else "mapping"
                raise _refusal(key, f"a {kind} cannot be a key")
            if key.value in seen:
                raise _refusal(key, f"the key {shown(key.value)} is given twice")
            seen.add(key.value)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found

    def construct_as_said(self, node: yaml.Node) -> Any:
        """Construct a scalar whose tag may not fit its text, such as `!!int x`."""
        construct = _SafeLoader.yaml_constructors[node.tag]
        try:
            return construct(self, node)
        except (ValueError, KeyError, IndexError):
            kind = str(node.tag).rpartition(":")[2]
            raise _refusal(node, f"{shown(node.value)} is no {kind}") from None


def _refusal(node: yaml.Node, said: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, said, node.start_mark)


class _Dumper(_SafeDumper):  # type: ignore[misc]  # the C class has no stub
    """No aliases; text that either YAML 1.1 or 1.2 would take for something else is quoted."""

    yaml_implicit_resolvers = {k: list(v) for k, v in _SafeDumper.yaml_implicit_resolvers.items()}  # noqa: RUF012  # a copy, else every dumper of the process changes

    def ignore_aliases(self, _: object) -> bool:
        """Write equal objects out each time: files are for people."""
        return True


for _tag, _pattern, _first in SCALARS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
    _Loader.add_constructor(_tag, _Loader.construct_as_said)
for _other in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", None):
    _Loader.add_constructor(_other, _SafeLoader.yaml_constructors[_other])
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))
_Dumper.add_representer(
    Flow, lambda d, data: d.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)
_Dumper.add_representer(
    str,
    lambda d, data: d.represent_scalar(
        "tag:yaml.org,2002:str", data, style="|" if "\n" in data else None
    ),
)


def dumps(report: Report) -> str:
    """Return the report as YAML."""
    return dumps_document(to_document(report))


def dumps_document(document: Any) -> str:
    """Return plain data as YAML."""
    return str(
        yaml.dump(
            document,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=100,
            default_flow_style=False,
        )
    )


def dumps_json(report: Report) -> str:
    """Return the report as JSON; numbers that are not finite become their names."""
    text = json.dumps(_named(to_document(report)), ensure_ascii=False, allow_nan=False, indent=1)
    return re.sub("[\x7f-\x9f]", lambda m: f"\\u{ord(m[0]):04x}", text)  # they steer terminals


def loads(text: str, name: str = "the report") -> Report:
    """Return the report in `text`, YAML or JSON; raises UsageError, one line that begins with `name`."""
    return parsed(text, name, from_document)


def parsed(text: str, name: str, value: Callable[[Any], T]) -> T:
    """Return what `value` makes of the plain data in `text`; raises UsageError as `loads` does."""
    if len(text) > MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        return value(_document(text))
    except ShapeError as error:
        raise UsageError(f"{name}: {error}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = _one_line(error)
        if isinstance(error, RecursionError) or "nesting depth" in said:  # PyYAML from 6.0.4 on
            said = "nested too deeply"
        raise UsageError(f"{name}: not YAML: {said}") from error


def read(path: Path | str) -> Report:
    """Return the report saved at `path`; raises UsageError."""
    return loads(read_text(Path(path)), name=str(path))


def read_text(path: Path) -> str:
    """Return what `path` holds; raises UsageError when it is not there, too large or no text."""
    try:
        return read_bytes(path, MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise UsageError(f"can not read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8") from error


def write(report: Report, path: Path | str) -> None:
    """Save the report at `path`, as JSON when it ends so; raises UsageError."""
    path = Path(path)
    write_text(path, dumps_json(report) if path.suffix == ".json" else dumps(report))


def _document(text: str) -> Any:
    """Return the plain data in `text`; raises YAMLError or ValueError."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    _check_events(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # a subclass of the safe loader


def _check_events(text: str) -> None:
    """Raise ValueError where composing the text would take too much; events are no tree yet."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested too deeply: more than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise ValueError(f"more than {MAX_ALIASES} aliases")


def _named(plain: Any) -> Any:
    """Replace numbers that JSON can not write by their names."""
    if isinstance(plain, dict):
        return {key: _named(item) for key, item in plain.items()}
    if isinstance(plain, list):
        return [_named(item) for item in plain]
    if isinstance(plain, float) and not isfinite(plain):
        return "NaN" if isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    return plain


def _one_line(error: Exception) -> str:
    """Return the error's text on one line, with the place where YAML stumbled."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    said = " ".join(str(said).split())
    return (said if len(said) <= MAX_SAID else f"{said[:MAX_SAID]}...") + where
