"""Lays text out in lines of a given width, with hanging indents."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.renderers.terminal.glyphs import ASCII, UNICODE, Glyphs, spell
from gradcheck_cli.renderers.words import clean

WIDEST = 100
NARROWEST = 40

BAD = "bold red"
WARN = "bold color(172)"  # an orange that is read on white and on black
GOOD = "bold green"
FAINT = "dim"
STRONG = "bold"
INK = "color(32)"  # bars: a blue that is seen on white and on black
BAD_INK = "red"

OF_SEVERITY = {Severity.ERROR: BAD, Severity.WARNING: WARN, Severity.NOTE: STRONG}


def ink(text: str, style: str) -> Text:
    """Return text whose style stays its own when other text is appended to it."""
    return Text.assemble((text, style))


@dataclass(frozen=True, slots=True)
class Pen:
    """Knows the width and the signs; every text that others wrote passes through `say`."""

    console: Console
    width: int
    ascii: bool

    @classmethod
    def of(cls, console: Console, width: int, *, ascii_only: bool) -> "Pen":
        """Return a pen for this console, not wider than a person reads."""
        return cls(console, max(min(width, WIDEST), NARROWEST), ascii_only)

    @property
    def glyphs(self) -> Glyphs:
        """The signs this terminal can show."""
        return ASCII if self.ascii else UNICODE

    def say(self, text: str, style: str = "") -> Text:
        """Return cleaned text that is never taken for markup."""
        cleaned = clean(text)
        return ink(spell(cleaned) if self.ascii else cleaned, style)

    def hang(self, prefix: Text, body: Text) -> Iterator[Text]:
        """Wrap `body` beside `prefix`; later lines are indented by its width."""
        room = max(self.width - prefix.cell_len, 10)
        blank = Text(" " * prefix.cell_len)
        for i, line in enumerate(body.wrap(self.console, room)):
            line.rstrip()
            yield (prefix if i == 0 else blank) + line

    def paragraph(self, text: str, indent: int = 2, style: str = "") -> Iterator[Text]:
        """Wrap `text` at an indent."""
        yield from self.hang(Text(" " * indent), self.say(text, style))

    def bullet(self, text: str, indent: int = 2, style: str = "") -> Iterator[Text]:
        """Wrap `text` behind a bullet."""
        yield from self.hang(
            ink(" " * indent + self.glyphs.bullet + " ", FAINT), self.say(text, style)
        )

    def labeled(self, label: str, text: str, indent: int = 4, width: int = 6) -> Iterator[Text]:
        """Wrap `text` behind a faint label."""
        prefix = Text(" " * indent) + ink(label.ljust(width), FAINT) + Text(" ")
        yield from self.hang(prefix, self.say(text))

    def heading(self, name: str, note: str = "") -> Iterator[Text]:
        """Return an empty line and a heading with an optional faint note."""
        yield Text("")
        title = Text(" ") + ink(name, "bold underline")
        yield from self.hang(title + Text("  "), self.say(note, FAINT)) if note else (title,)

    def beside(self, picture: Text, words: str) -> Iterator[Text]:
        """Put words behind a small picture, or below it where the terminal is too narrow."""
        said = self.say(words)
        if picture.cell_len + 2 + said.cell_len <= self.width:
            yield picture + Text("  ") + said
        else:
            yield picture
            yield from self.hang(Text("     "), said)
