"""The shapes of plain data: each turns a value into plain data, reads it back and describes it.

A record's shape is written down key by key instead of being derived from the dataclass, so that
renaming a field can not silently change the file format.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from math import isfinite
from reprlib import Repr
from typing import Any, Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
BRIEF = Repr()
BRIEF.maxlevel, BRIEF.maxlist, BRIEF.maxdict, BRIEF.maxstring = 3, 10, 10, 60
REPLACEMENT = "�"


class ShapeError(ValueError):
    """Plain data does not fit; `str()` says where and what was expected."""

    def __init__(self, where: str, expected: str, plain: object) -> None:
        super().__init__(f"{where or 'the file'}: expected {expected}, got {shown(plain)}")


class Flow(list[Any]):
    """A list that is written on one line."""


class Shape(ABC, Generic[T]):
    """How one kind of value looks as plain data."""

    @abstractmethod
    def plain(self, value: T) -> Any:
        """Return lists, dicts, strings and numbers only."""

    @abstractmethod
    def value(self, plain: Any, where: str) -> T:
        """Return the value; raises ShapeError that names the place."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of `plain`."""


class Text(Shape[str]):
    """A string; lone surrogates, which no file can hold, become U+FFFD."""

    def plain(self, value: str) -> str:
        """Return the string, encodable as UTF-8."""
        return value.encode("utf-8", "replace").decode() if _has_surrogates(value) else str(value)

    def value(self, plain: Any, where: str) -> str:
        """Accept strings only."""
        if not isinstance(plain, str):
            raise ShapeError(where, "text", plain)
        return plain

    def schema(self) -> dict[str, Any]:
        """Return any string."""
        return {"type": "string"}


class Number(Shape[float]):
    """A float, rounded to `digits` significant digits; non-finite ones survive (`.nan` in YAML)."""

    def __init__(self, digits: int = 6) -> None:
        self.digits = digits

    def plain(self, value: float) -> float:
        """Return the rounded float."""
        return float(f"{value:.{self.digits}g}") if isfinite(value) else float(value)

    def value(self, plain: Any, where: str) -> float:
        """Accept numbers and the three names that JSON needs for non-finite ones."""
        if isinstance(plain, str) and plain in NON_FINITE:
            return NON_FINITE[plain]
        if isinstance(plain, bool) or not isinstance(plain, int | float):
            raise ShapeError(where, "a number", plain)
        try:
            return float(plain)
        except OverflowError:
            raise ShapeError(where, "a number below 1.8e308", plain) from None

    def schema(self) -> dict[str, Any]:
        """Return a number, or the name of one that JSON does not know."""
        return {"anyOf": [{"type": "number"}, {"enum": list(NON_FINITE)}]}


class Whole(Shape[int]):
    """An integer."""

    def plain(self, value: int) -> int:
        """Return the integer."""
        return int(value)

    def value(self, plain: Any, where: str) -> int:
        """Accept integers only, and no booleans."""
        if isinstance(plain, bool) or not isinstance(plain, int):
            raise ShapeError(where, "a whole number", plain)
        return plain

    def schema(self) -> dict[str, Any]:
        """Return any integer."""
        return {"type": "integer"}


class Truth(Shape[bool]):
    """True or false."""

    def plain(self, value: bool) -> bool:
        """Return the boolean."""
        return bool(value)

    def value(self, plain: Any, where: str) -> bool:
        """Accept booleans only."""
        if not isinstance(plain, bool):
            raise ShapeError(where, "true or false", plain)
        return plain

    def schema(self) -> dict[str, Any]:
        """Return a boolean."""
        return {"type": "boolean"}


class OneOf(Shape[E]):
    """A member of an enumeration, written by its value."""

    def __init__(self, members: type[E]) -> None:
        self.members = members

    def plain(self, value: E) -> str:
        """Return the member's value."""
        return str(value.value)

    def value(self, plain: Any, where: str) -> E:
        """Accept the values of the members only."""
        names = [member.value for member in self.members]
        if plain not in names:
            raise ShapeError(where, " or ".join(names), plain)
        return self.members(plain)

    def schema(self) -> dict[str, Any]:
        """Return the list of values."""
        return {"enum": [member.value for member in self.members]}


