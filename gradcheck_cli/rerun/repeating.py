"""The script of a run as a training that can be repeated with a change: run again, in a process of its own."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NoReturn, Self

import cloudpickle
import torch
from torch import nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.probe.session import Session
from gradcheck_cli.records.diagnosis import RERUN
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.rerun.arm import shapes_of
from gradcheck_cli.rerun.asked import Go, Scene, Script
from gradcheck_cli.rerun.confining import version
from gradcheck_cli.rerun.process import Stage
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.training import Progress, Training, unknown_site

COMPARED = 10  # steps whose losses the unchanged script must reproduce
ROUNDING = 1e-3  # relative: arms run on one thread, so that sums are taken in another order
MOST = 8  # arms that are kept waiting for more steps; another one begins anew when it is asked
PATIENCE = 120.0  # seconds that the script may be silent


def run_again(
    scene: Scene,
    pace: float,
    around: Callable[[], AbstractContextManager[object]],
    session: Session,
    model: nn.Module,
    why: str,
) -> "Rerun":
    """Return a training that was watched as one for which its script is run again, because `why`."""
    shapes = shapes_of(unwrapped(session.group.models[0]))
    script = Script(scene=scene, names=session.names, shapes=shapes)
    losses = tuple(session.trace().losses)
    return Rerun(script, model, why, losses, pace=pace, site_of=session.site_of, around=around)


@dataclass(slots=True)
class Rerun:
    """Repeats the training of a script by running the script again. `reason`: why it is not replayed."""

    script: Script
    model: nn.Module
    reason: str
    recorded: tuple[float, ...]  # losses of the run
    pace: float = 0.0  # seconds per step of the run
    site_of: Callable[[nn.Module], SourceSite | None] = unknown_site
    around: Callable[[], AbstractContextManager[object]] = nullcontext  # while arms are run
    seed: int = 0
    varies: bool = True
    maker: str = RERUN
    reproduced: int = 0  # steps whose losses came out as in the run
    _stage: Stage | None = None
    _arms: list["Away"] = field(default_factory=list)

    @property
    def said(self) -> tuple[str, ...]:
        """What the report says of how fixes were tried."""
        return (
            f"fixes were tried by running the script again, because {self.reason}; unchanged, it gave "
            f"the losses of the first {self.reproduced} steps of the run; what it wrote meanwhile was "
            "thrown away, and it reached no network",
            "the losses compared are those of training steps, each taken before its update: a script "
            "that is run again holds no data out",
        )

    def on(self, samples: int | None) -> Self:  # noqa: ARG002 - of all trainings
        """The same training; the script makes its own batches."""
        return self

    @contextmanager
    def borrowed(self, say: Callable[[str], None]) -> Iterator[str]:
        """Hold the processes; they have ended when it is left. Yields why nothing can be claimed."""
        if not version():
            yield (
                f"{self.reason}; and the script is not run again, because this system cannot keep it "
                "from writing to your files (that takes Landlock, Linux 5.13)"
            )
            return
        say(
            f"the recorded steps cannot be used ({self.reason}): running the script again for each "
            "trial; its writes go to a scratch folder, and it reaches no network"
        )
        with self.around(), Stage(self.script, max(PATIENCE, 60 * self.pace)) as stage:
            self._stage = stage
            try:
                yield self._obstacle()
            finally:
                self._stage, self._arms = None, []

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make the training with these changes; its process begins when it is first asked for steps."""
        del hold_out
        arm = Away(self, tuple(changes), None if seed in {None, self.seed} else seed)
        return Training(
            model=self.model,
            optimizers=(),
            step=_cannot,
            evaluate=_cannot,
            device=torch.device("cpu"),
            site_of=self.site_of,
            away=arm,
        )

    def begin(self, arm: "Away") -> Connection:
        """Begin an arm; the oldest of too many ends."""
        assert self._stage is not None
        try:
            packed = cloudpickle.dumps(arm.changes)
        except Exception as error:
            raise CannotDiagnoseError(
                f"this change cannot be handed to another process: {error}"
            ) from error
        self._arms = [other for other in self._arms if other.is_alive]
        if len(self._arms) >= MOST:
            self._arms.pop(0).close()
        self._arms.append(arm)
        return self._stage.arm(packed, arm.seed)

    def heard(self, line: Connection) -> Progress:
        """Return what an arm says. Raises CannotDiagnoseError."""
        assert self._stage is not None
        said = self._stage.heard(line)
        assert isinstance(said, Progress)
        return said

    def _obstacle(self) -> str:
        """Run the unchanged script and say what keeps its losses from being those of the run."""
        assert self._stage is not None
        wanted = self.recorded[:COMPARED]
        arm = Away(self, (), None)
        try:
            self.varies = self._stage.ready().varies
            said = arm.advance(len(wanted))
        except CannotDiagnoseError as error:
            return f"{self.reason}; and the script cannot be run again: {error}"
        finally:
            arm.close()
        if said.failed or not said.losses:
            return f"{self.reason}; and the script cannot be run again: {said.failed or 'no step'}"
        for number, (old, new) in enumerate(zip(wanted, said.losses, strict=False), 1):
            near = math.isclose(old, new, rel_tol=ROUNDING, abs_tol=1e-12)
            if not (near or (math.isnan(old) and math.isnan(new))):
                return (
                    f"{self.reason}; and the script run again differs from the run: step {number} has "
                    f"the loss {new:.6g} instead of {old:.6g}"
                )
        self.reproduced = min(len(wanted), len(said.losses))
        return ""


@dataclass(slots=True)
class Away:
    """One arm in a process of its own. One that was ended begins anew, and takes the same steps."""

    owner: Rerun
    changes: tuple[Change, ...]
    seed: int | None
    losses: list[float] = field(default_factory=list)
    _line: Connection | None = None

    @property
    def is_alive(self) -> bool:
        """Does its process wait for more?"""
        return self._line is not None

    def advance(self, steps: int, watch: int = 0) -> Progress:
        """Let it take steps until it has `steps`, and return all its losses. Raises CannotDiagnoseError."""
        if self._line is None:
            self.losses.clear()
            self._line = self.owner.begin(self)
        self._line.send(Go(steps, watch))
        said = self.owner.heard(self._line)
        self.losses += said.losses
        return Progress(tuple(self.losses), said.trace, said.is_over, said.failed)

    def close(self) -> None:
        """End its process."""
        if self._line is not None:
            with suppress(OSError):
                self._line.close()
            self._line = None


def _cannot(*_: object) -> NoReturn:
    raise CannotDiagnoseError("a script that is run again takes its steps in its own process")
