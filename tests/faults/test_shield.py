"""An error of ours amid a training: the training goes on as if nobody watched, and the report says so."""

import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from gradcheck_cli.errors import CannotDiagnoseError, ExitCode
from gradcheck_cli.gating import gate
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe import (
    checkpoints,
    clipping,
    gradient_hooks,
    modes,
    newborn,
    plateaus,
    shield,
    unloaded,
)
from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.copies import Copies
from gradcheck_cli.probe.ending import failure
from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.hooking import in_backward
from gradcheck_cli.probe.latecomers import Latecomers
from gradcheck_cli.probe.newborn import Newborn
from gradcheck_cli.probe.one_batch import OneBatch
from gradcheck_cli.probe.outputs import OutputWatch
from gradcheck_cli.probe.recorder import Recorder as Readings
from gradcheck_cli.probe.remade import Remade
from gradcheck_cli.probe.scaling import ScalingWatch
from gradcheck_cli.probe.schedules import Rates
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.tape import Tape
from gradcheck_cli.probe.waiting import Waiting
from gradcheck_cli.probe.weights import WeightWatch
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.replay.keeping import Keeper
from gradcheck_cli.replay.recorder import Recorder
from gradcheck_cli.replay.updates import Updates
from gradcheck_cli.watching import watch
from gradcheck_cli.witnessing import Circumstances, as_far_as_measured, conclusion_of
from tests.support.processes import python

STEPS = 12
PACKAGE = Path(shield.__file__).parent.parent
LOOKED_AT = (str(PACKAGE / "probe"), str(PACKAGE / "replay"))
FAULTS = {
    "a module is called": (Session, "enters"),
    "a layer begins": (Readings, "_enter"),
    "a layer has run": (OutputWatch, "read"),
    "a gradient arrives": (OutputWatch, "_note"),
    "a parameter has its gradient": (clipping, "graph_task"),
    "a call of torch is heard": (Tape, "saw"),
    "the listener hears of a backward pass": (Tape, "backward_begins"),
    "a hook of the user's is measured": (gradient_hooks, "unreadable"),
    "a backward pass begins": (Remade, "passes"),
    "a backward pass ends": (Newborn, "passed"),
    "an update begins": (WeightWatch, "before"),
    "an update ends": (WeightWatch, "after"),
    "an update is counted": (Account, "updated"),
    "a step ends": (Session, "close"),
    "a step is written": (Waiting, "write"),
    "readings are taken over": (Ledger, "fetch"),
    "an optimizer is made": (Latecomers, "built"),
    "a scheduler is made": (Rates, "scheduled"),
    "a plateau is looked for": (plateaus, "Given"),
    "gradients are clipped": (ScalingWatch, "clipped"),
    "a batch is drawn": (OneBatch, "_look"),
    "a module gets a parameter": (newborn, "is_lazy"),
    "a model runs without a graph": (Copies, "_meet"),
    "dropout acts without a graph": (modes, "_running"),
    "a checkpoint runs": (checkpoints, "_modules_of"),
    "a state is loaded": (unloaded, "_is_itself"),
    "a module is recorded": (Keeper, "know_module"),
    "a function is recorded": (Keeper, "is_followed"),
    "what was given is recorded": (Keeper, "give"),
    "a result is recorded": (Keeper, "take"),
    "an optimizer is recorded": (Keeper, "know_optimizer"),
    "an update is recorded": (Updates, "count"),
}
ONLY_IN_BACKWARD = {"a gradient arrives"}
ONLY_AT_FIRST = {"a state is loaded"}


