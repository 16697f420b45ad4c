"""`diagnose` as a function: interruptions, exceptions, lengths, budgets and crashes of ours."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from gradcheck_cli import diagnosing, pipeline
from gradcheck_cli.diagnosing import MOST_STEPS, STEPS, diagnose
from gradcheck_cli.errors import CannotDiagnoseError, UserCodeError
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.yamlfile import dumps, loads
from gradcheck_cli.rules import RULES, engine
from gradcheck_cli.rules.base import Rule
from gradcheck_cli.targets.target import Target
from sample_models.digits import load


@dataclass
class Bomb(nn.Module):
    """Passes its input on until it has been called `after` times; then something happens."""

    happens: Callable[[], Any]
    after: int = 6
    calls: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = nn.Module.__hash__

    def forward(self, images: Tensor) -> Tensor:
        self.calls += self.training
        if self.calls > self.after:
            self.happens()
        return images


def small(*more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), *more, nn.Linear(16, 10))


def sick() -> nn.Sequential:
    model = small()
    nn.init.constant_(model[0].bias, -100.0)
    return model


def noise() -> TensorDataset:
    """Return labels that have nothing to do with the images."""
    chance = torch.Generator().manual_seed(0)
    return TensorDataset(
        torch.randn(256, 64, generator=chance), torch.randint(10, (256,), generator=chance)
    )


def target(model: Callable[[], nn.Module] = small, data: Callable[[], Any] = load, **more: Any):
    torch.set_num_threads(1)
    return Target.of(model=model, data=data, device="cpu", **({"lr": 1e-2} | more))


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def fail() -> None:
    raise RuntimeError("disk of the user is gone")


def told(report: Report) -> Report:
    """Return the report after a trip through YAML: what was measured can be written and read."""
    return loads(dumps(report))


def test_ctrl_c_inside_a_step_reports_what_was_measured() -> None:
    report = told(diagnose(target(lambda: small(Bomb(press_ctrl_c, 30))), 50, verify=False))
    assert report.run.interrupted
    assert 20 <= report.run.steps < 50
    assert len(report.history.losses) == report.run.steps
    assert any(g.reason == "Ctrl-C" for g in report.gaps)
    assert [x.path for x in report.layers]
    assert report.crashed == ()


def test_ctrl_c_of_a_sick_model_still_says_what_is_wrong_and_tries_no_fix() -> None:
    def model() -> nn.Module:
        return nn.Sequential(*sick(), Bomb(press_ctrl_c, 35))

    report = diagnose(target(model), 50, verify=True)
    assert report.run.interrupted
    assert report.verdict is Verdict.SICK
    assert report.causes[0].name == "dead-relu"
    assert report.fixes
    assert {f.verification.status for f in report.fixes} == {Status.NOT_RUN}
    assert all("interrupted" in f.verification.reason for f in report.fixes)


def test_ctrl_c_before_the_first_step_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        diagnose(target(lambda: small(Bomb(press_ctrl_c, 0))), 10, verify=False)


def test_ctrl_c_from_the_progress_callback_counts_as_one() -> None:
    def on_step(step: int, of: int, loss: float) -> None:
        if step == 12:
            raise KeyboardInterrupt

    report = diagnose(target(), 50, verify=False, on_step=on_step)
    assert (report.run.interrupted, report.run.steps) == (True, 12)


@pytest.mark.parametrize("steps", [3, 15, 30])
def test_the_users_exception_at_a_later_step_ends_the_run_with_a_report(steps: int) -> None:
    report = told(diagnose(target(lambda: small(Bomb(fail, steps))), 50, verify=False))
    assert 0 < report.run.steps <= steps
    assert not report.run.interrupted
    assert any("disk of the user is gone" in g.reason for g in report.gaps)
    assert report.verdict is not Verdict.HEALTHY or report.run.steps >= 20


def test_the_users_exception_in_the_first_step_is_theirs() -> None:
    with pytest.raises(UserCodeError, match="disk of the user is gone"):
        diagnose(target(lambda: small(Bomb(fail, 0))), 10, verify=False)


def test_no_hook_stays_on_the_model_after_an_exception() -> None:
    model = small(Bomb(fail, 5))
    diagnose(target(lambda: model), 20, verify=False)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    assert all(p._post_accumulate_grad_hooks in ({}, None) for p in model.parameters())


def test_an_exception_of_ours_while_observing_is_not_blamed_on_the_user() -> None:
    def on_step(step: int, of: int, loss: float) -> None:
        if step == 4:
            raise ZeroDivisionError("a progress bar of ours")

    with pytest.raises(ZeroDivisionError, match="progress bar of ours"):
        diagnose(target(), 10, verify=False, on_step=on_step)


def test_without_a_number_of_steps_it_stops_as_soon_as_it_is_sure() -> None:
    report = diagnose(target(), None, verify=False)
    assert report.verdict is Verdict.HEALTHY
    assert STEPS <= report.run.steps < MOST_STEPS


def test_without_a_number_of_steps_it_stops_at_the_bound_when_never_sure(monkeypatch) -> None:
    monkeypatch.setattr(diagnosing, "STEPS", 10)
    monkeypatch.setattr(diagnosing, "MOST_STEPS", 35)
    report = diagnose(target(data=noise, lr=1e-3), None, verify=False)
    assert report.run.steps == 35


def test_thresholds_replace_those_of_the_rules_in_every_judgment(monkeypatch) -> None:
    asked, judge = [], diagnosing.judge

    def judged(trace, policy=None):
        asked.append(policy.thresholds)
        return judge(trace, policy)

    def judged_at_the_end(trace, policy=None, **said):
        asked.append(policy.thresholds)
        return judge(trace, policy, **said)

    monkeypatch.setattr(diagnosing, "judge", judged)
    monkeypatch.setattr(pipeline, "judge", judged_at_the_end)
    monkeypatch.setattr(diagnosing, "STEPS", 8)
    monkeypatch.setattr(diagnosing, "MOST_STEPS", 30)
    lax = {"GC201": {"dead": 1.0, "nearly_all": 1.0}}
    codes = [f.code for f in diagnose(target(sick), 8, verify=False).findings]
    assert "GC201" in codes
    report = diagnose(target(sick), None, policy=Policy(thresholds=lax, verify=False))
    assert "GC201" not in [f.code for f in report.findings]
    assert [said for said in asked if said] == [lax] * (len(asked) - 1)
    assert len(asked) > 2


@pytest.mark.parametrize("steps", [1, 5])
def test_a_run_too_short_to_judge_is_unsure_and_says_how_many_steps_would_do(steps: int) -> None:
    report = diagnose(target(), steps, verify=False)
    assert report.verdict is Verdict.UNSURE
    assert "--steps" in report.headline
    assert any("--steps" in s for s in report.next_steps)


def test_without_time_only_the_first_fix_is_tried_and_the_others_say_why_not() -> None:
    report = diagnose(target(sick), 30, verify=True, budget=0)
    assert report.verdict is Verdict.SICK
    tried = [f for f in report.fixes if f.verification.status is not Status.NOT_RUN]
    untried = [f for f in report.fixes if f.verification.status is Status.NOT_RUN]
    assert len(tried) == 1
    assert untried
    assert all(f.verification.reason for f in untried)


def test_declined_trials_say_so() -> None:
    report = diagnose(target(sick), 30, verify=False)
    assert all("--no-verify" in f.verification.reason for f in report.fixes)


def test_progress_and_stages_are_told_in_order() -> None:
    stages: list[str] = []
    steps: list[tuple[int, int]] = []
    diagnose(
        target(),
        7,
        verify=False,
        on_step=lambda step, of, loss: steps.append((step, of)),
        on_stage=stages.append,
    )
    assert stages == ["building the model", "training under observation"]
    assert steps == [(i, 7) for i in range(1, 8)]


def test_a_rule_that_crashes_is_in_the_report_and_the_others_are_there(monkeypatch) -> None:
    def broken(trace):
        raise ZeroDivisionError("a rule of ours")
        yield

    bad = Rule(RULES[0].code, RULES[0].name, broken)
    monkeypatch.setattr(engine.judge, "__kwdefaults__", {**_defaults(), "rules": (bad, *RULES[1:])})
    report = told(diagnose(target(sick), 30, verify=False))
    [crash] = report.crashed
    assert "GC101" in crash.where
    assert "a rule of ours" in crash.traceback
    assert "dying-relu" in {f.name for f in report.findings}
    healthy = diagnose(target(), 30, verify=False)
    assert healthy.verdict is Verdict.UNSURE, "with a rule missing nobody knows that it is healthy"


def _defaults() -> dict[str, Any]:
    return dict(engine.judge.__kwdefaults__ or {})


def test_nothing_to_train_cannot_be_diagnosed() -> None:
    with pytest.raises(CannotDiagnoseError):
        diagnose(target(lambda: small().requires_grad_(False)), 5, verify=False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_bad_numbers_in_the_data_are_never_called_healthy(bad: float) -> None:
    def data() -> TensorDataset:
        images, digits = load().tensors
        images = images.clone()
        images[::7, 3] = bad
        return TensorDataset(images, digits)

    report = told(diagnose(target(data=data), 25, verify=False))
    assert report.verdict is Verdict.SICK
    assert report.crashed == ()
