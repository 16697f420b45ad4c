"""What is known so far, written every few seconds: a run that is killed leaves its last snapshot."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import Gap

PAUSE = 5.0  # seconds between two snapshots
SHARE = 0.01  # of the run's time that snapshots may take
UNFINISHED = Gap(
    what="the steps to come", reason="the run had not ended when this snapshot was written"
)


@dataclass(slots=True)
class Snapshots:
    """Makes and writes a report now and then. What fails ends the snapshots and never the run."""

    make: Callable[[], Report]
    write: Callable[[Report], object]
    pause: float = PAUSE
    due: float | None = None
    failed: Gap | Crash | None = None

    def step(self) -> None:
        """Write a snapshot when it is time; a step was just taken."""
        now = time.monotonic()
        if self.due is None:
            self.due = now + self.pause
        if now < self.due or self.failed is not None:
            return
        try:
            self.write(self.make())
        except GradcheckError as error:
            self.failed = Gap(what="snapshots of the running training", reason=str(error))
        except Exception:  # noqa: BLE001 - the user's training goes on whatever happens here
            import traceback

            self.failed = Crash("the snapshot", traceback.format_exc())
        after = time.monotonic()
        self.due = after + max(self.pause, (after - now) / SHARE)
