"""What the ranks of one diagnosis leave each other: shards for rank 0, and its exit code for the rest."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from gradcheck_cli.probe.places import PATIENCE, Ranks
from gradcheck_cli.probe.ranks import Shard, merged, shard_of
from gradcheck_cli.records.trace import Gap, Trace


@dataclass(slots=True)
class Meeting:
    """This rank among those that train one target together."""

    place: Ranks
    terminated: bool = False
    stops: bool = False  # SIGTERM raises KeyboardInterrupt from here on

    @property
    def has_left(self) -> bool:
        """Has this rank trained, and left what it measured?"""
        return self.place.file(self.place.rank).exists()

    def leave(self, model: nn.Module, trace: Trace, failure: str = "") -> None:
        """Give rank 0 what this rank measured, and why it stopped where it did not get to the end."""
        shard = shard_of([model], trace, self.place.world).plain()
        self.place.leave([shard, failure])

    def put_together(
        self, model: nn.Module, trace: Trace, *, failed: bool
    ) -> tuple[Trace, tuple[Gap, ...]]:
        """Return the trace of all ranks on rank 0, and what is missing of whom."""
        found, gaps = self.place.gather(PATIENCE / 6 if failed else PATIENCE)
        shards = {rank: Shard.of(left[0]) for rank, left in found.items()}
        own = shard_of([model], trace, self.place.world)
        told = [
            Gap(what=f"the rest of rank {r}", reason=left[1])
            for r, left in found.items()
            if left[1]
        ]
        return merged(trace, own, shards), (*gaps, *told)

    def heard(self, patience: float | None = None) -> int | None:
        """Wait for the exit code of rank 0; None where it ended without one, or is not heard of."""
        code = self.place.told(patience)
        if code is not None:
            unhurried()
            self.place.confirm()
        return code

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Outlive the SIGTERM that torchrun sends when another rank has died, to report."""

        def note(*_: object) -> None:
            self.terminated = True
            if self.stops:
                raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            unhurried()


def unhurried() -> None:
    """Let this process, which is about to end, keep its exit code when torchrun sees another one end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
