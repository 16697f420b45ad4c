"""A fix is a claim until it has been tried beside an untouched control and a sham."""

import copy
import math
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.diagnosis import Arm, Basis, Cause, Fix, Status, Verification
from gradcheck_cli.records.finding import Confidence, Finding, Severity
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.change_learning_rate import scaled
from gradcheck_cli.targets.batches import narrowed
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.target import Target
from gradcheck_cli.verifying import declined, estimate, prove, reconsidered
from gradcheck_cli.verifying.arms import Run
from gradcheck_cli.verifying.bench import Bench, Trial, sham
from gradcheck_cli.verifying.trying import _in_order, _judge, _search
from sample_models.digits import load

STALLED = Finding(
    code="GC403",
    name="stalled-loss",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    message="the loss does not fall",
)


def deep_sigmoid() -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(64, 32), nn.Sigmoid()]
    for _ in range(5):
        layers += [nn.Linear(32, 32), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def sick() -> Target:
    return Target.of(model=deep_sigmoid, data=load(), optimizer=adam, device="cpu")


def proposal(name: str, change: Change | None, *, size: int = 1, part: str = "") -> Proposal:
    fix = Fix(name=name, treats="saturating-activation", risk="review", summary=name, why="")
    cannot = "" if change else "only a person can do it"
    return Proposal(fix=fix, change=change, size=size, part=part, cannot=cannot)


def edit(act: Callable[[nn.Module], None]) -> Change:
    def each(model: nn.Module) -> None:
        for module in model.modules():
            act(module)

    return Change(summary="planted", model=each)


def rectify(model: nn.Module) -> None:
    for name, module in list(model.named_children()):
        if isinstance(module, nn.Sigmoid):
            setattr(model, name, nn.LeakyReLU())


def redraw(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        module.reset_parameters()


def silence(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=30)


CURE = proposal("cure", Change(summary="leaky", model=rectify))


def only(
    *proposals: Proposal,
    target: Target | None = None,
    budget: float = 30.0,
    say: Callable[[str], None] | None = None,
) -> list[Fix]:
    subject = target or sick()
    known: dict[str, Any] = {"baseline": [STALLED], "observed": 30, "lengths": (90,)}
    tried = prove(subject, proposals, budget=budget, on_progress=say, **known)
    return [p.fix for p in tried]


@pytest.mark.heavy
def test_a_cure_is_verified_with_effect_spread_and_three_arms_and_its_variants_are_let_be() -> None:
    progress: list[str] = []
    twin = proposal("cure", Change(summary="leaky", model=rectify), size=2)
    [fix] = only(CURE, twin, say=progress.append)
    assert sum(line.startswith("trying cure") for line in progress) == 2
    assert sum(line.startswith("confirming cure") for line in progress) == 1
    said = fix.verification
    assert said.status is Status.VERIFIED, said.reason
    assert said.effect is not None
    assert said.effect > 0.3
    assert said.spread is not None
    assert [arm.name for arm in said.arms] == ["control", "sham", "treated"]
    assert all(len(arm.held_out) == len(said.seeds) == 6 for arm in said.arms)
    assert all(len(curve) > 10 for arm in said.arms for curve in arm.curves)
    assert said.arms[2].findings == ()


@pytest.mark.heavy
def test_drawing_the_weights_again_is_never_verified() -> None:
    [fix] = only(proposal("redraw", edit(redraw)))
    assert fix.verification.status is Status.INEFFECTIVE


@pytest.mark.heavy
def test_drawing_again_is_not_verified_where_the_control_learns_either() -> None:
    healthy = Target.of(
        model=lambda: nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)),
        data=load(),
        optimizer=adam,
        device="cpu",
    )
    [fix] = only(proposal("redraw", edit(redraw)), target=healthy)
    assert fix.verification.status is Status.INEFFECTIVE


@pytest.mark.heavy
def test_a_change_without_effect_is_ineffective() -> None:
    [fix] = only(proposal("placebo", Change(summary="nothing", model=lambda _: None)))
    assert fix.verification.status is Status.INEFFECTIVE
    assert fix.verification.effect is not None
    assert fix.verification.effect <= 0.01


