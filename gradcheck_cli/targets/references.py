"""How a person writes down a Python object: `file.py:name`, `pkg.mod:a.b`, `file.py:build(depth=30)`."""

import ast
import os
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from gradcheck_cli.errors import UsageError

LONGEST_NAME = 255  # bytes; what file systems allow
MOST_SAID = 300  # characters of a reference that a message repeats
FILE = re.compile(r"^(?P<where>.+?\.pyi?)(?::(?P<what>.*))?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reference:
    """A place (`where`: a file or a dotted module), a name in it, and the arguments of a call."""

    text: str
    where: str
    path: str | None = None  # dotted name inside; None: to be searched for
    called: bool = False
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Does it name a file rather than an importable module?"""
        return self.where.endswith(".py")


def refuse_endless(text: str) -> None:
    """Raise UsageError when a part of the place is longer than any file's name can be."""
    longest = max((len(os.fsencode(part)) for part in text.partition("(")[0].split("/")), default=0)
    if longest > LONGEST_NAME:
        raise UsageError(
            f"{_brief(text)}: a name of {longest} bytes; no file has more than {LONGEST_NAME}"
        )


def parse(text: str) -> Reference:
    """Take a reference apart. Raises UsageError on anything but a name or a call with literals."""
    matched = FILE.match(text)
    if matched:
        where, what = matched["where"], matched["what"]
    else:
        where, colon, rest = text.partition(":")
        what = rest if colon else None
    if not where.strip():
        raise UsageError(f"{text!r} names no file or module; write file.py:name or pkg.mod:name")
    if what is None:
        return Reference(text, where)
    return _parse_what(text, where, what)


def _parse_what(text: str, where: str, what: str) -> Reference:
    example = "write a name or a call with literal arguments, such as file.py:build(depth=30)"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # `1(2)` is refused below, in our words
            expression = ast.parse(what.strip(), mode="eval").body
    except (SyntaxError, ValueError) as cause:
        raise UsageError(
            f"{_brief(text)}: {_brief(what)} cannot be read ({cause}); {example}"
        ) from None
    except (MemoryError, RecursionError):  # so ast.parse says that its stack is full
        raise UsageError(f"{_brief(text)} is nested too deeply; {example}") from None
    if isinstance(expression, ast.Call):
        name = _dotted(expression.func)
        if name is None:
            raise UsageError(f"{_brief(text)}: only a plain name can be called; {example}")
        args = tuple(_literal(node, text) for node in expression.args)
        kwargs = {}
        for keyword in expression.keywords:
            if keyword.arg is None:
                raise UsageError(f"{_brief(text)}: `**` is not allowed in a call; {example}")
            kwargs[keyword.arg] = _literal(keyword.value, text)
        return Reference(text, where, name, called=True, args=args, kwargs=kwargs)
    name = _dotted(expression)
    if name is None:
        raise UsageError(f"{_brief(text)}: {_brief(what)} is neither a name nor a call; {example}")
    return Reference(text, where, name)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else None


def _literal(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            f"{_brief(text)}: the argument {_written(node)} is not a literal; only numbers, strings, True, "
            "False, None and lists, tuples or dicts of them are allowed in a call"
        ) from None


def _written(node: ast.expr) -> str:
    try:
        return _brief(ast.unparse(node))
    except RecursionError:
        return "that is nested too deeply"


def _brief(text: str) -> str:
    return repr(text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}...")
