"""The shapes of plain data: each turns a value into plain data, reads it back and describes it.

A record's shape follows from its dataclass. The published schema and the reports that are kept in
`tests/records` hold that no renamed field changes the file format.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import StrEnum
from math import isfinite
from reprlib import Repr
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
BRIEF = Repr()
BRIEF.maxlevel, BRIEF.maxlist, BRIEF.maxdict, BRIEF.maxstring = 3, 10, 10, 60


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


@dataclass(frozen=True, slots=True)
class Scalar(Shape[T]):
    """A value without parts, of one type; `write` makes of it what a file can hold."""

    kind: type
    expected: str
    named: str  # in a JSON Schema
    write: Callable[[T], Any]

    def plain(self, value: T) -> Any:
        """Return what a file can hold."""
        return self.write(value)

    def value(self, plain: Any, where: str) -> T:
        """Accept this type only: a boolean is no integer."""
        if type(plain) is not self.kind:
            raise ShapeError(where, self.expected, plain)
        return cast("T", plain)

    def schema(self) -> dict[str, Any]:
        """Return any value of the type."""
        return {"type": self.named}


# Lone surrogates, which no file can hold, are written as `?`.
TEXT: Scalar[str] = Scalar(
    str, "text", "string", lambda x: str(x).encode("utf-8", "replace").decode()
)
WHOLE: Scalar[int] = Scalar(int, "a whole number", "integer", int)
TRUTH: Scalar[bool] = Scalar(bool, "true or false", "boolean", bool)


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
        return {TEXT.plain(name): self.inner.plain(item) for name, item in value.items()}

    def value(self, plain: Any, where: str) -> dict[str, T]:
        """Accept dicts with string keys only."""
        if not isinstance(plain, dict):
            raise ShapeError(where, "a mapping", plain)
        return {
            TEXT.value(k, f"a key of {where}"): self.inner.value(v, f"{where}.{k}")
            for k, v in plain.items()
        }

    def schema(self) -> dict[str, Any]:
        """Return an object with any names."""
        return {"type": "object", "additionalProperties": self.inner.schema()}


class Record(Shape[T]):
    """A mapping with known keys; unknown ones are passed over, so files may grow."""

    def __init__(
        self, make: Callable[..., T], keys: Mapping[str, Shape[Any]], left_out: Container[str]
    ) -> None:
        self.make = make
        self.keys = keys
        self.left_out = left_out  # while they have the field's default
        self.defaults = _defaults(make)

    def plain(self, value: T) -> dict[str, Any]:
        """Return a dict; keys at their default are left out unless they are always written."""
        return {
            key: shape.plain(item)
            for key, shape in self.keys.items()
            if (item := getattr(value, key)) != self.defaults.get(key, MISSING)
            or key not in self.left_out
        }

    def value(self, plain: Any, where: str) -> T:
        """Accept a dict that has every key without a default."""
        if not isinstance(plain, dict):
            raise ShapeError(where, "a mapping", plain)
        given: dict[str, Any] = {}
        for key, shape in self.keys.items():
            if key in plain:
                given[key] = shape.value(plain[key], f"{where}.{key}" if where else key)
            elif key not in self.defaults:
                raise ShapeError(where, f"the key {key!r}", sorted(map(str, plain)))
        return self.make(**given)

    def required(self) -> list[str]:
        """Return the keys without a default."""
        return [key for key in self.keys if key not in self.defaults]

    def schema(self) -> dict[str, Any]:
        """Return an object; keys without a default are required."""
        properties = {key: shape.schema() for key, shape in self.keys.items()}
        return {"type": "object", "properties": properties, "required": self.required()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How records of dataclasses are written: all else follows from the types of their fields."""

    left_out: Mapping[type, str]  # the keys that are left out while they have the field's default
    prose: Container[str] = ()  # keys whose texts have a line each
    digits: Mapping[str, int] = field(default_factory=dict)  # significant ones, where not 6

    def record(self, kind: type[T]) -> Record[T]:
        """Return the shape of a dataclass."""
        keys = {name: self._shape(of, name) for name, of in get_type_hints(kind).items()}
        return Record(kind, keys, self.left_out.get(kind, "").split())

    def _shape(self, kind: Any, key: str) -> Shape[Any]:
        simple: dict[Any, Shape[Any]] = {str: TEXT, int: WHOLE, bool: TRUTH, float: Number(self.digits.get(key, 6))}  # fmt: skip
        if kind in simple:
            return simple[kind]
        if is_dataclass(kind):
            return self.record(kind)  # type: ignore[arg-type]  # no instance stands in a hint
        parts = get_args(kind)
        if not parts:
            return OneOf(kind)
        if get_origin(kind) is tuple:
            nested = is_dataclass(parts[0]) or get_origin(parts[0]) is tuple
            return Many(self._shape(parts[0], key), flow=not nested and key not in self.prose)
        if get_origin(kind) is Mapping:
            return ByName(self._shape(parts[1], key))
        return Optional(self._shape(parts[0], key))


def _defaults(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a dataclass, by field."""
    found: dict[str, Any] = {}
    for one in fields(make):  # type: ignore[arg-type]  # a dataclass is callable
        if one.default is not MISSING:
            found[one.name] = one.default
        elif one.default_factory is not MISSING:
            found[one.name] = one.default_factory()
    return found


def shown(plain: object) -> str:
    """Return the beginning of a value's repr; the rest, which aliases can make huge, is not built."""
    text = repr(plain[:60]) if isinstance(plain, str) else BRIEF.repr(plain)
    return text if len(text) <= 60 else f"{text[:57]}..."