@pytest.mark.heavy
def test_a_change_that_makes_it_worse_is_harmful() -> None:
    [fix] = only(proposal("poison", edit(silence)))
    assert fix.verification.status is Status.HARMFUL


@pytest.mark.heavy
def test_a_change_that_breaks_the_code_says_so_and_does_not_stop_the_others() -> None:
    def break_it(model: nn.Module) -> None:
        model.append(nn.Linear(3, 3))

    broken = proposal("broken", Change(summary="", model=break_it))
    best, other = only(broken, CURE)
    assert best.name == "cure"
    assert other.verification.status is Status.NOT_RUN
    assert "cannot be run" in other.verification.reason


def test_what_breaks_the_training_comes_last_and_what_could_not_be_tried_before_what_failed() -> (
    None
):
    could_not = Verification(reason="no time was left to try it")
    said = {
        "broken": replace(could_not, arms=(Arm(name="treated"),)),
        "useless": Verification(status=Status.INEFFECTIVE, arms=(Arm(name="treated"),)),
        "untried": could_not,
    }
    trials = [Trial(proposal(name, CURE.change), [], each) for name, each in said.items()]
    assert [t.proposal.fix.name for t in _in_order(trials)] == ["untried", "useless", "broken"]


@pytest.mark.parametrize(("score", "order"), [(1.0, "cure data rate"), (0.6, "cure rate data")])
def test_data_seen_to_be_wrong_are_repaired_before_what_only_helps_a_little(
    score: float, order: str
) -> None:
    repair = replace(proposal("data", CURE.change), cannot="mend them", part="data", score=score)
    said = {"rate": Status.HELPS_PARTLY, "cure": Status.VERIFIED}
    trials = [Trial(repair, [], Verification(reason="mend them"))]
    for name, status in said.items():
        trials.append(Trial(proposal(name, CURE.change), [], Verification(status=status)))
    assert [t.proposal.fix.name for t in _in_order(trials)] == order.split()


@pytest.mark.heavy
def test_the_smaller_of_two_equally_good_changes_comes_first() -> None:
    larger = proposal("larger", Change(summary="leaky", model=rectify), size=4)
    assert [fix.name for fix in only(larger, CURE)] == ["cure", "larger"]


@pytest.mark.heavy
def test_a_change_that_fails_at_a_later_seed_makes_room_for_the_next() -> None:
    def unlucky(model: nn.Module) -> None:
        rectify(model)
        if torch.initial_seed() == 4:
            model.apply(silence)

    lucky = proposal("lucky", Change(summary="leaky, but for one seed", model=unlucky))
    larger = proposal("cure", CURE.change, size=4)
    first, second = only(lucky, larger)
    assert (first.name, first.verification.status) == ("cure", Status.VERIFIED)
    assert (second.name, second.verification.status) == ("lucky", Status.HELPS_PARTLY)
    assert "5 of 6 seeds" in second.verification.reason


@dataclass(slots=True)
class Decided(Bench):
    """A bench on which it is known how far each trial gets: for how many seeds it holds."""

    holds: dict[str, int] = field(default_factory=dict)

    def merit(self, trial: Trial) -> tuple[bool, float, int]:
        return True, 0.5, 0

    def confirm(self, trial: Trial, seeds: int, watched: int = 2) -> None:
        self.repeat(trial, seeds)

    def repeat(self, trial: Trial, seeds: int) -> None:
        held = self.holds[trial.proposal.fix.summary] >= seeds
        status = Status.VERIFIED if held else Status.HELPS_PARTLY
        trial.runs = [Run(seed) for seed in range(seeds)]
        trial.verification = Verification(status=status, seeds=tuple(range(seeds)))


def test_a_variant_takes_the_place_of_one_that_fails_at_a_later_seed() -> None:
    fixes = [replace(CURE, fix=replace(CURE.fix, summary=name)) for name in ("lucky", "sound")]
    trials = [Trial(fix, [Run(0)]) for fix in fixes]
    bench = Decided(sick(), (), (0,), math.inf, 30, holds={"lucky": 5, "sound": 6})
    _judge(bench, trials, trials, (90,), math.inf, lambda _: None)
    assert [t.verification.status for t in trials] == [Status.HELPS_PARTLY, Status.VERIFIED]
    assert [len(t.runs) for t in trials] == [6, 6]


