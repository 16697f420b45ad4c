"""What the remedies do to the training around the network."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from gradcheck_cli.records.diagnosis import Cause, Status
from gradcheck_cli.records.finding import Confidence, Finding, Severity
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.optimizing import argument
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.verifying import prove
from tests.support.small import case_of, modules, numbers, proposals, treated


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def finding(severity: Severity) -> Finding:
    return Finding(
        code="X", name="stalled-loss", severity=severity, confidence=Confidence.HIGH, message=""
    )


def optimizer(**options: float) -> object:
    return lambda model: torch.optim.SGD(model.parameters(), **options)


def test_other_learning_rates_are_set_in_every_group() -> None:
    target, case = case_of(small, "learning-rate-too-low", optimizer=optimizer(lr=1e-5))
    rates = []
    for proposal in proposals(case, "raise-learning-rate"):
        assert proposal.change is not None
        rates += [g["lr"] for g in target.build([proposal.change]).optimizers[0].param_groups]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_the_rate_of_a_schedule_is_the_one_that_was_configured(tmp_path: Path) -> None:
    _, case = case_of(small, "learning-rate-too-high", optimizer=optimizer(lr=0.1))
    [made] = case.training.optimizers
    torch.optim.lr_scheduler.OneCycleLR(made, max_lr=300.0, total_steps=9)
    found = proposals(case, "lower-learning-rate")
    assert found[0].fix.summary == "Learning rate 30 instead of 300."
    [edit] = found[0].edits
    source = (
        "from torch.optim import SGD\nopt = SGD(w, lr=0.1)\nplan = OneCycleLR(opt, max_lr=300.0)\n"
    )
    (tmp_path / "train.py").write_text(source)
    editor = Editor.open(tmp_path / "train.py", "train.py")
    argument(editor, editor.module, edit)
    assert editor.after().decode() == source.replace("300.0", "30")


def test_adaptive_optimizers_are_not_offered_rates_that_never_work() -> None:
    adam = lambda model: torch.optim.Adam(model.parameters(), lr=1e-3)  # noqa: E731
    _, case = case_of(small, "learning-rate-too-low", optimizer=adam)
    assert len(proposals(case, "raise-learning-rate")) == 1


@pytest.mark.parametrize(("rate", "tried"), [(1e-3, ["0.0001", "0.01"]), (0.5, ["0.05"])])
def test_repairs_of_the_wiring_come_with_a_larger_rate_too(rate: float, tried: list[str]) -> None:
    heads = lambda model: torch.optim.SGD(model[2].parameters(), lr=rate)  # noqa: E731
    _, case = case_of(small, "optimizer-misses-parameters", optimizer=heads)
    found = propose(case.training, case.trace, [case.cause], [finding(Severity.ERROR)])
    rates = [p.fix.summary.split("rate ")[1].split()[0] for p in found if "With" in p.fix.summary]
    assert sorted(rates) == tried


def test_the_rate_grows_over_the_first_steps() -> None:
    target, case = case_of(small, "learning-rate-too-high")
    change = proposals(case, "warm-up")[0].change
    assert change is not None
    training = target.build([change])
    seen = []
    for _ in range(3):
        training.step()
        seen.append(training.optimizers[0].param_groups[0]["lr"])
    assert seen == pytest.approx([0.001, 0.002, 0.003])


def test_a_limit_on_the_gradient_is_undone_wherever_it_was_set() -> None:
    def clipping(model: nn.Module) -> torch.optim.Optimizer:
        made = torch.optim.SGD(model.parameters(), lr=0.1)

        def clip(*_: object) -> None:
            nn.utils.clip_grad_norm_(model.parameters(), 1e-6)

        made.register_step_pre_hook(clip)
        return made

    target, case = case_of(small, "clipping-too-strong", optimizer=clipping)
    before = target.build().model[0].weight.clone()
    assert torch.allclose(_stepped(target.build()), before, atol=1e-6)
    change = proposals(case, "loosen-clipping")[0].change
    assert change is not None
    assert not torch.allclose(_stepped(target.build([change])), before, atol=1e-4)


def _stepped(training: object) -> Tensor:
    training.step()
    return training.model[0].weight.detach()


def test_inputs_are_standardized_with_the_numbers_of_the_data() -> None:
    inputs = torch.rand(64, 8) * 255
    seen: list[Tensor] = []

    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return self.last(x)

    target, case = case_of(
        Looking, "unnormalized-input", data=TensorDataset(inputs, torch.randint(3, (64,)))
    )
    whole, each = proposals(case, "standardize-inputs")
    treated(target, whole)
    assert abs(seen[-1].mean()) < 0.2
    assert seen[-1].std().item() == pytest.approx(1, rel=0.1)
    model = treated(target, each).model
    assert len(modules(model, nn.BatchNorm1d)) == 1
    assert [edit.new for edit in each.edits] == ["nn.BatchNorm1d(8, affine=False)"]


def test_output_and_target_are_brought_to_one_shape() -> None:
    losses: list[tuple[int, ...]] = []

    def squared(output: Tensor, target: Tensor) -> Tensor:
        losses.append(tuple((output - target).shape))
        return (output - target).square().mean()

    target, case = case_of(
        lambda: nn.Linear(8, 1),
        "target-shape-broadcast",
        data=TensorDataset(torch.randn(64, 8), torch.randn(64)),
        loss=squared,
    )
    assert losses[-1] == (32, 32)
    treated(target, proposals(case, "match-target-shape")[0])
    assert losses[-1] == (32,)


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("most", "code"), [(3, "one_hot"), (1, "assert output.shape")])
def test_one_number_for_several_outputs_is_advice_with_its_code(most: float, code: str) -> None:
    labels = torch.arange(64)[:, None] % 4 * most / 3
    data = TensorDataset(torch.randn(64, 8), labels)
    name = "target-shape-broadcast"
    _, case = case_of(lambda: nn.Linear(8, 4), name, data=data, loss="mse_loss")
    [advice] = proposals(case, "match-target-shape")
    assert code in advice.fix.code
    assert advice.change is None
    assert advice.cannot


def test_decay_is_lowered() -> None:
    target, case = case_of(
        small, "weight-decay-too-strong", optimizer=optimizer(lr=0.1, weight_decay=1.0)
    )
    usual, none = proposals(case, "lower-weight-decay")
    for proposal, value in ((usual, 1e-4), (none, 0.0)):
        group = treated(target, proposal).optimizers[0].param_groups[0]
        assert group["weight_decay"] == value


def test_frozen_parameters_learn_again() -> None:
    def frozen() -> nn.Module:
        model = small()
        model[0].requires_grad_(requires_grad=False)
        return model

    target, case = case_of(frozen, "frozen-parameters")
    [proposal] = proposals(case, "unfreeze")
    model = treated(target, proposal).model
    assert all(p.requires_grad for p in model.parameters())
    assert proposal.fix.layers == ("0",)


def test_forgotten_parameters_are_optimized() -> None:
    target, case = case_of(
        small,
        "optimizer-misses-parameters",
        optimizer=lambda model: torch.optim.SGD(model[2].parameters(), lr=0.1),
    )
    [proposal] = proposals(case, "optimize-all-parameters")
    training = treated(target, proposal)
    held = {id(p) for g in training.optimizers[0].param_groups for p in g["params"]}
    assert held == {id(p) for p in training.model.parameters()}
    assert proposal.fix.layers == ("0",)


def test_modules_in_plain_containers_are_registered() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(8, 8), nn.ReLU()]
            self.heads = {"one": nn.Linear(8, 3)}

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return self.heads["one"](x)

    class Whole(Listed):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * self.scale

    target, case = case_of(Whole, "unregistered-modules")
    [proposal] = proposals(case, "register-modules")
    training = treated(target, proposal)
    assert len(list(training.model.parameters())) == 5
    assert len(training.optimizers[0].param_groups[0]["params"]) == 5
    assert isinstance(training.model.heads, nn.ModuleDict)


def test_weights_are_kept_in_full_precision() -> None:
    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(8, 3, dtype=torch.bfloat16)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x.to(torch.bfloat16)).float()

    target, case = case_of(Narrow, "low-precision")
    model = treated(target, proposals(case, "keep-full-precision")[0]).model
    assert model.last.weight.dtype is torch.float32


def applied(value: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    return function(value)  # the line does not name what it calls


class Cut(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.how == "detach":
            x = x.detach()
        elif self.how == "data":
            x = x.data
        elif self.how == "round":
            x = torch.round(x)
        elif self.how == "detached by a function":
            x = applied(x, Tensor.detach)
        elif self.how == "apply":
            x = applied(x, torch.round)
        elif self.how == ">":
            x = (x > 0).to(x)
        elif self.how == "<=":
            x = (x <= 0.0).float()
        else:
            x = x.argmax(1, keepdim=True) + torch.zeros(8)
        return self.last(x)


@pytest.mark.parametrize("how", ["detach", "data", "round"])
def test_the_gradient_passes_where_it_was_cut(how: str) -> None:
    target, case = case_of(lambda: Cut(how), "detached-graph")
    healing = [p for p in proposals(case, "reconnect-graph") if how in p.fix.summary]
    weight = treated(target, healing[0]).model.first.weight
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0
    assert any(p.fix.at and p.fix.at.file.endswith("test_training_changes.py") for p in healing)


def test_a_cut_that_nobody_can_heal_is_advice_with_its_place() -> None:
    _, case = case_of(lambda: Cut("argmax"), "non-differentiable-operation")
    [advice] = [p for p in proposals(case, "reconnect-graph") if "argmax" in p.fix.summary]
    assert advice.change is None
    assert advice.cannot
    assert advice.fix.at is not None


@pytest.mark.parametrize(("how", "sign"), [("apply", 1), (">", 1), ("<=", -1)])
def test_a_step_is_as_before_and_hands_the_gradient_on(how: str, sign: int) -> None:
    target, case = case_of(lambda: Cut(how), "non-differentiable-operation")
    [proposal] = proposals(case, "reconnect-graph")
    assert proposal.change is not None
    assert proposal.edits == ()
    before = target.build().model
    after = target.build([proposal.change]).model
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))
    after(x).sum().backward()
    arriving = after.last.weight.sum(0)  # of the gradient at what the step returned
    assert torch.allclose(after.first.bias.grad, sign * 4 * arriving, atol=1e-5)


def test_a_function_that_detaches_is_healed_where_it_is_called() -> None:
    target, case = case_of(lambda: Cut("detached by a function"), "detached-graph")
    [proposal] = proposals(case, "reconnect-graph")
    assert proposal.edits == ()  # the line does not say detach
    assert treated(target, proposal).model.first.weight.grad.abs().sum() > 0


@pytest.mark.heavy
def test_a_comparison_that_makes_a_mask_cannot_be_healed_and_says_so() -> None:
    class Masked(Cut):
        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.last(torch.ones_like(x).masked_fill(x > 0, 0.0))

    target, case = case_of(lambda: Masked(""), "non-differentiable-operation")
    [proposal] = proposals(case, "reconnect-graph")
    [tried] = prove(target, [proposal], budget=1.0)
    assert tried.fix.verification.status is Status.NOT_RUN
    assert "cannot be run" in tried.fix.verification.reason


@pytest.mark.parametrize("cause", ["labels-without-signal", "degenerate-data"])
def test_it_says_when_no_change_of_the_network_can_help(cause: str) -> None:
    _, case = case_of(small, cause)
    [advice] = proposals(case, "check-data")
    assert advice.change is None
    assert "no change of the network can help" in advice.cannot


def test_a_healthy_model_is_offered_nothing() -> None:
    _, case = case_of(small, "learning-rate-too-low")
    assert propose(case.training, case.trace, [case.cause], []) == ()
    assert propose(case.training, case.trace, [case.cause], [finding(Severity.NOTE)]) == ()


def test_the_remedy_that_is_best_for_a_cause_comes_first() -> None:
    _, case = case_of(small, "init-too-small")
    made = propose(case.training, case.trace, [case.cause], [finding(Severity.ERROR)])
    assert made[0].fix.name == "initialize"
    assert made[0].fix.treats == "init-too-small"


def test_an_unlikely_cause_is_not_treated() -> None:
    _, case = case_of(small, "init-too-small")
    rival = Cause(name="learning-rate-too-high", explains=(), score=0.05)
    made = propose(case.training, case.trace, [case.cause, rival], [finding(Severity.ERROR)])
    assert {p.fix.treats for p in made} == {"init-too-small"}


def test_every_code_that_is_offered_is_python() -> None:
    _, case = case_of(small, "init-too-small", data=numbers())
    causes = [
        Cause(name=name, explains=(), score=1.0)
        for name in ("init-too-small", "dead-relu", "learning-rate-too-high", "degenerate-data")
    ]
    for proposal in propose(case.training, case.trace, causes, [finding(Severity.ERROR)]):
        compile(proposal.fix.code, proposal.fix.name, "exec")


def test_the_best_changes_are_proposed_again_with_a_rate_of_their_own() -> None:
    target, case = case_of(lambda: nn.Sequential(nn.Linear(8, 3)), "init-too-small")
    said = propose(case.training, case.trace, [case.cause], [finding(Severity.ERROR)])
    [first] = [p for p in said if p.fix.name == "initialize" and p.part != "all"]
    [again] = [p for p in said if p.fix.name == "initialize" and p.part == "all"]
    assert "With learning rate 0.01 instead of 0.1" in again.fix.summary
    assert again.size == first.size + 1
    assert again.change is not None
    assert target.build([again.change]).optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["initialize", "initialize-orthogonally"])
def test_printed_code_draws_the_weights_that_were_tested(name: str) -> None:
    target, case = case_of(small, "init-too-small")
    made = propose(case.training, case.trace, [case.cause], [finding(Severity.ERROR)])
    [proposal] = [p for p in made if p.fix.name == name and p.part != "all"]
    assert proposal.change is not None
    assert proposal.change.model is not None
    tested, printed = target.build().model, target.build().model
    torch.manual_seed(0)
    proposal.change.model(tested)
    torch.manual_seed(0)
    exec(proposal.fix.code, {"model": printed, "nn": nn, "torch": torch})
    for one, other in zip(tested.parameters(), printed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)  # gains are printed rounded
