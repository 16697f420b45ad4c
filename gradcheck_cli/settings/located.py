"""Config text as plain values, with the position of every key and value.

YAML scalars are those of YAML 1.2: `1e-3` is a number, `no` and `010` are not what 1.1 made of them.
A key that stands twice is a mistake, not a silent winner.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gradcheck_cli.records.textfile import read_bytes
from gradcheck_cli.settings.problems import ConfigError, Position, Problem, refused

MOST_BYTES = 2**20
MOST_VALUES = 50_000  # aliases can make a small file very large
MOST_DIGITS = 1000  # of a whole number; Python refuses to convert many more
Place = tuple[str | int, ...]

NULL = re.compile(r"~|null|Null|NULL|")
TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
WHOLE = re.compile(r"[-+]?[0-9]+")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
ODD = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(slots=True)
class Located:
    """A config as plain values; `keys` and `values` say where each stands."""

    file: Path
    content: dict[str, Any] = field(default_factory=dict)
    keys: dict[Place, Position] = field(default_factory=dict)
    values: dict[Place, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, place: Place, *, key: bool = False) -> Position:
        """Return the position of a key or value, else of the nearest thing around it."""
        known = self.keys if key else self.values
        while place:
            if place in known:
                return known[place]
            place = place[:-1]
        return Position(1)

    def report(self, place: Place, message: str, *, key: bool = False) -> None:
        """Note a mistake at a key or value."""
        self.problems.append(Problem(self.file, self.at(place, key=key), message))


def read_text(file: Path) -> str:
    """Return the text of a config. Raises UsageError on what is no text, or far too long."""
    try:
        return read_bytes(file, MOST_BYTES).decode("utf-8-sig")
    except OSError as cause:
        raise refused(file, f"cannot be read: {cause.strerror}") from None
    except UnicodeDecodeError as cause:
        raise refused(file, f"is not UTF-8: {cause.reason}") from None


def read_yaml(file: Path) -> Located:
    """Read a YAML config. Raises ConfigError where it is no YAML or no mapping."""
    located = Located(file)
    try:
        root = yaml.compose(read_text(file), Loader=yaml.SafeLoader)
        if root is None:
            return located
        content = _Reader(located).value(root, ())
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark or cause.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1)
        raise refused(file, f"not YAML: {cause.problem}", position) from None
    except yaml.YAMLError as cause:
        message = " ".join(str(cause).split())
        raise refused(file, f"not YAML: {message}") from None
    except RecursionError:
        raise refused(file, "nested far too deeply") from None
    except (ValueError, OverflowError) as cause:  # `"\UFFFFFFFF"` is no character
        raise refused(file, f"not YAML: {cause}") from None
    if not isinstance(content, dict):
        raise refused(file, "a config is a mapping: `model: file.py:Net`")
    located.content = content
    return located


class _Reader:
    """Turns YAML nodes into values and notes where they stand."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.left = MOST_VALUES

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.left -= 1
        if self.left < 0:
            raise refused(self.located.file, "holds far too many values")
        self.located.values.setdefault(place, _position(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(entry, (*place, index)) for index, entry in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return scalar(node.value) if node.style is None else node.value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            here = (*place, key)
            if key in result:
                first = self.located.keys[here].line
                message = f"key {key!r} stands twice (first in line {first})"
                self.located.problems.append(
                    Problem(self.located.file, _position(key_node), message)
                )
                continue
            self.located.keys[here] = _position(key_node)
            result[key] = self.value(value_node, here)
        return result


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def scalar(text: str) -> Any:
    """Return what YAML 1.2 (core schema) makes of a plain scalar; endless whole numbers stay text."""
    if NULL.fullmatch(text):
        return None
    if TRUTH.fullmatch(text):
        return text.lower() == "true"
    if WHOLE.fullmatch(text):
        return int(text) if len(text) <= MOST_DIGITS else text
    if len(text) <= MOST_DIGITS and BASED.fullmatch(text):
        return int(text, 0)
    if REAL.fullmatch(text):
        return float(text)
    if odd := ODD.fullmatch(text):
        return float("nan") if odd[3] else float(f"{odd[1]}inf")
    return text


def read_toml(file: Path) -> Located | None:
    """Read `[tool.gradcheck]` of a pyproject.toml; None where there is none. Raises ConfigError."""
    text = read_text(file)
    if "gradcheck" not in text:
        return None
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        found = re.search(r"line (\d+), column (\d+)", str(cause))
        position = Position(int(found[1]), int(found[2])) if found else Position(1)
        message = re.sub(r" \(at .*\)$", "", str(cause))
        raise refused(file, f"not TOML: {message}", position) from None
    except RecursionError:
        raise refused(file, "nested far too deeply") from None
    except ValueError as cause:  # a number with too many digits
        raise refused(file, f"not TOML: {cause}") from None
    tools = parsed.get("tool")
    content = tools.get("gradcheck") if isinstance(tools, dict) else None
    if content is None:
        return None
    if not isinstance(content, dict):
        raise refused(file, "[tool.gradcheck] is a table")
    located = Located(file, content)
    for place, key, value in _toml_positions(text):
        if place[:2] == ("tool", "gradcheck"):
            located.keys.setdefault(place[2:], key)
            located.values.setdefault(place[2:], value)
    for place in _endless(content, ()):
        located.report(place, "a number with far too many digits")
    if located.problems:
        raise ConfigError(located.problems)
    return located


def _endless(value: Any, place: Place) -> Iterator[Place]:
    """Yield where whole numbers stand that Python refuses to write out."""
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _endless(entry, (*place, key))
    elif isinstance(value, int) and value.bit_length() > 3 * MOST_DIGITS:
        yield place


HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
ENTRY = re.compile(r"^(\s*)([A-Za-z0-9_.\"'-]+)\s*=\s*")


def _toml_positions(text: str) -> Iterator[tuple[Place, Position, Position]]:
    """Yield where keys stand; tomllib does not say, so the lines are looked at."""
    table: Place = ()
    seen: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            table = _parts(header[2])
            position = Position(number, header.start(2) + 1)
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, seen[table])
            yield table, position, position
        elif entry := ENTRY.match(line):
            place = (*table, *_parts(entry[2]))
            yield place, Position(number, entry.start(2) + 1), Position(number, entry.end() + 1)


def _parts(dotted: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


INSIDE = ("models", "per_module_ignores", "rules")  # whose entries have keys of ours


def unify(located: Located) -> None:
    """Rename the keys in place: `extend-select` becomes `extend_select`, wherever it is our key."""
    located.content = _renamed(located, located.content, ())
    located.keys = {_plain(place): position for place, position in reversed(located.keys.items())}
    located.values = {_plain(place): where for place, where in reversed(located.values.items())}


def _renamed(located: Located, value: Any, place: Place) -> Any:
    if isinstance(value, list):
        return [_renamed(located, entry, (*place, i)) for i, entry in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, entry in value.items():
        here = (*place, key)
        name = str(_plain(here)[-1])
        if name in result:
            located.report(here, f"key {key!r} stands twice, with - and with _", key=True)
            continue
        result[name] = _renamed(located, entry, here)
    return result


def _plain(place: Place) -> Place:
    parts = list(place)
    for index in (0, 2):
        ours = index < len(parts) and (index == 0 or parts[0] in INSIDE)
        if ours and isinstance(parts[index], str):
            parts[index] = str(parts[index]).replace("-", "_")
    return tuple(parts)