@dataclass(slots=True)
class Gaining(Bench):
    """A bench on which each trial gains a known share per hundred steps; a step takes a second."""

    gains: dict[str, float] = field(default_factory=dict)

    def probe(self, trial: Trial) -> None:
        trial.runs = [Run(0, curve=[0.0] * self.steps)]
        self.searched, self.taken = 1.0 * self.steps, self.steps

    def merit(self, trial: Trial) -> tuple[bool, float, int]:
        gained = self.gains[trial.proposal.fix.summary] * len(trial.runs[0].curve) / 100
        return gained > 0.01, round(gained, 1), 0


def test_what_helps_against_a_fact_is_confirmed_first_and_time_is_left_for_that() -> None:
    trials = [
        Trial(replace(CURE, score=score, fix=replace(CURE.fix, summary=name)))
        for name, score in (("sign", 0.8), ("fact", 1.0), ("useless", 1.0))
    ]

    def searched(seconds: float, **gains: float) -> tuple[list[str], int]:
        bench, end = Gaining(sick(), (), (0,), 0.0, 30, gains=gains), time.monotonic() + seconds
        found = _search(bench, trials, (100, 300, 1000), end, lambda _: None)
        return [trial.proposal.fix.summary for trial in found], bench.steps

    some = {"sign": 0.08, "fact": 0.05, "useless": 0.0}
    order = ["fact", "sign", "useless"]
    assert searched(1e6, **some) == (order, 1000)
    assert searched(2e3, **some) == (order, 300)
    assert searched(2e3, **dict.fromkeys(some, 0.0))[1] == 1000  # nothing helps: it is too early
    assert searched(1e6, **{**some, "sign": 0.4})[1] == 100


@pytest.mark.heavy
def test_combinations_are_not_tried_when_a_single_change_suffices() -> None:
    both = proposal("both", Change(summary="leaky", model=rectify), part="all")
    _, fix = only(both, CURE)
    assert fix.verification.reason == "not tried, because a simpler change suffices"


@pytest.mark.heavy
def test_combinations_are_tried_when_single_changes_fail() -> None:
    both = proposal("both", Change(summary="leaky", model=rectify), part="all")
    placebo = proposal("placebo", Change(summary="nothing", model=lambda _: None))
    best, _ = only(placebo, both, budget=30)
    assert (best.name, best.verification.status) == ("both", Status.VERIFIED)


def test_combinations_are_not_begun_when_the_time_is_spent() -> None:
    both = proposal("both", Change(summary="leaky", model=rectify), part="all")
    placebo = proposal("placebo", Change(summary="nothing", model=lambda _: None))
    tried = {fix.name: fix.verification for fix in only(placebo, both, budget=0.0)}
    assert tried["placebo"].seeds
    assert tried["both"].reason == "no time was left to try it"


@pytest.mark.heavy
def test_a_change_is_tried_with_the_rate_that_helps_where_neither_is_enough_alone() -> None:
    def wild(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=3.0)

    target = Target.of(model=deep_sigmoid, data=load(), optimizer=wild, device="cpu")
    slow = [
        proposal(f"Learning rate {3 * factor:g}.", scaled(factor), part="rate")
        for factor in (1e-3, 1e-6)
    ]
    best, *_ = only(*slow, CURE, target=target, budget=60)
    assert best.summary == "cure With learning rate 0.003."
    assert best.verification.status is Status.VERIFIED


def test_advice_is_kept_with_the_reason_why_it_was_not_tried() -> None:
    [fix] = only(proposal("advice", None))
    assert fix.verification.status is Status.NOT_RUN
    assert fix.verification.reason == "only a person can do it"


def test_fixes_that_nobody_wants_tried_keep_their_order_and_say_so() -> None:
    proposals = declined([CURE, proposal("other", edit(redraw))], "declined with --no-verify")
    fixes = [p.fix for p in proposals]
    assert [fix.name for fix in fixes] == ["cure", "other"]
    assert {fix.verification.reason for fix in fixes} == {"declined with --no-verify"}


