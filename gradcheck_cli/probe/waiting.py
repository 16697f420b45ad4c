"""Steps that ended and are not yet written down: nobody asks for them before the next one that is observed."""

from dataclasses import dataclass, field, replace

import torch

from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.sampling import Alarm

_MOST = 1024  # that wait


@dataclass(frozen=True, slots=True)
class Ended:
    """A step that was observed or skipped, or whose loss may still be on a device."""

    loss: torch.Tensor | float | None
    rate: float | None
    skipped: bool = False


@dataclass(slots=True)
class Waiting:
    """Takes steps in as they end, at next to no cost, and writes them into a recorder together."""

    recorder: Recorder
    alarm: Alarm = field(default_factory=Alarm)
    unseen_losses: int = 0  # steps without a backward() that could be seen
    _passed: list[tuple[float, float | None]] = field(default_factory=list)  # loss and rate
    _ended: list[Ended] = field(default_factory=list)  # after those

    def __bool__(self) -> bool:
        return bool(self._passed or self._ended)

    def passes(self, loss: float, rate: float | None) -> None:
        """Take in a step of which nothing was read; most are."""
        self.alarm.hears(loss)
        self._passed.append((loss, rate))
        if len(self._passed) == _MOST:
            self.write()

    def ends(self, step: Ended) -> None:
        """Take in any other."""
        self._ended.append(step)

    @property
    def is_behind(self) -> bool:
        """Does a step wait that has to be written before one that only passes?"""
        return bool(self._ended)

    def write(self) -> None:
        """Write all down, with one transfer for all losses."""
        recorder, passed, ended = self.recorder, self._passed, self._ended
        self._passed, self._ended = [], []  # none is written twice, also where it fails
        for loss, rate in passed:
            recorder.pass_by(loss, rate)
        seen = [step.loss for step in ended if isinstance(step.loss, torch.Tensor)]
        values = iter(torch.stack(seen).tolist() if seen else ())
        for step in ended:
            if step.loss is None:
                self.unseen_losses += 1
                loss = recorder.steps[-1].loss if recorder.steps else 1.0
            else:
                loss = step.loss if isinstance(step.loss, float) else next(values)
            written = recorder.finish_step(loss, step.rate)
            if step.skipped:
                recorder.steps[-1] = replace(written, skipped=True)
            self.alarm.hears(loss)
