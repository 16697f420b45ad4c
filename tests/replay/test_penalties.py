"""What a loss adds of weights alone is weighed less in a trial, and written less into the script."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.looping import weigh
from gradcheck_cli.replay import Recorder, Recording
from gradcheck_cli.replay.mended import penalties_of
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.change import Change


def trained(weight: float, *, second: bool = False) -> tuple[nn.Module, Recording]:
    """Ten steps with a penalty on weights, or with a second term of the data."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for _ in range(10):
            inputs = torch.randn(8, 6)
            output = model(inputs)
            loss = F.cross_entropy(output, (inputs.sum(1) > 0).long())
            more = (
                output.square().sum() if second else sum(p.abs().sum() for p in model.parameters())
            )
            loss = loss + weight * more
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, recorder.recording


def losses(weight: float, penalty: float | None = None) -> list[float]:
    model, recording = trained(weight)
    with Replay(recording, model) as replay:
        training = replay.build([Change(summary="", penalty=penalty)])
        return [float(training.step().loss) for _ in range(10)]


def test_a_weaker_penalty_trains_as_if_it_had_been_written() -> None:
    assert losses(0.25, 0.5) == losses(0.125)
    assert losses(0.25) != losses(0.125)


def test_what_is_held_out_is_compared_without_the_penalty() -> None:
    found = []
    for weight in (0.0, 0.25):
        model, recording = trained(weight)
        with Replay(recording, model) as replay:
            found.append(replay.build(hold_out=True).evaluate(2))
    assert found[0] == found[1]


def test_a_second_term_of_the_data_is_no_penalty() -> None:
    model, recording = trained(0.25, second=True)
    assert not penalties_of(recording.units)
    with Replay(recording, model) as replay, pytest.raises(CannotDiagnoseError, match="no penalty"):
        replay.build([Change(summary="", penalty=0.1)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss = F.mse_loss(out, y) + 0.1 * norm", "loss = F.mse_loss(out, y) + 0.001 * norm"),
        ("loss += lam * norm", "loss += 0.01 * (lam * norm)"),
        (
            "loss = loss + sum(p.norm() for p in w)",
            "loss = loss + 0.01 * (sum(p.norm() for p in w))",
        ),
        ("loss = loss + norm + more", None),
    ],
)
def test_the_weight_is_written_where_the_penalty_is_added(
    tmp_path: Path, before: str, after: str | None
) -> None:
    file = tmp_path / "train.py"
    file.write_text(before)
    editor = Editor.open(file, "train.py")
    edit = Edit(act=Act.WEIGH, at=SourceSite(str(file), 1), name="right", new="0.01")
    if after is None:
        with pytest.raises(CannotPatchError, match="2 sums"):
            weigh(editor, edit)
        return
    weigh(editor, edit)
    assert editor.after().decode() == after


def test_a_penalty_that_stands_in_front_is_the_one_that_is_weighed(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("loss = 0.1 * norm + criterion(output, target)")
    editor = Editor.open(file, "train.py")
    weigh(editor, Edit(act=Act.WEIGH, at=SourceSite(str(file), 1), name="left", new="0.01"))
    assert editor.after().decode() == "loss = 0.001 * norm + criterion(output, target)"