def test_at_least_one_candidate_is_tried_whatever_the_budget() -> None:
    first, second = only(CURE, proposal("redraw", edit(redraw)), budget=0.0)
    assert len(first.verification.seeds) == 2
    assert first.verification.status is Status.VERIFIED
    assert second.verification.status is Status.NOT_RUN
    assert "no time" in second.verification.reason


def test_what_was_tried_of_a_remedy_is_shown_before_what_was_not() -> None:
    placebo = Change(summary="nothing", model=lambda _: None)
    [fix] = only(proposal("same", placebo), proposal("same", CURE.change), budget=0.0)
    assert fix.verification.status is Status.INEFFECTIVE
    assert len(fix.verification.arms) == 3


def test_the_estimate_stays_within_the_budget() -> None:
    assert estimate(1e-3, 5, 60.0) < 10
    assert estimate(1.0, 5, 60.0) == 60.0


def test_the_sham_keeps_the_distribution_of_a_model_that_always_comes_out_the_same() -> None:
    model = deep_sigmoid()
    target = Target.of(model=model, data=load(), optimizer=adam, device="cpu")
    twin = copy.deepcopy(model)
    change = sham(target, 0)
    assert change.model is not None
    change.model(twin)
    before, after = model[0].weight.flatten(), twin[0].weight.flatten()
    assert not torch.equal(before, after)
    assert torch.equal(before.sort().values, after.sort().values)


def test_the_users_model_optimizer_data_and_chance_stay_as_they_were() -> None:
    model = deep_sigmoid()
    optimizer = adam(model)
    images, digits = load().tensors
    target = Target.of(
        model=model, data=TensorDataset(images, digits), optimizer=optimizer, device="cpu"
    )
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), images, digits))
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
    torch.manual_seed(5)
    random.seed(5)
    chance = (torch.get_rng_state(), random.getstate())
    prove(target, [CURE], budget=2.0, baseline=[STALLED])
    assert torch.equal(torch.get_rng_state(), chance[0])
    assert random.getstate() == chance[1]
    after = (model.state_dict(), optimizer.state_dict(), images, digits)
    assert str(before) == str(after)
    assert all(
        torch.equal(a, b) for a, b in zip(before[0].values(), after[0].values(), strict=True)
    )
    assert torch.equal(before[2], images)
    assert torch.equal(before[3], digits)
    assert all(p.grad is None for p in model.parameters())
    assert [type(m) for m in model] == [type(m) for m in deep_sigmoid()]
    assert hooks == sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.heavy
def test_fixes_can_be_tried_on_a_part_of_each_batch() -> None:
    whole = sick()
    sizes: set[int] = set()

    def watched(module: nn.Module) -> None:
        module.register_forward_pre_hook(lambda _, inputs: sizes.add(len(inputs[0])))

    change = Change(summary="watched", model=watched)
    training = whole.on(4).build([change], hold_out=True)
    training.step()
    training.evaluate(2)
    assert sizes == {4}
    assert whole.on(None) == whole
    [fix] = only(CURE, target=whole.on(16))
    assert fix.verification.status is Status.VERIFIED


def test_a_batch_that_cannot_be_parted_is_refused_in_one_line() -> None:
    uneven = [(torch.zeros(8, 64), torch.zeros(3, dtype=torch.long))]
    with pytest.raises(UsageError, match=r"--verify-on: a batch of .* cannot be parted"):
        next(narrowed(iter(uneven), 2))


def test_the_report_says_on_what_fixes_were_tried() -> None:
    said: list[str] = []
    report = diagnose(sick(), 30, budget=3.0, verify_on=8, on_stage=said.append)
    assert "fixes were tried on 8 samples of each batch" in report.assumptions
    assert any(re.fullmatch(r"trying \d+ fixes, about \d+ s \(--no-verify .*\)", x) for x in said)


@pytest.mark.heavy
def test_two_verifications_give_the_same_numbers() -> None:
    placebo = proposal("placebo", Change(summary="nothing", model=lambda _: None))
    one, other = only(CURE, placebo), only(CURE, placebo)
    assert [f.verification.effect for f in one] == [f.verification.effect for f in other]


