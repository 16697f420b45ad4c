"""`gradcheck run` without --verify: experiments follow a script, cost little and leave nothing behind."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.launching import find_script
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.played import recorder
from gradcheck_cli.running import Plan, run

SCRIPT = """
import logging, torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(512, 6)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        print(self.calls)
        logging.error('call %d', self.calls)
        return self.layers(x)

net = Net()
opt = torch.optim.Adam(net.parameters(), lr={rate})
for step in range({steps}):
    i = 32 * step % 512
    opt.zero_grad()
    loss = {sign} * nn.functional.cross_entropy(net(x[i : i + 32]), y[i : i + 32])
    loss.backward()
    opt.step()
after = [t.clone() for t in net.state_dict().values()], torch.get_rng_state(), net.calls
{end}
"""


NEW_TASK = """
net.layers[0].requires_grad_(False)
net.layers[2] = nn.Linear(16, 3)
opt, y = torch.optim.Adam(net.layers[2].parameters(), lr=0.03), (y + 1) % 3
for step in range(40):
    i = 32 * step % 512
    opt.zero_grad()
    nn.functional.cross_entropy(net(x[i : i + 32]), y[i : i + 32]).backward()
    opt.step()
"""


def reported(
    folder: Path,
    examine: str = "quick",
    *,
    rate: float = 0.03,
    sign: str = "1",
    end: str = "",
    steps: int = 40,
) -> Report:
    script = folder / "script.py"
    script.write_text(SCRIPT.format(rate=rate, sign=sign, steps=steps, end=end))
    plan = Plan(program=find_script(str(script)), policy=Policy(examine=examine))
    with ExitStack() as aftermath:
        report = run(plan, aftermath).report
    assert report is not None
    return report


def test_a_flipped_loss_is_found_also_where_the_script_breaks_later_and_no_fix_is_tried(
    tmp_path: Path,
) -> None:
    report = reported(tmp_path, sign="-1", end="raise ValueError('no file to write to')")
    assert report.causes[0].name == "flipped-loss"
    assert "no file" in report.run.stopped
    assert {fix.verification.status for fix in report.fixes} == {Status.NOT_RUN}


def test_what_learns_is_healthy_and_says_nothing_more_than_the_script_did(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    report = reported(tmp_path)
    assert report.verdict == "healthy"
    reasons = {a.name: a.reason for a in report.examination}
    assert reasons["loss-prefers-right"] == reasons["inputs-used"] == ""
    assert reasons["lasting"] == "it was seen to its end"
    assert "no time" not in report.headline
    assert capfd.readouterr().out.split() == [str(n) for n in range(1, 41)]
    assert len(caplog.messages) == 40
    left = vars(sys.modules["__main__"])
    weights, chance, calls = left["after"]
    assert all(map(torch.equal, weights, left["net"].state_dict().values()))
    assert torch.equal(chance, torch.get_rng_state())
    assert left["net"].calls == calls


def test_a_first_task_is_not_asked_of_the_model_of_a_second_one(tmp_path: Path) -> None:
    report = reported(tmp_path, end=NEW_TASK, steps=110)
    assert report.verdict == "healthy"
    assert not [a for a in report.examination if a.outcome is Outcome.WRONG]
    reasons = {gap.what: gap.reason for gap in report.gaps}
    assert "another optimizer" in reasons["experiments on recorded steps"]


def test_examine_none_records_nothing(tmp_path: Path) -> None:
    report = reported(tmp_path, "none", sign="-1")
    assert report.examination == ()


def test_weights_that_would_take_much_memory_are_not_copied() -> None:
    large = nn.Linear(1, 1, bias=False)
    large.weight = nn.Parameter(torch.zeros(1).expand(2**14, 2**12))  # 256 MiB, were it copied
    with recorder(trials=False) as seen:
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        large(torch.zeros(1, 2**12))
    assert seen.recording.obstacle == "its weights take 256 MiB"


def test_nothing_is_heard_before_an_optimizer_is_made() -> None:
    call, depth = nn.Module.__call__, torch.overrides._len_torch_function_stack()
    with recorder(trials=False):
        assert nn.Module.__call__ is call
        assert torch.overrides._len_torch_function_stack() == depth
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        assert nn.Module.__call__ is not call
    assert nn.Module.__call__ is call


def test_a_long_evaluation_before_the_first_step_is_forgotten_again() -> None:
    model = nn.Linear(1000, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    with Recorder(steps=3, memory=10 * 32_000) as seen:
        with torch.no_grad():
            for _ in range(40):  # four times what may be kept
                model(torch.randn(8, 1000)).mean().item()
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 1000)).square().mean().backward()
            optimizer.step()
    assert len(seen.recording.units) == 3
    assert not seen.recording.notes
    assert seen.recording.nbytes <= 3 * 32_000


@pytest.mark.heavy
@pytest.mark.parametrize(
    "beside",
    [
        "torch.func.grad(lambda w: (x[:2] @ w).sum())(torch.ones(6))",
        "torch.func.vmap(lambda row: 2 * row)(x[:4])",
        "torch.autograd.functional.jacobian(lambda v: net(v).sum(0), x[:2], vectorize=True)",
        "torch._efficientzerotensor((3,)) + 1",
    ],
)
def test_tensors_without_memory_beside_a_training_are_let_be(tmp_path: Path, beside: str) -> None:
    report = reported(tmp_path, end=beside)
    assert report.run.stopped == ""
    script = (tmp_path / "script.py").read_text()
    (tmp_path / "within.py").write_text(
        script.replace("    opt.step()", f"    opt.step()\n    {beside}")
    )
    plan = Plan(program=find_script(str(tmp_path / "within.py")), policy=Policy(examine="quick"))
    with ExitStack() as aftermath:
        within = run(plan, aftermath).report
    assert within is not None
    assert (within.run.stopped, within.verdict) == ("", report.verdict)


EFFECTS = """
import collections, pathlib, random, torch
import numpy as np
from torch import nn
torch.manual_seed(0)
folder = pathlib.Path(__file__).parent
record = open(folder / 'open', 'w')
(folder / 'both').write_text('0123456789')
both = open(folder / 'both', 'r+')