class Optional(Shape[T | None]):
    """A value that may be null."""

    def __init__(self, inner: Shape[T]) -> None:
        self.inner = inner

    def plain(self, value: T | None) -> Any:
        """Return null or the inner form."""
        return None if value is None else self.inner.plain(value)

    def value(self, plain: Any, where: str) -> T | None:
        """Accept null and what the inner shape accepts."""
        return None if plain is None else self.inner.value(plain, where)

    def schema(self) -> dict[str, Any]:
        """Return null, or as the inner shape."""
        return {"anyOf": [{"type": "null"}, self.inner.schema()]}


class Many(Shape[tuple[T, ...]]):
    """A sequence; `flow` writes it on one line."""

    def __init__(self, inner: Shape[T], *, flow: bool = False) -> None:
        self.inner = inner
        self.flow = flow

    def plain(self, value: tuple[T, ...]) -> list[Any]:
        """Return a list."""
        items = [self.inner.plain(item) for item in value]
        return Flow(items) if self.flow else items

    def value(self, plain: Any, where: str) -> tuple[T, ...]:
        """Accept lists only."""
        if not isinstance(plain, list):
            raise ShapeError(where, "a list", plain)
        return tuple(self.inner.value(item, f"{where}[{i}]") for i, item in enumerate(plain))

    def schema(self) -> dict[str, Any]:
        """Return an array."""
        return {"type": "array", "items": self.inner.schema()}


class ByName(Shape[Mapping[str, T]]):
    """A mapping from any name to one shape."""

    def __init__(self, inner: Shape[T]) -> None:
        self.inner = inner

    def plain(self, value: Mapping[str, T]) -> dict[str, Any]:
        """Return a dict in the order of `value`."""
        text = Text()
        return {text.plain(name): self.inner.plain(item) for name, item in value.items()}

    def value(self, plain: Any, where: str) -> dict[str, T]:
        """Accept dicts with string keys only."""
        if not isinstance(plain, dict):
            raise ShapeError(where, "a mapping", plain)
        text = Text()
        return {
            text.value(k, f"a key of {where}"): self.inner.value(v, f"{where}.{k}")
            for k, v in plain.items()
        }

    def schema(self) -> dict[str, Any]:
        """Return an object with any names."""
        return {"type": "object", "additionalProperties": self.inner.schema()}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record; optional ones are left out while they have the field's default."""

    name: str
    shape: Shape[Any]
    always: bool = False
    attribute: str = ""


class Record(Shape[T]):
    """A mapping with known keys; unknown ones are passed over, so files may grow."""

    def __init__(self, make: Callable[..., T], *keys: Key) -> None:
        self.make = make
        self.keys = keys
        self.defaults = _defaults(make)

    def plain(self, value: T) -> dict[str, Any]:
        """Return a dict; keys at their default are left out unless they are always written."""
        found = {key: getattr(value, key.attribute or key.name) for key in self.keys}
        return {
            key.name: key.shape.plain(item)
            for key, item in found.items()
            if key.always or item != self.defaults.get(key.attribute or key.name, MISSING)
        }

    def value(self, plain: Any, where: str) -> T:
        """Accept a dict that has every key without a default."""
        if not isinstance(plain, dict):
            raise ShapeError(where, "a mapping", plain)
        given: dict[str, Any] = {}
        for key in self.keys:
            attribute = key.attribute or key.name
            if key.name in plain:
                place = f"{where}.{key.name}" if where else key.name
                given[attribute] = key.shape.value(plain[key.name], place)
            elif attribute not in self.defaults:
                raise ShapeError(where, f"the key {key.name!r}", sorted(map(str, plain)))
        return self.make(**given)

    def schema(self) -> dict[str, Any]:
        """Return an object; keys without a default are required."""
        required = [k.name for k in self.keys if (k.attribute or k.name) not in self.defaults]
        properties = {key.name: key.shape.schema() for key in self.keys}
        return {"type": "object", "properties": properties, "required": required}


def _defaults(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a dataclass, by field."""
    found: dict[str, Any] = {}
    for field in fields(make):  # type: ignore[arg-type]  # a dataclass is callable
        if field.default is not MISSING:
            found[field.name] = field.default
        elif field.default_factory is not MISSING:
            found[field.name] = field.default_factory()
    return found


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def shown(plain: object) -> str:
    """Return the beginning of a value's repr; the rest, which aliases can make huge, is not built."""
    text = repr(plain[:60]) if isinstance(plain, str) else BRIEF.repr(plain)
    return text if len(text) <= 60 else f"{text[:57]}..."
