"""Train a target for some steps under observation."""

import math
from collections.abc import Callable

from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.training import Training

Progress = Callable[[int, int, float], None]
_INSPECT_EVERY = 5


def observe(training: Training, steps: int, on_step: Progress | None = None) -> Trace:
    """Perform `steps` ordinary training steps, every one observed, and return what was measured.

    Raises what the user's code raises; the steps measured so far are then in `partial_trace` of the
    exception.
    """
    recorder = Recorder([training.model], training.optimizers, training.site_of)
    with recorder:
        try:
            for index in range(steps):
                inspect = index < 2 or index % _INSPECT_EVERY == 0 or index == steps - 1
                with recorder.step(inspect=inspect):
                    outcome = training.step()
                step = recorder.finish_step(float(outcome.loss), _rate(training))
                if on_step is not None:
                    on_step(index + 1, steps, step.loss)
                if _is_over(recorder):
                    break
        except BaseException as error:
            error.partial_trace = recorder.trace(training.precision)  # type: ignore[attr-defined]
            raise
    return recorder.trace(training.precision)


def _rate(training: Training) -> float | None:
    rates = [g["lr"] for o in training.optimizers for g in o.param_groups if "lr" in g]
    return float(rates[0]) if rates else None


def _is_over(recorder: Recorder) -> bool:
    """After three steps in a row without a finite loss there is nothing more to learn."""
    last = recorder.steps[-3:]
    return len(last) == 3 and all(not math.isfinite(s.loss) for s in last)
