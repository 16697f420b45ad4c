"""The wait for user code ends; what gradcheck itself does meanwhile is no hanging."""

import signal
import time

import pytest
import torch

from gradcheck_cli import diagnosing
from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.probe.hanging import HangingError, patience, patiently
from gradcheck_cli.targets.target import Target


def target() -> Target:
    inputs = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    data = (inputs, (inputs[:, 0] > 0).long())
    return Target.of(model=torch.nn.Linear(4, 2), data=data, batch_size=8, device="cpu")


def test_a_call_that_hangs_is_ended_from_inside() -> None:
    with pytest.raises(HangingError, match=r"nothing happened for 0.2 s .*/test_hanging.py:\d+"):
        patiently(0.2, time.sleep)(30)


def test_a_call_that_answers_is_what_it_was() -> None:
    assert patiently(5.0, lambda x: x + 1)(2) == 3
    assert patiently(None, time.sleep) is time.sleep


def test_code_that_hangs_where_nobody_catches_it_is_one_of_our_errors() -> None:
    with pytest.raises(CannotDiagnoseError, match=r"nothing happened for 0\.2 s"), patience(0.2):
        time.sleep(30)


def test_no_timer_and_no_handler_stay_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with patience(5.0):
        pass
    with pytest.raises(ZeroDivisionError):
        patiently(5.0, lambda: 1 / 0)()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_what_gradcheck_does_after_a_step_may_take_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = diagnosing.observe

    def slowly(*args: object, **kwargs: object) -> object:
        trace = whole(*args, **kwargs)  # all steps are done
        time.sleep(6)
        return trace

    monkeypatch.setattr(diagnosing, "observe", slowly)
    report = diagnosing.diagnose(target(), steps=4, verify=False, timeout=5)
    assert report.run.steps == 4
    assert not [gap for gap in report.gaps if "--timeout" in gap.reason]
