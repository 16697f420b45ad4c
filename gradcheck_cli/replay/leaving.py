"""Values that leave torch within a step: for numpy or for plain Python numbers."""

from dataclasses import dataclass, field

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.replay.events import Event
from gradcheck_cli.replay.recording import site_text

WAYS = {"numpy": "numpy", "__array__": "numpy", "tolist": "Python numbers"}


@dataclass(slots=True)
class Leaving:
    """Where outputs left torch in the step that runs, and what was known by then."""

    ways: dict[str, SourceSite | None] = field(default_factory=dict)
    known: int = 0  # so many data were known when the first of them left

    def note(self, name: str, site: SourceSite | None, known: int) -> None:
        """Outputs leave in a call of this name."""
        self.known = self.known if self.ways else known
        self.ways[WAYS[name]] = site

    def mark(self, event: Event) -> None:
        """Mark an event that is given data which is new since then: it may be what left, come back."""
        if self.ways and any(x.number >= self.known and x.tensor.numel() > 1 for x in event.data):
            event.returned = str(self)

    def clear(self) -> None:
        """The step has ended."""
        self.ways.clear()

    def __bool__(self) -> bool:
        """Did any leave?"""
        return bool(self.ways)

    def __str__(self) -> str:
        """Name the last way and its place."""
        way, place = next(reversed(self.ways.items()))
        return f"through {way}{site_text(place)}"