class Tally:
    n = every = 0

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.tally, self.queue = nn.Linear(6, 1), Tally(), collections.deque(maxlen=99)
        self.own = torch.Generator().manual_seed(1)

    def forward(self, x):
        global count
        count += 1
        tally.n += 1
        Tally.every += 1
        self.tally.n += 1
        seen.append(len(x))
        self.queue.append(len(x))
        drawn = draws.random() + other.random() + torch.rand(1, generator=self.own)
        record.write('x')
        both.seek(len(seen) % 10)
        both.read(1)
        with open(folder / 'each', 'a') as file:
            file.write('x')
        return self.layer(x)

count, seen, tally, net = 0, [], Tally(), nn.Sequential(Net())
draws, other = np.random.default_rng(1), random.Random(2)
opt = torch.optim.Adam(net.parameters(), lr=0.03)
for step in range(40):
    x = torch.randn(32, 6)
    opt.zero_grad()
    nn.functional.mse_loss(net(x), x[:, :1]).backward()
    opt.step()
net = net[0]
at_end = lambda: (draws.bit_generator.state, other.getstate(), net.own.get_state().tolist())
ended = at_end()
"""


def test_what_a_model_writes_outside_of_itself_is_as_the_script_left_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(EFFECTS)
    with ExitStack() as aftermath:
        plan = Plan(program=find_script(str(script)), policy=Policy(examine="quick"))
        report = run(plan, aftermath).report
    assert report is not None
    assert "inputs-used" in {answer.name for answer in report.examination if not answer.reason}
    left = vars(sys.modules["__main__"])
    left["record"].write("end")
    left["record"].close()
    left["both"].close()
    assert left["at_end"]() == left["ended"]
    held = (
        left["count"],
        left["tally"].n,
        left["Tally"].every,
        left["net"].tally.n,
        *map(len, (left["seen"], left["net"].queue)),
    )
    assert held == (40,) * 6
    written = [(tmp_path / name).read_text() for name in ("each", "open", "both")]
    assert written == ["x" * 40, "x" * 40 + "end", "0123456789"]
