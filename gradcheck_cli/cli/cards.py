"""The cards of rules, causes and fixes on the terminal, without torch."""

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rich.text import Text

from gradcheck_cli import plugins
from gradcheck_cli.cli.consoles import err, out
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.records.diagnosis import current_name
from gradcheck_cli.renderers.words import clean, number

if TYPE_CHECKING:
    from gradcheck_cli.causes.base import CauseRule
    from gradcheck_cli.remedies.cards import Card
    from gradcheck_cli.rules.base import Rule


def show(name: str) -> int:
    """Print the one card that `name` names. Raises UsageError where nothing is called so."""
    console = out()
    for line in _card(name):
        console.print(line, soft_wrap=True)
    _say_what_is_broken()
    return ExitCode.OK


def show_rules() -> int:
    """Print one line for each rule."""
    from gradcheck_cli.rules import all_rules

    console = out()
    found = all_rules()
    width = max((len(rule.name) for rule in found), default=0)
    longest = max((len(rule.code) for rule in found), default=0)
    for rule in found:
        line = Text.assemble(
            (f"{rule.code.ljust(longest)}  ", "bold"),
            rule.name.ljust(width),
            (f"  {rule.severity!s:8} ", "dim"),
            _first(rule.card),
        )
        console.print(line, soft_wrap=True)
    _say_what_is_broken()
    return ExitCode.OK


def _say_what_is_broken() -> None:
    for crash in plugins.broken():
        err().print(Text(f"warning: {clean(crash.said)}"), soft_wrap=True)


def _card(wanted: str) -> Iterator[Text]:
    """Return the lines of the one card that `wanted` names; raises UsageError."""
    from gradcheck_cli.causes import all_causes
    from gradcheck_cli.remedies.cards import all_cards
    from gradcheck_cli.rules import all_rules

    rules_, causes, cards = all_rules(), all_causes(), all_cards()
    name = wanted.strip().lower()
    for rule in rules_:
        if name in {rule.code.lower(), rule.name}:
            return _of_rule(rule, causes, cards)
    for cause in causes:
        if name == cause.name:
            return _of_cause(cause, rules_, cards)
    for remedy in cards:
        if current_name(name) == remedy.name:
            return _of_remedy(remedy)
    named = (*(x.name for x in rules_), *(x.name for x in causes), *(x.name for x in cards))
    digits = name.translate(str.maketrans("oil", "011"))  # GC1O1
    near = [rule.code.lower() for rule in rules_ if rule.code.lower() == digits]
    near = near or get_close_matches(
        name, [*(rule.code.lower() for rule in rules_), *named], n=1, cutoff=0.5
    )
    shown = [n.upper() if n.startswith("gc") else n for n in near]
    hint = f"did you mean {shown[0]}?" if shown else "`gradcheck rules` lists them"
    raise UsageError(f"nothing is called {wanted!r}; {hint}")


def _of_rule(
    rule: "Rule", causes: Sequence["CauseRule"], cards: Sequence["Card"]
) -> Iterator[Text]:
    from gradcheck_cli.rules.examples import examples

    yield from _titled(f"{rule.code} {rule.name}", f"rule, {rule.severity}", rule.card)
    if (example := examples().get(rule.code)) is not None:
        for title, code in (("Bad", example.bad), ("Good", example.good)):
            yield from _section(title, "")
            yield from (Text(f"  {line}") for line in code.splitlines())
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
