"""Do the rules and thresholds that a config speaks of exist? The rules are told, not imported."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from gradcheck_cli.settings.located import Place
from gradcheck_cli.settings.problems import did_you_mean

SELECTORS = ("select", "extend_select", "ignore", "extend_ignore")
SEVERITY = "severity"


class Known(Protocol):
    """What has to be known of a rule."""

    @property
    def code(self) -> str:
        """GC101."""

    @property
    def name(self) -> str:
        """vanishing-gradient."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Names and defaults."""


def mistakes(values: Mapping[str, Any], known: Sequence[Known]) -> Iterator[tuple[Place, str]]:
    """Yield the place and the message of everything that fits no rule."""
    for key in SELECTORS:
        yield from _unfitting(values.get(key) or (), (key,), known)
    for index, ignore in enumerate(values.get("per_module_ignores") or ()):
        yield from _unfitting(ignore["rules"], ("per_module_ignores", index, "rules"), known)
    for said, settings in (values.get("rules") or {}).items():
        rule = _called(said, known)
        if rule is None:
            hint = _near(said, known) or "; `gradcheck rules` lists them"
            yield ("rules", said), f"no rule is called {said!r}{hint}"
        else:
            yield from _unknown(rule, settings, ("rules", said))


def by_code(
    rules: Mapping[str, Mapping[str, Any]], known: Sequence[Known]
) -> dict[str, dict[str, Any]]:
    """Return the settings of rules with their codes as keys; a rule may be called by its name."""
    result: dict[str, dict[str, Any]] = {}
    for said, settings in rules.items():
        rule = _called(said, known)
        result.setdefault(rule.code if rule is not None else said, {}).update(settings)
    return result


def _unfitting(
    texts: Sequence[str], place: Place, known: Sequence[Known]
) -> Iterator[tuple[Place, str]]:
    for index, text in enumerate(texts):
        fits = any(r.code.startswith(text.upper()) or r.name == text.lower() for r in known)
        if not fits and text.upper() != "ALL":
            yield (*place, index), f"{place[0]}: no rule fits {text!r}{_near(text, known)}"


def _unknown(rule: Known, settings: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    has = [*rule.thresholds, SEVERITY]
    for name, value in settings.items():
        if name not in has:
            said = f"{rule.code} {rule.name} has no threshold {name!r}{did_you_mean(name, has)}"
            yield (*place, name), f"{said}; it has: {', '.join(has)}"
        elif isinstance(rule.thresholds.get(name), int) and value != int(value):
            yield (*place, name), f"{rule.code}.{name}: should be a whole number, not {value!r}"


def _called(text: str, known: Sequence[Known]) -> Known | None:
    return next((r for r in known if text.upper() == r.code or text.lower() == r.name), None)


def _near(text: str, known: Sequence[Known]) -> str:
    return did_you_mean(text.upper(), [r.code for r in known]) or did_you_mean(
        text.lower(), [r.name for r in known]
    )