class OursError(Exception):
    """Stands for a bug of ours."""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.Sigmoid(), nn.Dropout(0.2))
        self.again = nn.Linear(16, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(x)
        if torch.is_grad_enabled():
            hidden = checkpoint(self.again, hidden, use_reentrant=True)
        return self.head(torch.relu(hidden))


def train(at_step: Callable[[int], None] = lambda _: None) -> tuple[list[float], bytes]:
    """Train with something of everything; return the losses, and weights and chance bit for bit."""
    torch.manual_seed(0)
    x = torch.randn(16 * STEPS, 6)
    loader = DataLoader(TensorDataset(x, x[:, :1].square()), batch_size=16, shuffle=True)
    model = Net()
    model.head.weight.register_hook(lambda gradient: gradient * 0.5)
    model.load_state_dict(model.state_dict())
    losses: list[float] = []
    scheduler = plateau = None
    for step, (a, b) in enumerate(loader):
        at_step(step)
        if scheduler is None or step == STEPS // 2:
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
            nn.Linear(2, 2)
            model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()})
        optimizer.zero_grad()
        loss = (model(a) - b).square().mean() + 1e-3 * model.head.weight.abs().log().exp().sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        with torch.no_grad():
            plateau.step(float((model(a) - b).square().mean()))
    bits = [p.detach().numpy().tobytes() for p in model.parameters()]
    return losses, b"".join([*bits, torch.get_rng_state().numpy().tobytes()])


@pytest.fixture(scope="module")
def unwatched() -> tuple[list[float], bytes]:
    return train()


def break_in(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, when: Callable[[], bool]
) -> None:
    original = getattr(owner, name)

    def failing(*args: object, **kwargs: object) -> object:
        if when():
            raise OursError("a bug of ours")
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


def reported(watcher: Everywhere) -> Report | None:
    sessions = [s for s in watcher.sessions if s.steps]
    about = as_far_as_measured(Circumstances(), watcher)
    return conclusion_of(sessions, about, Policy()).report if sessions else None


