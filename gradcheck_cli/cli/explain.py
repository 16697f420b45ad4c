"""`gradcheck explain GC101` and `gradcheck rules`: the cards, without torch."""

import inspect
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.text import Text

from gradcheck_cli.cli.consoles import out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.renderers.words import clean, number

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A code (GC101), or the name of a rule, cause or fix.")
]


@command
def explain(name: NameArgument) -> int:
    """Show what a rule measures and when it fires, what a cause means, or what a fix costs."""
    console = out()
    for line in _card(name):
        console.print(line, soft_wrap=True)
    return ExitCode.OK


@command
def rules() -> int:
    """List all rules: code, name, severity and what they look for."""
    from gradcheck_cli.rules import RULES

    console = out()
    width = max((len(rule.name) for rule in RULES), default=0)
    for rule in RULES:
        line = Text(f"{rule.code}  ", style="bold") + Text(rule.name.ljust(width))
        line += Text(f"  {rule.severity!s:8} ", style="dim") + Text(_first(rule.card))
        console.print(line, soft_wrap=True)
    return ExitCode.OK


def _card(wanted: str) -> Iterator[Text]:
    """Yield the lines of the one card that `wanted` names; raises UsageError."""
    from gradcheck_cli.causes import CAUSES
    from gradcheck_cli.remedies.cards import CARDS
    from gradcheck_cli.rules import RULES

    name = wanted.strip().lower()
    for rule in RULES:
        if name in {rule.code.lower(), rule.name}:
            yield from _of_rule(rule, CAUSES, CARDS)
            return
    for cause in CAUSES:
        if name == cause.name:
            yield from _of_cause(cause, RULES, CARDS)
            return
    for remedy in CARDS:
        if name == remedy.name:
            yield from _of_remedy(remedy)
            return
    names = [n for r in RULES for n in (r.code.lower(), r.name)]
    names += [item.name for item in (*CAUSES, *CARDS)]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    shown = near[0].upper() if near and near[0].startswith("gc") else near and near[0]
    hint = f"did you mean {shown}?" if near else "`gradcheck rules` lists them"
    raise UsageError(f"nothing is called {wanted!r}; {hint}")


def _of_rule(rule: Any, causes: Iterable[Any], cards: Iterable[Any]) -> Iterator[Text]:
    yield from _titled(f"{rule.code} {rule.name}", f"rule, {rule.severity}", rule.card)
    if rule.thresholds:
        yield from _section("Thresholds", f"set them under [tool.gradcheck.rules.{rule.code}]")
        for name, value in rule.thresholds.items():
            said = number(value) if isinstance(value, int | float) else str(value)
            yield Text(f"  {name} = {clean(said)}")
    why = [c for c in causes if rule.code in c.explains or rule.name in c.explains]
    yield from _linked("Can be caused by", why)
    treated = {c.name for c in why}
    yield from _linked("Fixes to try", [c for c in cards if treated & _names(c.treats)])


def _of_cause(cause: Any, rules_: Iterable[Any], cards: Iterable[Any]) -> Iterator[Text]:
    yield from _titled(cause.name, "cause", cause.card)
    shown = [r for r in rules_ if r.code in cause.explains or r.name in cause.explains]
    yield from _section("Shows as", "") if shown else ()
    for rule in shown:
        yield Text(f"  {rule.code} ", style="bold") + Text(f"{rule.name}: {_first(rule.card)}")
    yield from _linked("Fixes to try", [c for c in cards if cause.name in _names(c.treats)])


def _of_remedy(remedy: Any) -> Iterator[Text]:
    yield from _titled(remedy.name, f"fix, {remedy.risk}", _text(remedy))
    yield from _section("Treats", "")
    for name in sorted(_names(remedy.treats)):
        yield Text(f"  {name}")


def _text(item: Any) -> str:
    """Return the card of a rule, a cause or a remedy."""
    return str(item.text if hasattr(item, "text") else item.card)


def _names(treats: Any) -> set[str]:
    return {treats} if isinstance(treats, str) else set(treats)


def _titled(title: str, note: str, card: str) -> Iterator[Text]:
    yield Text(title, style="bold") + Text(f"  {note}", style="dim")
    yield Text("")
    for line in inspect.cleandoc(card).splitlines():
        yield Text(clean(line))


def _section(name: str, note: str) -> Iterator[Text]:
    yield Text("")
    yield Text(name, style="bold") + Text(f"  {note}" if note else "", style="dim")


def _linked(name: str, items: list[Any]) -> Iterator[Text]:
    if items:
        yield from _section(name, "")
        for item in items:
            yield Text(f"  {item.name}", style="bold") + Text(f"  {_first(_text(item))}")


def _first(card: str) -> str:
    return clean(inspect.cleandoc(card).splitlines()[0]) if card.strip() else ""
