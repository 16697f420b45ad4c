"""The cards of all remedies, read from their source so that nobody needs torch to see them."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gradcheck_cli import plugins

SECTIONS = ("Works because", "Costs", "Not for", "Sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One remedy as `explain` shows it."""

    name: str
    treats: tuple[str, ...]  # names of causes
    risk: str  # safe | review
    text: str

    @property
    def title(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]


def sections(text: str) -> dict[str, str]:
    """Split a card into its fixed sections, each on one line."""
    heads = "|".join(SECTIONS)
    pieces = re.split(rf"^({heads})\b", text, flags=re.MULTILINE)
    found = dict.fromkeys(SECTIONS, "")
    for head, body in zip(pieces[1::2], pieces[2::2], strict=True):
        found[head] = " ".join(body.split())
    return found


def _cards_of(path: Path) -> Iterator[Card]:
    source = path.read_text(encoding="utf-8")
    if "@remedy" not in source:
        return  # parsing takes most of the time of `explain`
    tree = ast.parse(source)
    text = inspect.cleandoc(ast.get_docstring(tree) or "")
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "remedy":
                said = {k.arg: k.value for k in mark.keywords}
                yield Card(
                    name=ast.literal_eval(mark.args[0]),
                    treats=ast.literal_eval(said["treats"]),
                    risk=ast.unparse(said["risk"]).strip("'").lower(),
                    text=text,
                )


@cache
def _read() -> tuple[Card, ...]:
    folder = Path(__file__).parent
    return tuple(card for path in sorted(folder.glob("*.py")) for card in _cards_of(path))


@cache
def all_cards() -> tuple[Card, ...]:
    """Return the cards of our remedies, then those of plugins, whose source is read like ours."""
    found = list(_read())
    for point in plugins.installed(plugins.REMEDIES):
        with plugins.costing_only(point):
            spec = find_spec(point.module)
            if spec is None or spec.origin is None:
                raise plugins.PluginError(f"there is no module {point.module}")
            taken = {card.name for card in found}
            found += [card for card in _cards_of(Path(spec.origin)) if card.name not in taken]
    return tuple(found)


def __getattr__(name: str) -> tuple[Card, ...]:
    """Read the cards when CARDS is first asked for."""
    if name == "CARDS":
        return _read()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


CARDS: tuple[Card, ...]
