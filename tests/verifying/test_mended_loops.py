"""A mistake of the loop, mended in a trial, gives the losses of the loop as it should have been written."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import _len_torch_function_stack
from torch.utils.checkpoint import checkpoint

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.looping import ACTS, clear, divide
from gradcheck_cli.remedies.patching.optimizing import only_optimizer, parameters
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.rerun.changed import apply
from gradcheck_cli.targets.change import Change, LoopChange

STEPS = 12


@dataclass
class Training:
    """What a loop works on; the loop is run when the model, and so the change, is there."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    losses: list[float]

    def loss(self, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 6, generator=generator)
        loss = F.cross_entropy(self.model(x), (x.sum(1) > 0).long())
        self.losses.append(loss.item())
        return loss


class Block(nn.Module):
    """Two layers, the first in a checkpoint that cuts the gradient off unless it is mended."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.body, self.head = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(checkpoint(self.body, x, use_reentrant=self.reentrant)))  # type: ignore[no-any-return]


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 2))


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))


def clearing(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        if right:
            t.optimizer.zero_grad()
        t.loss(step).backward()
        t.optimizer.step()


def clearing_in_time(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        if right:
            t.optimizer.zero_grad()
        t.loss(step).backward()
        if not right:
            t.optimizer.zero_grad(set_to_none=False)
        t.optimizer.step()


def stepping(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        t.optimizer.zero_grad()
        t.loss(step).backward()
        if right:
            t.optimizer.step()


def clipping(t: Training, *, right: bool) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for step in range(STEPS):
        t.optimizer.zero_grad()
        scaler.scale(t.loss(step)).backward()
        if right:
            scaler.unscale_(t.optimizer)
        nn.utils.clip_grad_norm_(t.model.parameters(), 0.3)
        scaler.step(t.optimizer)
        scaler.update()


def accumulating(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        (t.loss(step) / (3 if right else 1)).backward()
        if step % 3 == 2:
            t.optimizer.step()
            t.optimizer.zero_grad()


def scheduling(t: Training, *, right: bool) -> None:
    schedule = torch.optim.lr_scheduler.StepLR(t.optimizer, 2, gamma=1.0 if right else 0.1)
    for step in range(STEPS):
        t.optimizer.zero_grad()
        t.loss(step).backward()
        t.optimizer.step()
        schedule.step()


def stepping_outside(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        t.optimizer.zero_grad()
        t.loss(step).backward()
        if right or step % 3 == 2:
            t.optimizer.step()


def evaluating(t: Training, *, right: bool) -> None:
    for step in range(STEPS):
        if step == 4:
            t.model.eval()
            with torch.no_grad():
                t.model(torch.zeros(4, 6))
            if right:
                t.model.train()
        t.optimizer.zero_grad()
        t.loss(step).backward()
        t.optimizer.step()


Loop = Callable[..., None]
LOOPS: dict[str, tuple[Loop, Callable[[], nn.Module], LoopChange]] = {
    "clear": (clearing, plain, LoopChange(clears=True)),
    "keep": (clearing_in_time, plain, LoopChange(clears=True, keeps=True)),
    "step": (stepping, plain, LoopChange(steps=True)),
    "step inside": (stepping_outside, plain, LoopChange(steps=True)),
    "unscale": (clipping, plain, LoopChange(unscales=True)),
    "divide": (accumulating, plain, LoopChange(passes=3)),
    "steady": (scheduling, plain, LoopChange(is_steady=True)),
    "train": (evaluating, dropping, LoopChange(trains=True)),
    "checkpoint": (clearing, lambda: Block(reentrant=True), LoopChange(checkpoints=False)),
}


def made(model: Callable[[], nn.Module]) -> Training:
    torch.manual_seed(0)
    network = model()
    return Training(network, torch.optim.SGD(network.parameters(), lr=0.3), [])


def as_it_should_be(name: str) -> list[float]:
    loop, model, _ = LOOPS[name]
    known = made(model if name != "checkpoint" else lambda: Block(reentrant=False))
    loop(known, right=True)
    return known.losses


def wrong(name: str) -> tuple[Loop, Training, LoopChange]:
    loop, model, change = LOOPS[name]
    return loop, made(model), change


def run_wrong(name: str, loop: Loop, training: Training) -> None:
    loop(training, right=name == "checkpoint")  # there the mistake is in the model


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", LOOPS)
def test_recorded_steps_played_with_the_mend_are_those_of_the_right_loop(name: str) -> None:
    loop, training, change = wrong(name)
    with Recorder() as recorder:
        run_wrong(name, loop, training)
    recording, mistaken = recorder.recording, training.losses
    with Replay(recording, training.model, optimizers=[training.optimizer]) as replay:
        unchanged = replay.build()
        assert [float(unchanged.step().loss) for _ in recording.units] == list(recording.losses)
        built = replay.build([Change(summary="", loop=change)])
        played = [float(built.step().loss) for _ in recording.units]
    right = as_it_should_be(name)
    if name in {"divide", "step inside"}:  # a step adds up the losses of three batches
        right = [sum(right[i : i + 3]) for i in range(0, STEPS, 3)]
    assert len(played) == len(right)
    assert played == pytest.approx(right, rel=1e-5)
    if name != "divide":
        assert played != pytest.approx(mistaken, rel=1e-3)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", LOOPS)
def test_a_script_run_again_with_the_mend_is_the_right_loop(name: str) -> None:
    loop, training, change = wrong(name)
    group = Group((training.model,), (training.optimizer,))
    with ExitStack() as stack:
        apply([Change(summary="", loop=change)], group, ("",), stack.enter_context)
        run_wrong(name, loop, training)
    assert training.losses == pytest.approx(as_it_should_be(name), rel=1e-5)


def test_steps_that_do_not_show_the_mistake_are_no_trial() -> None:
    for name in ("keep", "unscale", "train"):
        _, training, change = wrong(name)
        with Recorder() as recorder:
            for step in range(3):
                training.loss(step).backward()
                training.optimizer.step()
        with (
            Replay(recorder.recording, training.model) as replay,
            pytest.raises(CannotDiagnoseError),
        ):
            replay.build([Change(summary="", loop=change)])


LINES = {
    "optimizer.step()": "optimizer.zero_grad()",
    "scaler.step(opt)": "opt.zero_grad()",
}


@pytest.mark.parametrize(("update", "cleared"), LINES.items())
def test_gradients_are_cleared_behind_the_line_of_the_update(
    tmp_path: Path, update: str, cleared: str
) -> None:
    file = tmp_path / "train.py"
    file.write_text(f"for x in data:\n    loss(x).backward()\n    {update}  # go\n    log(x)\n")
    editor = Editor.open(file, "train.py")
    clear(editor, Edit(act=Act.CLEAR, at=SourceSite(str(file), 3)))
    assert editor.after().decode().splitlines()[2:4] == [f"    {update}  # go", f"    {cleared}"]


WRITTEN = {  # by the act: the line it is about, the lines of a loop before and after
    Act.CLEAR_EARLIER: (
        4,
        "loss(net(x)).backward()\n# once\nopt.zero_grad()\nopt.step()\n",
        "# once\nopt.zero_grad()\nloss(net(x)).backward()\nopt.step()\n",
    ),
    Act.UNSCALE: (
        1,
        "nn.utils.clip_grad_norm_(net.parameters(), 1.0)\nscaler.step(opt)\nscaler.update()\n",
        "scaler.unscale_(opt)\nnn.utils.clip_grad_norm_(net.parameters(), 1.0)\nscaler.step(opt)\nscaler.update()\n",
    ),
    Act.PER_EPOCH: (
        1,
        "plan = StepLR(opt, 1)\nfor e in es:\n    for x in xs:\n        opt.step()\n        plan.step()\n    log()\n",
        "plan = StepLR(opt, 1)\nfor e in es:\n    for x in xs:\n        opt.step()\n    plan.step()\n    log()\n",
    ),
    Act.TRAIN: (
        4,
        "net.eval()\nfor x in xs:\n    loss = f(net(x))\n    opt.step()\n",
        "net.eval()\nfor x in xs:\n    net.train()\n    loss = f(net(x))\n    opt.step()\n",
    ),
    Act.RECOMPUTE: (
        1,
        "x = checkpoint(block, x, use_reentrant=True)\n",
        "x = checkpoint(block, x, use_reentrant=False)\n",
    ),
}


def edited(folder: Path, act: Act, line: int, source: str) -> str:
    file = folder / "train.py"
    file.write_text(source)
    editor = Editor.open(file, "train.py")
    ACTS[act](editor, Edit(act=act, at=SourceSite(str(file), line)))
    return editor.after().decode()


@pytest.mark.parametrize("act", WRITTEN)
def test_a_mistake_of_the_loop_is_mended_in_its_lines(tmp_path: Path, act: Act) -> None:
    line, before, after = WRITTEN[act]
    assert edited(tmp_path, act, line, before) == after


ORDERS = {
    "net = Net()\nopt = Adam(net.parameters())\nnet = Net()\nx = 1\n": "net = Net()\nnet = Net()\nopt = Adam(net.parameters())\nx = 1\n",
    "opt = Adam(net.parameters())\nnet.head = f()\nfor x in xs:\n    pass\n": "net.head = f()\nopt = Adam(net.parameters())\nfor x in xs:\n    pass\n",
    "opt = Adam(old.parameters(), lr=1)\n": "opt = Adam(net.parameters(), lr=1)\n",
    "net = Net(); opt = Adam(net.parameters())\nnet.head = f()\n": "net = Net()\nnet.head = f()\nopt = Adam(net.parameters())\n",
    "opt = Adam(net.parameters())\nplan = StepLR(opt, 1)\nnet.head = f()\n": "",
    "opt = Adam(net.parameters())\nfor x in xs:\n    net.head = f()\n": "",
    "opt = Adam(net.parameters())\nnet.head = f()\nif full:\n    net = Net()\n": "",
}


@pytest.mark.parametrize("before", ORDERS)
def test_the_optimizer_is_made_of_the_model_that_is_trained_behind_it(
    tmp_path: Path, before: str
) -> None:
    file = tmp_path / "train.py"
    file.write_text(f"from torch.optim import Adam\n{before}")
    editor = Editor.open(file, "train.py")
    place = only_optimizer(editor, editor.module)
    if not ORDERS[before]:
        with pytest.raises(CannotPatchError, match="is not seen there"):
            parameters(editor, place, "net")
        return
    parameters(editor, place, "net")
    assert editor.after().decode() == f"from torch.optim import Adam\n{ORDERS[before]}"


def test_statements_that_share_the_line_stay_where_they_are(tmp_path: Path) -> None:
    before = "s = StepLR(o, 1)\nfor e in es:\n    for x in xs:\n        o.zero_grad(); o.step(); s.step()\n"
    after = "s = StepLR(o, 1)\nfor e in es:\n    for x in xs:\n        o.zero_grad(); o.step()\n    s.step()\n"
    assert edited(tmp_path, Act.PER_EPOCH, 1, before) == after


UNWRITABLE = {
    Act.CLEAR_EARLIER: (2, "train_on(x)\nopt.step()\n"),
    Act.UNSCALE: (1, "clip_grad_norm_(w, 1.0)\na.step(one)\nb.step(other)\n"),
    Act.PER_EPOCH: (1, "plan = StepLR(opt, 1)\nfor x in xs:\n    opt.step()\n    plan.step()\n"),
    Act.TRAIN: (3, "for x in xs:\n    loss = f(net(x))\n    opt.step()\nother.eval()\n"),
}


ON_ONE_LINE = [
    (Act.CLEAR_EARLIER, 1, "loss.backward(); opt.zero_grad(); opt.step()\n"),
    (Act.UNSCALE, 1, "loss.backward(); clip_grad_norm_(w, 1.0); scaler.step(opt)\n"),
]


@pytest.mark.parametrize(
    ("act", "line", "source"), [*((act, *told) for act, told in UNWRITABLE.items()), *ON_ONE_LINE]
)
def test_a_loop_that_is_not_written_plainly_is_left_to_a_person(
    tmp_path: Path, act: Act, line: int, source: str
) -> None:
    with pytest.raises(CannotPatchError):
        edited(tmp_path, act, line, source)


def test_an_update_with_a_closure_is_left_to_a_person(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("optimizer.step(closure)\n")
    with pytest.raises(CannotPatchError, match="which optimizer"):
        clear(Editor.open(file, "train.py"), Edit(act=Act.CLEAR, at=SourceSite(str(file), 1)))


def test_the_loss_is_divided_where_the_backward_pass_begins(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("scaler.scale(loss).backward(retain_graph=True)\n")
    editor = Editor.open(file, "train.py")
    divide(editor, Edit(act=Act.DIVIDE, at=SourceSite(str(file), 1), new="4"))
    assert editor.after() == b"(scaler.scale(loss) / 4).backward(retain_graph=True)\n"


def test_a_loop_that_makes_no_update_is_recorded_up_to_a_number_of_passes() -> None:
    training = made(plain)
    with Recorder(steps=2) as recorder:
        stepping(training, right=False)
    assert len(recorder.recording.units) == 8
    assert recorder.recording.obstacle == ""
    assert _len_torch_function_stack() == 0


def test_a_recording_that_ends_amid_a_call_leaves_no_mode_behind() -> None:
    weights = torch.ones(2, requires_grad=True)
    with Recorder(steps=2) as recorder:
        torch.tensor(float(weights.detach().sum()), requires_grad=True).backward()
    assert recorder.recording.obstacle
    assert _len_torch_function_stack() == 0
