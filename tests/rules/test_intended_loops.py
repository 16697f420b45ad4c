"""Loops that do on purpose what looks like a mistake of the loop: none of the rules speaks."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ExponentialLR, StepLR
from torch.overrides import _get_current_function_mode_stack

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, batch, findings, loss_of, mistakes, small, update

Loop = Callable[[], None]


def sharpness_aware() -> None:
    """SAM: the gradient is taken a second time, a step uphill."""
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(24):
        x, y = batch()
        cross_entropy(model(x), y).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.stack([g.norm() for g in grads]).norm()
        uphill = [0.05 * g / norm for g in grads]
        with torch.no_grad():
            for p, e in zip(model.parameters(), uphill, strict=True):
                p.add_(e)
        model.zero_grad()
        cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p, e in zip(model.parameters(), uphill, strict=True):
                p.sub_(e)
        optimizer.step()
        optimizer.zero_grad()


def in_the_backward_pass() -> None:
    """An optimizer for each parameter steps as soon as its gradient is there."""
    model = small()
    optimizers = {p: Adam([p], lr=1e-2) for p in model.parameters()}

    def step(p: Tensor) -> None:
        optimizers[p].step()  # type: ignore[index]
        optimizers[p].zero_grad()  # type: ignore[index]

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step)
    for _ in range(24):
        loss_of(model).backward()


def looking_ahead() -> None:
    """Lookahead: the weights go back halfway now and then, outside of the optimizer."""
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    slow = [p.detach().clone() for p in model.parameters()]
    for step in range(24):
        update(model, optimizer)
        if step % 5 == 4:
            with torch.no_grad():
                for p, q in zip(model.parameters(), slow, strict=True):
                    p.copy_(q.lerp_(p, 0.5))


def cached_gradients() -> None:
    """GradCache: a loss over all features first, then the encoder in parts by their gradients."""
    model = small(6, 16)
    optimizer = adam(model)
    for _ in range(12):
        x, _ = batch()
        with torch.no_grad():
            seen = torch.cat([model(part) for part in x.chunk(4)])
        seen.requires_grad_()
        scores = normalize(seen, dim=1) @ normalize(seen + 0.1, dim=1).T / 0.1
        cross_entropy(scores, torch.arange(32)).backward()
        optimizer.zero_grad()
        assert seen.grad is not None
        for part, grad in zip(x.chunk(4), seen.grad.chunk(4), strict=True):
            (model(part) * grad).sum().backward()
        optimizer.step()


def normal_statistics_frozen() -> None:
    """Batch normalization stays in eval mode while the rest trains, as detectors do it."""
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = adam(model)
    for step in range(24):
        model.train()
        model[1].eval()
        update(model, optimizer)
        if step % 8 == 7:
            model.eval()
            with torch.no_grad():
                model(batch()[0])


def after_a_dry_run() -> None:
    """A pass without a graph gives lazy layers their size; dropout acts in it, and nobody cares."""
    model = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.Dropout(0.1), nn.LazyLinear(3))
    with torch.no_grad():
        model(torch.zeros(2, 6))
    optimizer = adam(model)
    for _ in range(24):
        update(model, optimizer)


def clipped_at_a_scaled_limit() -> None:
    """The limit is multiplied by the scaler's factor, so the gradients need not be unscaled."""
    model = small()
    optimizer, scaler = adam(model), torch.amp.GradScaler("cpu")
    for _ in range(24):
        optimizer.zero_grad()
        scaler.scale(loss_of(model)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), scaler.get_scale())
        scaler.step(optimizer)
        scaler.update()


def divided_in_the_gradient() -> None:
    """Accumulated gradients are divided themselves, just before the update."""
    model = small()
    optimizer = SGD(model.parameters(), lr=0.2)
    for step in range(32):
        loss_of(model).backward()
        if step % 4 == 3:
            for p in model.parameters():
                if p.grad is not None:
                    p.grad.div_(4)
            optimizer.step()
            optimizer.zero_grad()


def gradients_of_two_tasks() -> None:
    """Each task's gradient is set aside and cleared; their sum is put in its place."""
    model = small()
    optimizer = adam(model)
    for _ in range(16):
        kept = []
        for _ in range(2):
            optimizer.zero_grad()
            loss_of(model).backward()
            kept.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
        for p, one, other in zip(model.parameters(), *kept, strict=True):
            p.grad = one + other
        optimizer.step()


def towards_another_copy() -> None:
    """Reptile: what a copy learned is the gradient of the model, which no backward pass gives it."""
    model = small()
    optimizer = adam(model)
    for _ in range(12):
        copy = small()
        copy.load_state_dict(model.state_dict())
        inner = SGD(copy.parameters(), lr=0.1)
        for _ in range(3):
            inner.zero_grad()
            loss_of(copy).backward()
            inner.step()
        optimizer.zero_grad()
        for p, q in zip(model.parameters(), copy.parameters(), strict=True):
            p.grad = (p - q).detach()
        optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [
        sharpness_aware,
        in_the_backward_pass,
        looking_ahead,
        cached_gradients,
        normal_statistics_frozen,
        after_a_dry_run,
        clipped_at_a_scaled_limit,
        divided_in_the_gradient,
        gradients_of_two_tasks,
        towards_another_copy,
    ],
)
def test_what_is_intended_is_no_mistake(loop: Loop) -> None:
    assert mistakes(loop) == set()
    assert not _get_current_function_mode_stack()  # steps that end amid a backward pass, too


def test_a_rate_that_fades_while_the_loss_falls_is_a_warning_although_something_was_learned() -> (
    None
):
    def loop() -> None:
        model, x = small(6, 5), torch.randn(64, 6)
        optimizer = SGD(model.parameters(), lr=0.5)
        schedule = StepLR(optimizer, 6, gamma=0.1)
        for _ in range(120):
            optimizer.zero_grad()
            cross_entropy(model(x), x[:, :5].argmax(1)).backward()
            optimizer.step()
            schedule.step()

    assert findings(loop)["schedule-ran-out"].severity is Severity.WARNING


def test_a_long_tail_after_learning_is_a_note() -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model, 3e-2)
        schedule = ExponentialLR(optimizer, 0.5)
        x, y = batch(128)
        for step in range(240):
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
            if step % 8 == 7:
                schedule.step()

    found = findings(loop).get("schedule-ran-out")
    assert found is None or found.severity is Severity.NOTE
