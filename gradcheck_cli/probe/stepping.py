"""Train a target for some steps under observation."""

import math
from collections.abc import Callable
from dataclasses import replace

from gradcheck_cli.errors import wording
from gradcheck_cli.probe.loop import LoopWatch
from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.terminating import interruptible
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.training import Training

Progress = Callable[[int, int, float], None]
Enough = Callable[[Trace], bool]
INSPECT_EVERY = 5
_BROKEN = 3  # steps in a row without a finite loss, after which there is nothing more to learn


class Interrupted(Exception):  # noqa: N818 - not an error: what was measured so far is in it
    """The user's code raised, or Ctrl-C was pressed, after some steps were observed."""

    def __init__(self, trace: Trace, cause: BaseException) -> None:
        super().__init__(wording(cause))
        self.trace = trace
        self.cause = cause


def observe(
    training: Training,
    steps: int,
    on_step: Progress | None = None,
    *,
    enough: Enough | None = None,
    most: int | None = None,
) -> Trace:
    """Perform `steps` ordinary training steps, every one observed, and return what was measured.

    With `enough`, goes on in portions of `steps` until it says so of the trace, up to `most` steps.
    Raises what the user's code raises, or `Interrupted` with the trace so far when a step had been
    observed before.
    """
    most = steps if most is None or enough is None else most
    recorder = Recorder([training.model], training.optimizers, training.site_of)
    with recorder, LoopWatch().on([training.model]) as loop:
        loop.on_begin = lambda roots, _: recorder.passes(roots)

        def so_far() -> Trace:
            habits = (*recorder.loss_habits.habits(), *loop.hooks.habits({"": training.model}))
            seen = loop.facts(training.optimizers, habits)
            return replace(recorder.trace(training.precision), loop=seen)

        try:
            with interruptible():
                for index in range(most):
                    portion_ends = index >= steps and index % steps == 0
                    if portion_ends and enough is not None and enough(so_far()):
                        break
                    last = index == most - 1 or (index + 1) % steps == 0
                    inspect = index < 2 or index % INSPECT_EVERY == 0 or last
                    _one(recorder, training, inspect=inspect)
                    if on_step is not None:
                        on_step(index + 1, max(steps, index + 1), recorder.steps[-1].loss)
                    if _is_broken(recorder):
                        break
        except BaseException as error:
            if not recorder.steps:
                raise
            raise Interrupted(so_far(), error) from error
    return so_far()


def _one(recorder: Recorder, training: Training, *, inspect: bool) -> None:
    with recorder.step(inspect=inspect):
        outcome = training.step()
    rates = [g["lr"] for o in training.optimizers for g in o.param_groups if "lr" in g]
    recorder.finish_step(float(outcome.loss), float(rates[0]) if rates else None)


def _is_broken(recorder: Recorder) -> bool:
    last = recorder.steps[-_BROKEN:]
    return len(last) == _BROKEN and all(not math.isfinite(s.loss) for s in last)
