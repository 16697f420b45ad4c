"""`gradcheck explain GC101` and `gradcheck rules`: the cards, without torch."""

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gradcheck_cli.cli.consoles import out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.renderers.words import clean, number

if TYPE_CHECKING:
    from gradcheck_cli.causes.base import CauseRule
    from gradcheck_cli.remedies.cards import Card
    from gradcheck_cli.rules.base import Rule

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
        line = Text.assemble(
            (f"{rule.code}  ", "bold"),
            rule.name.ljust(width),
            (f"  {rule.severity!s:8} ", "dim"),
            _first(rule.card),
        )
        console.print(line, soft_wrap=True)
    return ExitCode.OK


def _card(wanted: str) -> Iterator[Text]:
    """Return the lines of the one card that `wanted` names; raises UsageError."""
    from gradcheck_cli.causes import CAUSES
    from gradcheck_cli.remedies.cards import CARDS
    from gradcheck_cli.rules import RULES

    name = wanted.strip().lower()
    for rule in RULES:
        if name in {rule.code.lower(), rule.name}:
            return _of_rule(rule, CAUSES, CARDS)
    for cause in CAUSES:
        if name == cause.name:
            return _of_cause(cause, RULES, CARDS)
    for remedy in CARDS:
        if name == remedy.name:
            return _of_remedy(remedy)
    named = (*(x.name for x in RULES), *(x.name for x in CAUSES), *(x.name for x in CARDS))
    near = get_close_matches(
        name, [*(rule.code.lower() for rule in RULES), *named], n=1, cutoff=0.5
    )
    shown = [n.upper() if n.startswith("gc") else n for n in near]
    hint = f"did you mean {shown[0]}?" if shown else "`gradcheck rules` lists them"
    raise UsageError(f"nothing is called {wanted!r}; {hint}")


def _of_rule(
    rule: "Rule", causes: Sequence["CauseRule"], cards: Sequence["Card"]
) -> Iterator[Text]:
    yield from _titled(f"{rule.code} {rule.name}", f"rule, {rule.severity}", rule.card)
    if rule.thresholds:
        yield from _section("Thresholds", f"set them under [tool.gradcheck.rules.{rule.code}]")
        for name, value in rule.thresholds.items():
            yield Text(f"  {name} = {number(value)}")
    why = [c for c in causes if {rule.code, rule.name} & {*c.explains}]
    yield from _linked("Can be caused by", [(c.name, c.card) for c in why])
    names = {c.name for c in why}
    yield from _linked("Fixes to try", [(c.name, c.text) for c in cards if names & {*c.treats}])


def _of_cause(
    cause: "CauseRule", rules_: Sequence["Rule"], cards: Sequence["Card"]
) -> Iterator[Text]:
    yield from _titled(cause.name, "cause", cause.card)
    shown = [r for r in rules_ if {r.code, r.name} & {*cause.explains}]
    yield from _linked("Shows as", [(f"{r.code} {r.name}", r.card) for r in shown])
    yield from _linked("Fixes to try", [(c.name, c.text) for c in cards if cause.name in c.treats])


def _of_remedy(remedy: "Card") -> Iterator[Text]:
    yield from _titled(remedy.name, f"fix, {remedy.risk}", remedy.text)
    yield from _section("Treats", "")
    for name in remedy.treats:
        yield Text(f"  {name}")


def _titled(title: str, note: str, card: str) -> Iterator[Text]:
    yield Text.assemble((title, "bold"), (f"  {note}", "dim"))
    yield Text("")
    for line in inspect.cleandoc(card).splitlines():
        yield Text(clean(line))


def _section(name: str, note: str) -> Iterator[Text]:
    yield Text("")
    yield Text.assemble((name, "bold"), (f"  {note}" if note else "", "dim"))


def _linked(name: str, items: Sequence[tuple[str, str]]) -> Iterator[Text]:
    if items:
        yield from _section(name, "")
        for title, card in items:
            yield Text.assemble((f"  {title}", "bold"), f"  {_first(card)}")


def _first(card: str) -> str:
    return clean(inspect.cleandoc(card).splitlines()[0]) if card.strip() else ""
