"""Keys may be written with hyphens or underscores."""

from typing import Any

from gradcheck_cli.settings.located import Located, Place

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