def cause(name: str, score: float) -> Cause:
    return Cause(name=name, explains=("GC101",), score=score, reasons=("it looks like it",))


def tried(name: str, treats: str, status: Status, effect: float = 0.0) -> Fix:
    said = Verification(status=status, effect=effect, seeds=(0, 1))
    return Fix(name=name, treats=treats, risk="safe", summary="", why="", verification=said)


def test_a_confirmed_cause_outranks_any_score_and_a_refuted_one_falls_behind() -> None:
    causes = [cause("refuted", 0.95), cause("untested", 0.9), cause("confirmed", 0.3)]
    fixes = [
        tried("cure", "confirmed", Status.VERIFIED, 0.6),
        tried("placebo", "refuted", Status.INEFFECTIVE),
    ]
    ranked = reconsidered(causes, fixes)
    assert [c.name for c in ranked] == ["confirmed", "untested", "refuted"]
    assert ranked[0].score > 0.8
    assert ranked[0].reasons[-1].startswith("confirmed by experiment: cure")
    assert ranked[1] == causes[1]
    assert ranked[2].score < 0.3


def test_a_fix_that_helps_against_much_confirms_little() -> None:
    causes = [cause("init-too-small", 0.8), cause("depth-without-normalization", 0.4)]
    fixes = [tried("insert-normalization", "depth-without-normalization", Status.VERIFIED, 0.5)]
    first, second = reconsidered(causes, fixes)
    assert first.name == "init-too-small"
    assert 0.4 < second.score < 0.8


def test_of_two_confirmed_causes_the_one_whose_fix_does_more_is_likelier() -> None:
    causes = [cause("weaker", 0.5), cause("stronger", 0.5)]
    fixes = [
        tried("some", "weaker", Status.VERIFIED, 0.3),
        tried("much", "stronger", Status.VERIFIED, 0.9),
    ]
    first, second = reconsidered(causes, fixes)
    assert (first.name, second.name) == ("stronger", "weaker")
    assert second.score > 0.5


def test_a_cause_without_which_the_run_was_seen_to_learn_is_not_refuted_by_a_trial() -> None:
    seen = replace(cause("rate", 0.9), basis=Basis.EXPERIMENT)
    failed = tried("lower", "rate", Status.HARMFUL)
    [kept] = reconsidered([seen], [failed], {"rate"})
    assert (kept.score, kept.basis) == (0.9, Basis.EXPERIMENT)
    assert kept.reasons[-1].startswith("lower did not help in the trials")
    [refuted] = reconsidered([seen], [failed])
    assert refuted.basis is Basis.SIGNS


def test_a_mistake_of_the_loop_is_not_refuted_by_a_short_trial() -> None:
    made = replace(cause("checkpoint-cuts-gradient", 1.0), basis=Basis.FACT)
    other = replace(cause("detached-graph", 0.7), basis=Basis.EXPERIMENT)
    failed = tried("mend-loop", "checkpoint-cuts-gradient", Status.INEFFECTIVE)
    first, _ = reconsidered([made, other], [failed], {"detached-graph"})
    assert (first.name, first.score, first.basis) == (made.name, 1.0, Basis.FACT)


def test_a_cause_is_not_refuted_by_what_was_hardly_tried() -> None:
    once = Verification(status=Status.INEFFECTIVE, seeds=(0,))
    fix = Fix(name="x", treats="a", risk="safe", summary="", why="", verification=once)
    assert reconsidered([cause("a", 0.9)], [fix]) == (cause("a", 0.9),)


@pytest.mark.heavy
def test_little_memory_changes_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    placebo = proposal("placebo", Change(summary="nothing", model=lambda _: None))
    rich = only(placebo, CURE)
    monkeypatch.setattr("gradcheck_cli.verifying.memory.MANY", 3)
    poor = only(placebo, CURE)
    assert [f.verification.arms for f in rich] == [f.verification.arms for f in poor]


def test_a_training_that_does_not_fit_is_not_tried_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gradcheck_cli.verifying.memory.free", lambda _: 1000)
    [fix] = only(CURE)
    assert fix.verification.status is Status.NOT_RUN
    assert "GiB are free" in fix.verification.reason
