"""Code that is shown has run on the training it is shown for."""

import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli.records.diagnosis import Fix, Status, Verification
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.replay.reproducing import Replayed
from gradcheck_cli.verifying.printed import printable


def replayed() -> Replayed:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for _ in range(6):
            optimizer.zero_grad()
            F.mse_loss(model(torch.randn(4, 2)), torch.ones(4, 1)).backward()
            optimizer.step()
    return Replayed(Replay(recorder.recording, model))


def shown(code: str, status: Status = Status.VERIFIED) -> str:
    """Return what is printed of the code of a fix; the model must be as it was."""
    target = replayed()
    model = target.replay.model
    before, modules = [p.clone() for p in model.parameters()], list(model.modules())
    chance = torch.get_rng_state()
    fix = Fix(
        name="a",
        treats="b",
        risk="safe",
        summary="",
        why="",
        code=code,
        verification=Verification(status=status),
    )
    with target.borrowed(lambda _: None) as obstacle:
        assert obstacle == ""
        [proposal] = printable(target, [Proposal(fix=fix)])
    assert list(model.modules()) == modules
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert torch.equal(torch.get_rng_state(), chance)
    return proposal.fix.code


def test_code_that_runs_stays_and_leaves_no_trace() -> None:
    code = (
        "model.set_submodule('1', nn.ReLU())\n"
        "nn.init.zeros_(model[0].weight)\n"
        "for group in optimizer.param_groups:\n    group['lr'] *= 0.1"
    )
    assert shown(code) == code


def test_code_that_does_not_run_here_is_not_printed() -> None:
    told = shown("model.set_submodule('nowhere.1', nn.ReLU())")
    assert told.startswith(
        "# write it by hand: the usual code does not run on this model (Attribute"
    )
    assert "SyntaxError" in shown("for x in", Status.INEFFECTIVE)


def test_code_with_names_of_the_script_or_gaps_to_fill_is_only_compiled() -> None:
    for code in (
        "inputs = (inputs - 1) / 2",
        "optimizer = torch.optim.SGD(model.parameters(), ...)",
    ):
        assert shown(code) == code
