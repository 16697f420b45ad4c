"""`--model-arg depth=30`: text becomes what the callee's own annotation asks for."""

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from gradcheck_cli.errors import UsageError
from gradcheck_cli.shadowing import ours
from gradcheck_cli.targets.importing import nearest


def coerce(callee: Callable[..., Any], given: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Turn texts into what the annotations of `callee` ask for; other values stay as they are.

    Raises UsageError on an unknown name, with the nearest one, and on text that does not fit.
    """
    parameters = _parameters(callee)
    hints = _hints(callee)
    takes_any = any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())
    for name in given:
        if parameters and name not in parameters and not takes_any:
            near = nearest(name, list(parameters))
            hint = f"; did you mean {near}?" if near else f"; it takes {', '.join(parameters)}"
            raise UsageError(f"{label} takes no argument {name!r}{hint}")
    return {
        name: _fitted(value, hints.get(name), parameters.get(name), f"{label}: {name}")
        if isinstance(value, str)
        else value
        for name, value in given.items()
    }


def _parameters(callee: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(callee).parameters
    except (TypeError, ValueError):  # builtins that do not tell their signature
        return {}


def _hints(callee: Callable[..., Any]) -> dict[str, Any]:
    owner: Any = callee.__init__ if inspect.isclass(callee) else callee
    try:
        return get_type_hints(owner)
    except (NameError, TypeError, AttributeError):  # annotations that do not resolve are no help
        return {}


@ours()
def _fitted(text: str, hint: Any, parameter: inspect.Parameter | None, label: str) -> Any:
    if hint is None or hint is Any:
        default = None if parameter is None else parameter.default
        if default is None or default is inspect.Parameter.empty:
            return _literal(text)
        hint = type(default)
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:  # a type of theirs
        return _literal(text)
    value = (
        text if adapter.core_schema["type"] in {"str", "int", "float", "bool"} else _literal(text)
    )
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise UsageError(f"{label}={text}: {problem[:1].lower()}{problem[1:]}") from None


def _literal(text: str) -> Any:
    """Read text as a Python literal; what is none (`relu`) stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
