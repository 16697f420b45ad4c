"""benchmarks/peer_costs.py: a tool is timed beside bare steps, and one that fails is never hidden."""

from contextlib import ExitStack
from itertools import repeat

import pytest
import torch
from torch import nn

from benchmarks import peer_costs
from benchmarks.models import Work
from benchmarks.peer_adapters import PEERS, Peer, Step, gradient_norm, is_installed


def small(device: str) -> Work:
    model, x = nn.Linear(8, 1).to(device), torch.ones(4, 8, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Work(
        model, optimizer, lambda: model(x).square().mean(), lambda: model(x).square().flatten()
    )


def twice(work: Work, stack: ExitStack) -> Step:
    return lambda: [work.step() for _ in range(20)]


def failing(work: Work, stack: ExitStack) -> Step:
    def unsupported() -> None:
        raise NotImplementedError("only one layer is supported. Sorry.")

    def step() -> None:
        try:
            unsupported()
        except NotImplementedError as error:
            raise AttributeError("no attribute 'data'") from error

    return step


def peer(attach: object = twice, *reads: str, module: str = "torch") -> Peer:
    return Peer("tool", "torch", module, reads, attach)


def test_a_tool_that_does_more_takes_longer() -> None:
    assert peer_costs.ratio(peer(twice), small, "cpu", 5) > 2
    assert peer_costs.ratio(peer(gradient_norm), small, "cpu", 5) > 0


def test_a_tool_that_fails_is_told_in_one_line_with_what_went_wrong_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(peer_costs.MODELS, "small", small)
    assert peer_costs.measure(peer(failing), ["small"], "cpu", 1) == {
        "small": "NotImplementedError: only one layer is supported"
    }


def test_a_tool_that_is_not_installed_and_one_whose_process_ends_are_results_too() -> None:
    absent = peer(module="no_such_module")
    assert peer_costs.apart(absent, ["LSTM"], "cpu", 1, 1) == {"LSTM": "not installed"}
    [said] = peer_costs.apart(peer(), ["LSTM"], "cpu", 1, 1).values()
    assert "invalid choice: 'tool'" in said
    assert [peer_costs.cell(x) for x in ("not installed", said, 1.5)] == [
        "not installed",
        "fails",
        "1.50x",
    ]


@pytest.mark.filterwarnings("ignore")  # the tools' own
@pytest.mark.parametrize("tool", PEERS, ids=lambda tool: tool.module)
def test_a_tool_trains_the_model_as_the_bare_step_does(tool: Peer) -> None:
    if not is_installed(tool):
        pytest.skip(f"{tool.name} is not installed")
    torch.manual_seed(0)
    bare, seen = small("cpu"), small("cpu")
    seen.model.load_state_dict(bare.model.state_dict())
    with ExitStack() as stack:
        step = tool.attach(seen, stack)
        for _ in range(3):
            bare.step()
            step()
    for ours, theirs in zip(bare.model.parameters(), seen.model.parameters(), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-7)


@pytest.mark.heavy
def test_a_tool_is_measured_in_a_process_of_its_own() -> None:
    [floor] = [peer for peer in PEERS if peer.attach is gradient_norm]
    [ratio] = peer_costs.apart(floor, ["LSTM"], "cpu", 1, 1).values()
    assert isinstance(ratio, float), ratio
    assert ratio > 0


@pytest.mark.parametrize(
    ("as_much", "found", "said"),
    [
        (True, 1.19, ["tool is faster on LSTM"]),
        (True, 1.21, []),
        (True, "RuntimeError: in place", []),
        (False, 1.01, []),
    ],
)
def test_only_a_tool_that_measures_as_much_can_be_faster(
    as_much: bool, found: float | str, said: list[str]
) -> None:
    row = {"name": "tool", "version": "1", "measures as much": as_much, "models": {"LSTM": found}}
    assert peer_costs.faster([row], {"LSTM": 1.2}) == said


def test_measuring_as_much_is_reading_outputs_gradients_and_weights() -> None:
    assert peer(twice, "outputs", "gradients", "weights", "loss").measures_as_much
    assert not peer(twice, "gradients", "weights").measures_as_much
    assert any(peer.measures_as_much for peer in PEERS)


def test_the_summary_counts_what_was_not_there_and_what_failed() -> None:
    rows = [
        {"version": "1", "models": {"a": 1.1, "b": "ValueError: x"}},
        {"version": "", "models": dict(zip("ab", repeat("not installed"), strict=False))},
    ]
    assert peer_costs.summary(rows) == "1 of 2 peers installed, failing on 1 of 2 models"