@pytest.mark.parametrize("since", [0, STEPS // 2])
@pytest.mark.parametrize("what", FAULTS)
def test_wherever_we_fail_the_training_goes_on_bit_for_bit_and_the_report_says_so(
    what: str,
    since: int,
    unwatched: tuple[list[float], bytes],
    monkeypatch: pytest.MonkeyPatch,
    kept: list[str],
) -> None:
    if since and what in ONLY_AT_FIRST:
        pytest.skip("it is not looked at later")
    now = [0]

    def is_due() -> bool:
        return now[0] >= since and (what not in ONLY_IN_BACKWARD or in_backward())

    break_in(monkeypatch, *FAULTS[what], is_due)
    with Everywhere(spares=True) as watcher, Recorder():
        seen = train(lambda step: now.__setitem__(0, step))
    assert seen == unwatched
    assert len(kept) >= 1
    failed = failure(watcher)
    assert failed is not None
    assert failed.traceback == kept[0]
    assert "OursError: a bug of ours" in kept[0]
    report = reported(watcher)
    if since:
        assert report is not None
    if report is not None:
        assert report.run.steps <= STEPS
        assert report.verdict is not Verdict.HEALTHY
        assert [c.said for c in report.crashed if c.ended_measuring] == [failed.said]
        [gap] = [g for g in report.gaps if g.what == "the steps to come"]
        assert gap.reason == f"gradcheck failed in {failed.where}; please report it"
        assert not any(f.name == "optimizer-never-steps" for f in report.findings)
        assert gate(report, Policy()).code in {ExitCode.BUG, ExitCode.FINDINGS}


def test_without_a_fault_the_training_is_watched_to_its_end(
    unwatched: tuple[list[float], bytes],
) -> None:
    with Everywhere(spares=True) as watcher, Recorder():
        assert train() == unwatched
    assert failure(watcher) is None
    assert watcher.sessions[0].steps == STEPS


def small() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(8, 4)).square().mean().backward()
    optimizer.step()


def test_nothing_is_looked_at_after_it_nothing_is_left_and_the_next_watch_measures_again(
    monkeypatch: pytest.MonkeyPatch, kept: list[str]
) -> None:
    from torch.nn.modules import module
    from torch.overrides import _len_torch_function_stack

    model, optimizer = small()
    calls: list[str] = []

    def failing(self: OutputWatch, _: nn.Module, path: str, __: object) -> None:
        calls.append(path)
        raise OursError

    with monkeypatch.context() as patch, watch(model, optimizer) as w:
        patch.setattr(OutputWatch, "read", failing)
        step(model, optimizer)
        assert not module._global_forward_hooks
        assert _len_torch_function_stack() == 0
        for _ in range(5):
            step(model, optimizer)
        assert (w.steps, len(calls), len(kept)) == (0, 1, 1)
        with pytest.raises(
            CannotDiagnoseError, match="measuring at step 1 failed, a bug in gradcheck"
        ):
            w.report()
    assert not shield.now.over
    with watch(model, optimizer) as w:
        step(model, optimizer)
    assert w.report().crashed == ()
    assert len(kept) == 1


def test_fixes_are_not_tried_on_what_was_recorded_beside_it(
    monkeypatch: pytest.MonkeyPatch, kept: list[str]
) -> None:
    model, optimizer = small()
    with watch(model, optimizer, verify=True) as w:
        for _ in range(3):
            step(model, optimizer)
        break_in(monkeypatch, Keeper, "take", lambda: True)
        step(model, optimizer)
    report = w.verify(budget=1.0)
    assert report.run.steps == 3
    assert report.headline.startswith(
        "gradcheck failed in measuring at step 4, and saw nothing after it"
    )
    assert len(kept) == 1


class TheirsError(Exception):
    """What the user's code raises."""


def fail(*_: object) -> None:
    raise TheirsError


def in_a_closure(_: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.step(fail)


def in_a_gradient_hook(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    handle = model[0].weight.register_hook(fail)
    try:
        step(model, optimizer)
    finally:
        handle.remove()


def in_a_forward_hook(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    handle = model[1].register_forward_hook(fail)
    try:
        step(model, optimizer)
    finally:
        handle.remove()


def in_a_hook_of_the_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    handle = optimizer.register_step_post_hook(fail)
    try:
        step(model, optimizer)
    finally:
        handle.remove()


def in_a_constructor(model: nn.Module, _: torch.optim.Optimizer) -> None:
    class Own(torch.optim.SGD):
        def add_param_group(self, _: object) -> None:
            fail()

    Own(model.parameters(), lr=0.1)


def in_a_function_of_torch(model: nn.Module, _: torch.optim.Optimizer) -> None:
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(_: object, x: torch.Tensor) -> torch.Tensor:
            return fail() or x

    Own.apply(model[0].weight)


def in_a_dataset(*_: object) -> None:
    class Own(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, _: int) -> torch.Tensor:
            return fail() or torch.ones(1)

    next(iter(DataLoader(Own())))


THEIRS = (
    in_a_closure,
    in_a_gradient_hook,
    in_a_forward_hook,
    in_a_hook_of_the_optimizer,
    in_a_constructor,
    in_a_function_of_torch,
    in_a_dataset,
)


@pytest.mark.parametrize("case", THEIRS)
@pytest.mark.parametrize("verify", [False, True])
def test_what_the_users_code_raises_arrives_as_theirs_and_the_watch_goes_on(
    case: Callable[[nn.Module, torch.optim.Optimizer], None], verify: bool
) -> None:
    model, optimizer = small()
    with watch(model, optimizer, verify=verify) as w:
        step(model, optimizer)
        with pytest.raises(TheirsError) as caught:
            case(model, optimizer)
        assert caught.traceback[-1].name == "fail"
        step(model, optimizer)
    assert w.steps >= 2
    assert not w.report().crashed


def test_a_followers_error_ends_the_loop_and_a_bug_of_our_own_follower_does_not(
    kept: list[str],
) -> None:
    from gradcheck_cli.live.trackers import TensorBoard

    class Broken:
        def add_scalar(self, *_: object) -> None:
            raise KeyError("of the user's writer")

    model, optimizer = small()
    with pytest.raises(KeyError), watch(model, optimizer, to=[TensorBoard(Broken())]):
        step(model, optimizer)
    assert kept == []
    ours = TensorBoard(Broken())
    ours._names = None  # a bug of ours
    with watch(model, optimizer, to=[ours]) as w:
        step(model, optimizer)
        w.followers.each = ()
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("probe.clearing.Account.updated", "measuring at step 1"),
        ("replay.keeping.Keeper.take", "measuring at step 1"),
        ("probe.history.History.append", "measuring at step 2"),
    ],
)
def test_a_script_that_is_run_ends_as_it_does_alone_and_the_exit_code_is_that_of_a_bug(
    tmp_path: Path, broken: str, told: str, kept: list[str]
) -> None:
    (tmp_path / "script.py").write_text(
        "import torch\n"
        "torch.manual_seed(0)\n"
        "model = torch.nn.Linear(4, 1)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for _ in range(6):\n"
        "    optimizer.zero_grad()\n"
        "    loss = model(torch.randn(8, 4)).square().mean()\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
        "    print(loss.item().hex())\n"
        "print(model.weight.tolist())\n"
    )
    module, name, method = f"gradcheck_cli.{broken}".rsplit(".", 2)
    code = (
        "import sys\n"
        f"from {module} import {name}\n"
        f"def failing(*_, **__): raise ZeroDivisionError('ours')\n"
        f"{name}.{method} = failing\n"
        "from gradcheck_cli.__main__ import main\n"
        "sys.argv = ['gradcheck', 'run', '--examine', 'quick', '-o', 'json:r.json', 'script.py']\n"
        "main()\n"
    )
    alone = python(tmp_path, "script.py")
    ran = python(tmp_path, "-c", code)
    assert ran.stdout == alone.stdout
    assert ran.returncode == ExitCode.BUG
    assert f"gradcheck failed in {told}, not your script; please report it" in " ".join(
        ran.stderr.split()
    )
    assert "ZeroDivisionError: ours" in ran.stderr
    if (tmp_path / "r.json").exists():
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["verdict"] == "unsure"
        assert "ZeroDivisionError" in report["crashed"][0]["traceback"]


# What torch or the user calls itself: there is nothing around it that could catch.
DOORS = (
    "__init__ __post_init__ __enter__ __exit__ __torch_function__ called call apply retire".split()
)
DOORS += ["<lambda>", "_watch_dropout", "_watch_batch_norm"]


def traced(on_call: Callable[[CodeType], None]) -> tuple[tuple[list[float], bytes], Everywhere]:
    """Train under observation; `on_call` is called with each function of the probe and the recorder.

    Generators are left out: they are also called when they are thrown away, where nothing can be raised.
    """

    def trace(frame: FrameType, *_: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(LOOKED_AT) and not code.co_flags & inspect.CO_GENERATOR:
            on_call(code)

    before = sys.gettrace()
    try:
        with Everywhere(spares=True) as watcher, Recorder():
            sys.settrace(trace)
            seen = train()
            sys.settrace(before)
    finally:
        sys.settrace(before)
    return seen, watcher


@pytest.mark.heavy
def test_whichever_function_of_ours_fails_amid_a_training_the_training_goes_on(
    unwatched: tuple[list[float], bytes], kept: list[str]
) -> None:
    calls: Counter[CodeType] = Counter()
    traced(lambda code: calls.update([code]))
    inner = [c for c in calls if c.co_name not in DOORS and "shield.py" not in c.co_filename]
    assert len(inner) > 400
    for code in inner[::10]:
        left = [max(calls[code] // 2, 1)]

        def fail_once(called: CodeType, code: CodeType = code, left: list[int] = left) -> None:
            left[0] -= called is code
            if called is code and left[0] == 0:
                sys.settrace(None)
                raise OursError(code.co_qualname)

        seen, watcher = traced(fail_once)
        assert seen == unwatched, code
        reported(watcher)
    assert len(kept) > len(inner) // 15
