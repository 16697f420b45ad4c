"""Signals end a script, never the report on it; children die of them as they would have."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradcheck_cli.probe.launching import find_script
from gradcheck_cli.probe.terminating import TerminatedError, terminable, undisturbed
from gradcheck_cli.running import Outcome, Plan, run


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)


def test_a_sigterm_is_an_exception_and_a_second_soon_after_is_the_same_wish() -> None:
    with terminable() as signals:
        with pytest.raises(TerminatedError):
            send(signal.SIGTERM)
        send(signal.SIGTERM)
    assert signals.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_script_that_swallows_it_is_ended_by_a_later_one() -> None:
    with terminable() as signals:
        with pytest.raises(TerminatedError):
            send(signal.SIGTERM)
        signals._at -= 60
        with pytest.raises(TerminatedError):
            send(signal.SIGTERM)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nothing_interrupts_the_report(number: signal.Signals, code: int) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("a worker was killed")

    before = signal.signal(signal.SIGCHLD, dies)
    try:
        with terminable() as signals, undisturbed(signals):
            child = os.fork()
            if child == 0:
                os._exit(1)
            os.waitpid(child, 0)
            send(number)
            send(number)
        assert signals.code == code
        assert signal.getsignal(signal.SIGCHLD) is dies
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_forked_child_dies_of_a_sigterm_silently() -> None:
    with terminable():
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            finally:
                os._exit(99)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


HEAD = """
import os, signal, torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
x = torch.randn(16, 4); y = (x[:, 0] > 0).long()
calls = 0
"""
LBFGS = """
opt = torch.optim.LBFGS(net.parameters(), max_iter=4)
def closure():
    global calls
    calls += 1
    opt.zero_grad(); loss = nn.functional.cross_entropy(net(x), y)
    if calls == {at}: {how}
    loss.backward(); return loss
for _ in range(30): opt.step(closure)
"""
TERMINATE = "os.kill(os.getpid(), signal.SIGTERM)"


def ran(folder: Path, code: str) -> Outcome:
    script = folder / "script.py"
    script.write_text(code)
    with ExitStack() as aftermath:
        return run(Plan(program=find_script(str(script))), aftermath)


@pytest.mark.parametrize("how", [TERMINATE, "raise KeyboardInterrupt"])
def test_a_closure_cut_half_done_is_a_gap_and_no_finding(tmp_path: Path, how: str) -> None:
    outcome = ran(tmp_path, HEAD + LBFGS.format(at=15, how=how))
    assert outcome.ending.code in {130, 143}
    assert not [f for f in outcome.report.findings if f.code == "GC601"]
    assert "the last step" in {gap.what for gap in outcome.report.gaps}


def test_stopped_in_the_very_first_closure_nothing_was_measured(tmp_path: Path) -> None:
    outcome = ran(tmp_path, HEAD + LBFGS.format(at=2, how=TERMINATE))
    assert outcome.report is None
    assert "stopped" in outcome.advice


def test_an_exception_amid_a_closure_keeps_its_loss_and_accuses_no_layer(tmp_path: Path) -> None:
    outcome = ran(tmp_path, HEAD + LBFGS.format(at=15, how="raise ValueError('no')"))
    assert isinstance(outcome.ending.error, ValueError)
    assert not [f for f in outcome.report.findings if f.code == "GC601"]


def test_an_exception_that_a_killed_worker_causes_is_the_sigterm(tmp_path: Path) -> None:
    loop = """
opt = torch.optim.SGD(net.parameters(), lr=0.1)
try:
    for step in range(40):
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        if step == 20: os.kill(os.getpid(), signal.SIGTERM)
finally:
    raise RuntimeError("DataLoader worker is killed by signal: Terminated")
"""
    outcome = ran(tmp_path, HEAD + loop)
    assert outcome.ending.code == 143
    assert outcome.report.run.steps >= 20


def test_a_training_in_a_thread_of_its_own_is_seen(tmp_path: Path) -> None:
    loop = """
import threading
opt = torch.optim.SGD(net.parameters(), lr=0.1)
def train():
    for step in range(40):
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
thread = threading.Thread(target=train); thread.start(); thread.join()
"""
    outcome = ran(tmp_path, HEAD + loop)
    assert outcome.report.run.steps == 39, "the first shows which thread trains"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sigterm_that_a_destructor_swallows_ends_the_script_at_its_next_step(
    tmp_path: Path,
) -> None:
    loop = """
class Loader:
    def __del__(self): os.kill(os.getpid(), signal.SIGTERM); len([])
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(40):
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad(); loss.backward(); opt.step()
    if step == 20: Loader()
"""
    outcome = ran(tmp_path, HEAD + loop)
    assert outcome.ending.code == 143
    assert outcome.report.run.steps == 22
