"""Networks that are trained against each other: a fix of one is tried while the other stands still."""

import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli import Policy, watch
from gradcheck_cli.replay import Recorder, Recording
from gradcheck_cli.replay.arm import apart, opposed
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.watching import Watch

ONES, ZEROS = torch.ones(16, 1), torch.zeros(16, 1)


class Pair:
    """A small GAN; `depth` sigmoids keep its discriminator from learning."""

    def __init__(self, depth: int = 0, rate: float = 0.05) -> None:
        torch.manual_seed(0)
        inner = [x for _ in range(depth) for x in (nn.Sigmoid(), nn.Linear(16, 16))]
        self.judge = nn.Sequential(nn.Linear(2, 16), *inner, nn.Sigmoid(), nn.Linear(16, 1))
        self.maker = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2))
        self.of_judge = torch.optim.SGD(self.judge.parameters(), lr=rate)
        self.of_maker = torch.optim.Adam(self.maker.parameters(), lr=1e-3)

    @property
    def networks(self) -> list[nn.Sequential]:
        return [self.maker, self.judge]

    def train(self, steps: int, *, at_once: bool = False) -> None:
        criterion = F.binary_cross_entropy_with_logits
        for _ in range(steps):
            real, fake = torch.randn(16, 2) * 0.5 + 2.0, self.maker(torch.randn(16, 4))
            self.of_judge.zero_grad()
            right = criterion(self.judge(real), ONES) + criterion(self.judge(fake.detach()), ZEROS)
            right.backward()
            if not at_once:
                self.of_judge.step()
            self.of_maker.zero_grad()
            criterion(self.judge(fake), ONES).backward()
            if at_once:
                self.of_judge.step()
            self.of_maker.step()


def recorded(pair: Pair, steps: int = 8, *, at_once: bool = False) -> Recording:
    with Recorder() as recorder:
        pair.train(steps, at_once=at_once)
    assert recorder.recording.obstacle == ""
    return recorder.recording


def test_one_network_learns_and_the_other_stays_as_it_was_at_the_first_step() -> None:
    pair = Pair()
    before = [p.detach().clone() for p in pair.maker.parameters()]
    recording = recorded(pair)
    trained = [p.detach().clone() for n in pair.networks for p in n.parameters()]
    alone, why = apart(recording, [pair.of_judge])
    assert alone is not None, why
    assert alone.losses[0] < recording.losses[0]
    with Replay(alone, pair.judge) as replay:
        training = replay.build()
        first = float(training.step().loss)
        assert first == alone.losses[0]
        for _ in range(7):
            training.step()
        held = zip(pair.maker.parameters(), before, strict=True)
        assert all(torch.equal(now, then) for now, then in held)
    now = [p for n in pair.networks for p in n.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(now, trained, strict=True))


def test_the_losses_of_a_maker_by_itself_are_its_own() -> None:
    pair = Pair()
    recording = recorded(pair)
    judge, _ = apart(recording, [pair.of_judge])
    maker, why = apart(recording, [pair.of_maker])
    assert judge is not None
    assert maker is not None, why
    both = [a + b for a, b in zip(judge.losses, maker.losses, strict=True)]
    assert both == pytest.approx(recording.losses)
    assert maker.optimizers == (pair.of_maker,)


def test_losses_whose_gradients_are_mixed_cannot_be_taken_apart() -> None:
    pair = Pair()
    recording = recorded(pair, at_once=True)
    for own in (pair.of_judge, pair.of_maker):
        alone, why = apart(recording, [own])
        assert alone is None
        assert why == "a part of its loss is the loss of another as well"


class Coder:
    """Two networks that learn from one loss, each with an optimizer of its own."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.networks = [nn.Linear(6, 3), nn.Linear(3, 6)]
        self.optimizers = [torch.optim.SGD(n.parameters(), lr=0.1) for n in self.networks]

    def train(self, steps: int) -> None:
        for _ in range(steps):
            inputs = torch.randn(8, 6)
            loss = F.mse_loss(self.networks[1](self.networks[0](inputs).tanh()), inputs)
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()


def test_what_learns_from_the_same_loss_trains_along() -> None:
    coder = Coder()
    with Recorder() as recorder:
        coder.train(8)
    recording = recorder.recording
    assert not opposed(recording)
    alone, why = apart(recording, coder.optimizers[:1])
    assert alone is not None, why
    assert alone.losses == recording.losses
    with Replay(alone, coder.networks[0]) as replay:
        training = replay.build()
        played = [float(training.step().loss) for _ in range(8)]
    assert played == list(recording.losses)


def watched(pair: Pair, *, both: bool, steps: int = 60) -> Watch:
    models = pair.networks if both else [pair.judge]
    optimizers = [pair.of_maker, pair.of_judge] if both else [pair.of_judge]
    with watch(models, optimizers, verify=True, policy=Policy(examine="none")) as seen:
        pair.train(steps)
    return seen


def test_two_networks_watched_as_one_are_told_to_be_watched_by_themselves() -> None:
    pair = Pair(depth=8)
    assert opposed(recorded(pair))
    report = watched(pair, both=True).verify(budget=2.0)
    reasons = {f.verification.reason for f in report.fixes if not f.verification.arms}
    assert not any(f.verification.arms for f in report.fixes)
    assert any("watch each network by itself" in reason for reason in reasons), reasons


@pytest.mark.heavy
def test_the_fix_of_a_judge_that_cannot_learn_is_proven_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.monotonic", time.process_time)  # a busy machine is no shorter budget
    pair = Pair(depth=8)
    seen = watched(pair, both=False)
    before = [p.detach().clone() for n in pair.networks for p in n.parameters()]
    report = seen.verify(budget=30.0)
    first = report.fixes[0].verification
    assert first.status.value == "verified", first.reason
    assert first.made == "replayed"
    assert any("stood still" in line for line in report.assumptions)
    now = [p for n in pair.networks for p in n.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(now, before, strict=True))
