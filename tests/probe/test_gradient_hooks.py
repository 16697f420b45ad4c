"""Hooks of the user's own that zero or scale gradients are named; healthy ones accuse nobody."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_cli import watch
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.report import Report

Put = Callable[[nn.Module], object]
STEPS = 40


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 2)
        self.on_hidden: Callable[[torch.Tensor], torch.Tensor | None] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.a(x))
        if self.on_hidden is not None and x.requires_grad:
            x.register_hook(self.on_hidden)
        out: torch.Tensor = self.c(torch.relu(self.b(x)))
        return out


def trained(put: Put = lambda _: None, *, inside: bool = False) -> tuple[Report, list[float], Net]:
    """Train with a hook that is put on before the watch begins, or inside it."""
    torch.manual_seed(0)
    net = Net()
    if not inside:
        put(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    losses = []
    with watch(net, optimizer, first=STEPS) as watched:
        if inside:
            put(net)
        for _ in range(STEPS):
            x = torch.randn(32, 8)
            loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return watched.report(), losses, net


def zeroes(grad: torch.Tensor) -> torch.Tensor:
    return grad * 0


def on_parameters(net: nn.Module) -> None:
    for p in (net.a.weight, net.a.bias, net.b.weight, net.b.bias):  # type: ignore[union-attr]
        p.register_hook(lambda g: g * 0)  # type: ignore[operator,union-attr]


def shrinks(p: torch.Tensor) -> None:
    assert p.grad is not None
    p.grad.mul_(1e-7)


def on_arrival(net: nn.Module) -> None:
    for p in net.parameters():
        p.register_post_accumulate_grad_hook(shrinks)


def on_module(net: nn.Module) -> None:
    net.c.register_full_backward_hook(lambda _m, given, _o: tuple(g * 1e-6 for g in given))  # type: ignore[operator,union-attr]


def before_module(net: nn.Module) -> None:
    net.c.register_full_backward_pre_hook(lambda _m, given: tuple(g * 0 for g in given))  # type: ignore[operator,union-attr]


def on_activation(net: nn.Module) -> None:
    net.on_hidden = zeroes  # type: ignore[assignment]


SICK = {
    "parameters": (on_parameters, "a", "sets gradients at layer `a` and 1 more to zero"),
    "arrival": (on_arrival, "a", "by a factor of 1e-07"),
    "module": (on_module, "c", "changes the size of gradients at layer `c` by a factor of 1e-06"),
    "before a module": (before_module, "c", "sets gradients at layer `c` to zero"),
    "activation": (on_activation, None, "sets gradients to zero"),
}  # fmt: skip


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("which", SICK)
def test_a_hook_that_takes_gradients_away_is_the_first_cause(which: str, inside: bool) -> None:
    put, layer, said = SICK[which]
    report, _, _ = trained(put, inside=inside)
    first = report.causes[0]
    assert first.name == "gradient-hook", report.headline
    assert said in first.reasons[0]
    assert "test_gradient_hooks.py:" in first.reasons[0]
    assert layer is None or layer in first.layers
    assert "hooked-gradient" in {f.name for f in report.findings}


def late_on_parameters(net: nn.Module) -> None:
    calls = []

    def later(grad: torch.Tensor) -> torch.Tensor | None:
        calls.append(1)
        return grad * 0 if len(calls) > 4 * 20 else None

    for p in (net.a.weight, net.a.bias, net.b.weight, net.b.bias):  # type: ignore[union-attr]
        p.register_hook(later)  # type: ignore[operator,union-attr]


def early_on_parameters(net: nn.Module) -> None:
    calls = []

    def early(grad: torch.Tensor) -> torch.Tensor | None:
        calls.append(1)
        return grad * 0 if len(calls) <= 4 * 5 else None

    for p in (net.a.weight, net.a.bias, net.b.weight, net.b.bias):  # type: ignore[union-attr]
        p.register_hook(early)  # type: ignore[operator,union-attr]


def test_a_hook_that_begins_to_zero_after_many_calls_is_seen_and_said_to_do_so_later() -> None:
    report, _, _ = trained(late_on_parameters)
    first = report.causes[0]
    assert first.name == "gradient-hook", report.headline
    assert (
        "sets gradients at layer `a` and 1 more to zero, from about its call 2" in first.reasons[0]
    )


def test_a_hook_that_held_layers_still_at_the_beginning_accuses_nobody_later() -> None:
    report, losses, _ = trained(early_on_parameters)
    assert losses[-1] < 0.5 * losses[0]
    assert not [f for f in report.findings if f.name == "hooked-gradient"]


def clips(net: nn.Module) -> None:
    for p in net.parameters():
        p.register_hook(lambda g: g.clamp(-0.5, 0.5))


def halves(net: nn.Module) -> None:
    for p in net.a.parameters():  # type: ignore[union-attr]
        p.register_hook(lambda g: g * 0.5)


def looks(net: nn.Module) -> None:
    net.seen = []  # type: ignore[assignment]
    net.on_hidden = lambda g: net.seen.append(float(g.sum()))  # type: ignore[union-attr,operator,assignment]


def test_a_layer_that_a_hook_freezes_while_the_others_learn_is_named_in_a_note() -> None:
    report, losses, _ = trained(lambda net: net.b.weight.register_hook(zeroes))  # type: ignore[union-attr,operator]
    assert losses[-1] < losses[0]
    [found] = [f for f in report.findings if f.name == "hooked-gradient"]
    assert found.severity.value == "note"
    assert found.layers == ("b",)
    assert "sets gradients at layer `b` to zero" in found.message


@pytest.mark.parametrize("put", [clips, halves, looks])
def test_a_hook_that_leaves_training_healthy_is_no_finding(put: Put) -> None:
    report, losses, _ = trained(put)
    assert losses[-1] < 0.5 * losses[0]
    assert report.verdict.value != "sick"
    assert not [f for f in report.findings if f.name == "hooked-gradient"]


@pytest.mark.parametrize("put", [clips, on_arrival, on_module, on_activation, looks])
@pytest.mark.parametrize("inside", [False, True])
def test_hooks_do_what_they_did_and_are_given_back(put: Put, inside: bool) -> None:
    torch.manual_seed(0)
    plain = Net()
    put(plain)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.3)
    alone = []
    for _ in range(STEPS):
        x = torch.randn(32, 8)
        loss = nn.functional.cross_entropy(plain(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        alone.append(loss.item())
    before = (torch.Tensor.register_hook, nn.Module.register_full_backward_hook)
    _, losses, net = trained(put, inside=inside)
    assert losses == alone
    assert (torch.Tensor.register_hook, nn.Module.register_full_backward_hook) == before
    for holder in (*net.modules(), *net.parameters()):
        for name in ("_backward_hooks", "_backward_pre_hooks", "_post_accumulate_grad_hooks"):
            for hook in (getattr(holder, name, None) or {}).values():
                assert not type(hook).__module__.startswith("gradcheck_cli")


def test_a_model_with_hooks_is_copied_and_saved_while_it_is_watched() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].register_full_backward_hook(passes)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, optimizer):
        copy.deepcopy(net)(torch.randn(2, 4)).sum().backward()
        torch.save(net, io.BytesIO())


def passes(_: nn.Module, __: object, ___: object) -> None:
    return None


def test_what_hooks_of_activations_hold_is_let_go() -> None:
    import gc
    import weakref

    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    held = []
    with watch(net, optimizer) as watched:
        for _ in range(4):
            out = net(torch.randn(2, 4))
            kept = torch.zeros(2, 2)
            out.register_hook(lambda g, kept=kept: g + kept)
            held.append(weakref.ref(kept))
            out.sum().backward()
            optimizer.step()
        del out, kept
        gc.collect()
        assert not any(ref() is not None for ref in held)
    habits = watched._everywhere.sessions[0].trace().loop.habits_of(Kind.HOOKED)  # type: ignore[union-attr]
    assert [h.numbers["factor"] for h in habits] == [1.0]
