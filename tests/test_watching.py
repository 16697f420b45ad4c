"""`with watch(model, optimizer)` around loops of all kinds, in this process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

import gradcheck_cli
from gradcheck_cli import watch
from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.watching import Watch


def deep_sigmoid(depth: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))


def healthy() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 32), nn.LeakyReLU(), nn.Linear(32, 4))


def batches(number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(number):
        x = torch.randn(32, 8, generator=generator)
        yield x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int = 40,
    between: Callable[[int], None] = lambda _: None,
) -> None:
    for index, (x, y) in enumerate(batches(steps)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        between(index)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def watched(model: nn.Module, steps: int = 40, **options: object) -> Watch:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, **options) as w:
        train(model, optimizer, steps)
    return w


def test_the_report_names_the_fault_and_its_cause() -> None:
    report = watched(deep_sigmoid()).report()
    assert "vanishing-gradient" in {f.name for f in report.findings}
    assert report.causes[0].name == "saturating-activation"
    assert report.run.steps == 40
    assert report.run.optimizer == "SGD"
    assert report.fixes
    assert all("no steps were recorded" in f.verification.reason for f in report.fixes)


def test_a_network_that_learns_is_healthy() -> None:
    report = watched(healthy(), 60).report()
    assert report.verdict == "healthy", report.headline
    assert report.next_steps == ()


def test_watching_changes_neither_weights_nor_chance() -> None:
    runs = []
    for watching in (False, True):
        model = nn.Sequential(deep_sigmoid(), nn.Dropout(0.5))
        optimizer = torch.optim.Adam(model.parameters())
        torch.manual_seed(3)
        if watching:
            with watch(model, optimizer):
                train(model, optimizer)
        else:
            train(model, optimizer)
        runs.append((weights(model), torch.random.get_rng_state()))
    assert all(torch.equal(a, b) for a, b in zip(runs[0][0], runs[1][0], strict=True))
    assert torch.equal(runs[0][1], runs[1][1])


def test_nothing_is_left_behind_even_after_an_exception() -> None:
    from torch.nn.modules import module
    from torch.optim import optimizer as optimizers
    from torch.overrides import _len_torch_function_stack

    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = (torch.autograd.backward, torch.optim.Optimizer.__init__)

    def fail(index: int) -> None:
        if index == 3:
            raise RuntimeError("theirs")

    with pytest.raises(RuntimeError, match="theirs"), watch(model, optimizer) as w:
        train(model, optimizer, between=fail)
    assert w.steps == 4
    assert (torch.autograd.backward, torch.optim.Optimizer.__init__) == before
    assert not module._global_forward_hooks
    assert not module._global_forward_pre_hooks
    assert not optimizers._global_optimizer_pre_hooks
    assert not optimizers._global_optimizer_post_hooks
    assert _len_torch_function_stack() == 0
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())


def test_findings_arrive_while_it_trains_and_may_end_the_loop() -> None:
    class StopError(Exception):
        pass

    told: list[Finding] = []

    def stop(finding: Finding) -> None:
        told.append(finding)
        if finding.name == "vanishing-gradient":
            raise StopError

    model = deep_sigmoid()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(StopError), watch(model, optimizer, on_finding=stop) as w:
        train(model, optimizer, 400)
    assert w.steps < 100
    assert [f.name for f in told].count("vanishing-gradient") == 1
    assert w.report().run.steps == w.steps


def test_findings_can_be_asked_for_at_any_step() -> None:
    model = deep_sigmoid()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen: dict[int, set[str]] = {}
    with watch(model, optimizer) as w:
        assert w.findings == ()
        train(model, optimizer, 30, lambda i: seen.update({i: {f.name for f in w.findings}}))
    assert "vanishing-gradient" in seen[29]


def test_evaluations_in_between_are_not_training() -> None:
    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    large = torch.full((500, 8), 1e3)

    def evaluate(_: int) -> None:
        model.eval()
        with torch.no_grad():
            model(large)
        model(large)  # someone forgot no_grad
        model.train()

    with watch(model, optimizer) as w:
        train(model, optimizer, 30, evaluate)
    trace = w._everywhere.sessions[0].trace()
    assert trace.data.batch_size == 32
    assert trace.data.input_peak < 10
    assert trace.cuts == ()
    outputs = [s.readings["0"].output for s in trace.observed]
    assert {m.count for m in outputs} == {32 * 32}


def test_several_backward_passes_make_one_step_whose_loss_is_their_sum() -> None:
    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    expected = []
    with watch(model, optimizer) as w:
        for _ in range(12):
            total = 0.0
            optimizer.zero_grad()
            for x, y in batches(4):
                loss = nn.functional.cross_entropy(model(x), y) / 4
                loss.backward()
                total += loss.item()
            optimizer.step()
            expected.append(total)
    steps = w._everywhere.sessions[0].trace().steps
    assert [s.loss for s in steps] == pytest.approx(expected, rel=1e-6)
    assert steps[0].readings["0"].output.count == 4 * 32 * 32


def test_a_scaled_loss_is_reported_as_it_was_before_scaling() -> None:
    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    expected = []
    with watch(model, optimizer) as w:
        for x, y in batches(5):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            expected.append(loss.item())
    assert [s.loss for s in w._everywhere.sessions[0].trace().steps] == pytest.approx(expected)


def test_a_step_the_scaler_skips_is_a_skipped_step() -> None:
    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with watch(model, optimizer) as w:
        for index, (x, y) in enumerate(batches(5)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y) * (torch.inf if index == 2 else 1)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    steps = w._everywhere.sessions[0].trace().steps
    assert [s.skipped for s in steps] == [False, False, True, False, False]
    assert steps[2].loss == torch.inf


def test_an_optimizer_with_a_closure_has_readings_in_every_observed_step() -> None:
    model = healthy()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
    [(x, y)] = batches(1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    first = nn.functional.cross_entropy(model(x), y).item()
    with watch(model, optimizer) as w:
        for _ in range(4):
            optimizer.step(closure)
    steps = w._everywhere.sessions[0].trace().steps
    assert steps[0].loss == pytest.approx(first)
    assert all(s.readings["0"].update is not None for s in steps)
    assert all(s.readings["0"].weight_grad is not None for s in steps)


def test_a_step_that_calls_the_step_of_its_base_class_is_one() -> None:
    class Own(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    network = nn.Linear(4, 3)
    torch.optim.SGD(network.parameters(), lr=0.1)  # from now on torch calls the hooks of both steps
    optimizer = Own(network.parameters(), lr=0.1)
    with watch(network, optimizer) as w:
        for _ in range(5):
            optimizer.zero_grad()
            network(torch.randn(8, 4)).square().mean().backward()
            optimizer.step()
    assert w.steps == 5


def test_two_optimizers_of_one_model_make_one_step() -> None:
    model = healthy()
    pair = [torch.optim.SGD(model[0].parameters(), 0.1), torch.optim.Adam(model[2].parameters())]
    with watch(model, pair) as w:
        for x, y in batches(12):
            nn.functional.cross_entropy(model(x), y).backward()
            for optimizer in pair:
                optimizer.step()
                optimizer.zero_grad()
    trace = w._everywhere.sessions[0].trace()
    assert len(trace.steps) == 12
    assert all(s.readings["0"].update and s.readings["2"].update for s in trace.observed)


def test_recomputed_calls_of_a_checkpoint_count_once() -> None:
    from torch.utils.checkpoint import checkpoint

    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(checkpoint(self.first, x, use_reentrant=False))

    report = watched(Saving(), 12)._everywhere.sessions[0].trace()
    assert report.steps[0].readings["first"].output.count == 32 * 16
    assert len(report.steps) == 12


def test_a_mode_entered_inside_a_step_stays_in_force() -> None:
    from torch.overrides import TorchFunctionMode

    seen: list[str] = []

    class Mine(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(getattr(func, "__name__", ""))
            return func(*args, **(kwargs or {}))

    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as w:
        for x, y in batches(3):
            out = model(x)
            with Mine():
                nn.functional.cross_entropy(out, y).backward()
                optimizer.step()
                seen.clear()
                torch.ones(2).add(1)
                assert "add" in seen
            optimizer.zero_grad()
    assert w.steps == 3


def test_a_long_run_is_sampled_and_keeps_every_loss() -> None:
    trace = watched(healthy(), 120)._everywhere.sessions[0].trace()
    assert len(trace.steps) == 120
    assert [s.index for s in trace.observed][8:] == [8, 12, 18, 27, 40, 60, 90]
    assert len({s.loss for s in trace.steps}) > 100


def test_workers_of_a_loader_are_left_alone() -> None:
    model = healthy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(128, 8)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), 32, num_workers=1)
    with watch(model, optimizer) as w:
        for a, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(a), y).backward()
            optimizer.step()
    assert w.steps == 4


def test_a_notebook_shows_the_report_in_a_frame() -> None:
    page = watched(deep_sigmoid())._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert "vanishing-gradient" in page
    assert page.count("<iframe") == 1


def test_without_a_step_it_says_what_a_step_is() -> None:
    model = healthy()
    with watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as w:
        model(torch.ones(2, 8))
    with pytest.raises(CannotDiagnoseError, match=r"optimizer\.step\(\) is called inside"):
        w.report()
    assert "no step" in w._repr_html_()


def test_an_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(UsageError, match="holds no parameter of the model"):
        watch(healthy(), torch.optim.SGD(healthy().parameters(), lr=0.1))


def test_public_names_are_imported_on_first_use_and_torch_with_them() -> None:
    code = (
        "import sys, gradcheck_cli as g\nassert 'torch' not in sys.modules\n"
        "g.Report, g.Finding, g.Severity, g.Verdict\nassert 'torch' not in sys.modules\n"
        "g.watch\nassert 'torch' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(getattr(gradcheck_cli, name) is not None for name in gradcheck_cli.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gradcheck_cli.nothing  # noqa: B018


def packed(*, watched: bool) -> tuple[int, list[float]]:
    """Train with masks, gates and a loss by hand; return what was saved for backward passes, and the losses."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saved, losses = 0, []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal saved
        saved += 1
        return tensor

    def forward(x: torch.Tensor) -> torch.Tensor:
        hidden = model[1](model[0](x)) * (x[:, :1] > 0)
        return model[2](hidden * hidden.detach().sigmoid())

    with ExitStack() as stack:
        if watched:
            stack.enter_context(watch(model, optimizer, verify=True))
        for _ in range(3):
            x, y = torch.randn(8, 6), torch.randint(3, (8,))
            optimizer.zero_grad()
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                output = checkpoint(forward, x, use_reentrant=False)
                loss = -(output.log_softmax(1) * nn.functional.one_hot(y, 3)).sum(1).mean()
                loss = loss + 0.1 * (output - x[:, :3]).abs().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return saved, losses


def test_watching_saves_nothing_for_backward_passes_so_that_checkpoints_find_what_they_expect() -> (
    None
):
    assert packed(watched=True) == packed(watched=False)
