"""A group whose commands are imported when they are asked for, so that `--help` waits for none of them."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Entry(NamedTuple):
    """Where a command is (`module:name` beside this file, a function or a `Typer`), and what it does."""

    home: str
    summary: str
    settings: Mapping[str, Any] = NOTHING  # of its context


class _Commands(Mapping[str, Any]):
    """The commands by name; reading one imports it."""

    def __init__(self, table: Mapping[str, Entry]) -> None:
        self._table = table
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        entry = self._table[name]
        if name not in self._loaded:
            self._loaded[name] = _load(name, entry)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _load(name: str, entry: Entry) -> Any:
    module, _, attribute = entry.home.partition(":")
    found = getattr(import_module(f"{__package__}.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name, context_settings=dict(entry.settings))(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """Subclasses say in `table` which commands there are."""

    table: ClassVar[Mapping[str, Entry]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Commands(self.table)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class gives it
        """Return all names, in the order of the table."""
        return list(self.table)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as above
        """Write the list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items()])
