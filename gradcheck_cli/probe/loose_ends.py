"""Where the training loop itself takes outputs out of the graph, between one module and the next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gradcheck_cli import ops
from gradcheck_cli.records.trace import Cut, Layer


@dataclass(slots=True)
class LooseEnds:
    """Calls outside all modules that give back an output without its graph, and the layers behind it.

    Loops do this all the time to report a loss or an accuracy. It is a cut only where the layers
    behind it get no gradient on any other way. A comparison is one only where the loss is computed from it.
    """

    ends: dict[Cut, frozenset[str]] = field(default_factory=dict)

    def note(self, cut: Cut, makers: Iterable[int | str]) -> None:
        """Keep a call, and which layers computed what it was given."""
        behind = frozenset(m for m in makers if isinstance(m, str))
        self.ends[cut] = self.ends.get(cut, frozenset()) | behind

    def take(self, other: "LooseEnds") -> None:
        """Keep what another has noted too."""
        for cut, behind in other.ends.items():
            self.note(cut, behind)

    def cuts(self, layers: Iterable[Layer]) -> Iterator[Cut]:
        """Yield the calls behind which a parameter has `requires_grad=True` and never received a gradient."""
        silent = {
            x.path: x
            for x in layers
            if x.trainable and not any(p.reached for p in x.parameters if p.trainable)
        }
        for cut, behind in self.ends.items():
            if not behind or not behind <= silent.keys():
                continue
            used = any(silent[path].depth is not None for path in behind)
            if used or cut.operation not in ops.COMPARISONS:
                yield cut
