"""Train a case as its user would, and write down what happens."""

import math
import statistics
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases.case import Case, Problem
from benchmarks.cases.profile import Profile, doubled, exact, hidden_modules, sealed

SEEDS = (0, 1)
MOMENTS = (0, 10, 30, 100)  # and the end


def whole_batch(problem: Problem, size: int = 256) -> Any:
    """Return one larger batch, the same for every run of a case."""
    data: Any = problem.data
    return torch.utils.data.default_collate(
        [data[n] for n in range(0, len(data), max(1, len(data) // size))][:size]
    )


def constant_level(problem: Problem, model: nn.Module, batch: Any) -> float | None:
    """Return the loss of the best output that is the same for every sample, where that exists."""
    if isinstance(batch, Mapping):
        return None
    with sealed():
        double = doubled(batch)
        output = exact(model)(*double[:-1])
        if not isinstance(output, Tensor) or output.ndim == 0 or problem.loss is None:
            return None
        guess = torch.zeros_like(output[:1]).detach().requires_grad_()
        solver = torch.optim.LBFGS([guess], max_iter=100, line_search_fn="strong_wolfe")
        loss_fn = problem.loss
        unit = abs(float(loss_fn(guess.detach().expand_as(output), double[-1]))) or 1.0
        unit = unit if math.isfinite(unit) else 1.0

        def closure() -> Tensor:
            solver.zero_grad()
            loss = loss_fn(guess.expand_as(output), double[-1]) / unit
            loss.backward()
            return loss.detach()

        solver.step(closure)
        level = float(closure()) * unit
    return level if math.isfinite(level) else None


def twins(model: nn.Module) -> bool:
    """Whether the units of some hidden layer all begin alike."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return any(bool((w.weight[:1] == w.weight).all()) for w in layers[:-1])


def unowned(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Return the trainable parameters that the optimizer does not hold."""
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    return [n for n, p in model.named_parameters() if p.requires_grad and id(p) not in held]


def moved(before: Mapping[str, Tensor], model: nn.Module) -> list[float]:
    """Return how far each trainable matrix went, in proportion to where it began."""
    return [
        float(
            (weight.detach().double() - before[name]).norm() / before[name].norm().clamp(min=1e-12)
        )
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.ndim > 1
    ]


def kept(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights."""
    return {name: weight.detach().double().clone() for name, weight in model.named_parameters()}


def lost(before: Mapping[str, Tensor], model: nn.Module) -> float:
    """Return the share of weights that have a gradient and did not move."""
    still = total = 0
    for name, weight in model.named_parameters():
        if weight.grad is not None and weight.ndim > 1:
            asked = weight.grad.to_dense() != 0
            still += int((asked & (weight.detach().double() == before[name])).sum())
            total += int(asked.sum())
    return still / total if total else 0.0


def underflown(model: nn.Module, profile: Profile) -> float:
    """Return the share of gradients that are 0 in the model's own precision only."""
    precise = dict(profile.model.named_parameters())
    gone = total = 0
    for name, weight in model.named_parameters():
        grad = precise[name].grad
        if weight.grad is not None and grad is not None:
            there = grad.to_dense() != 0
            gone += int(((weight.grad.to_dense() == 0) & there).sum())
            total += int(there.sum())
    return gone / total if total else 0.0


def trained(problem: Problem, steps: int) -> dict[str, Any]:
    """Train one problem in its own precision and return everything that was measured."""
    batch = whole_batch(problem)
    model = problem.build()
    facts: dict[str, Any] = {"twins": twins(model), "hidden": list(hidden_modules(model))}
    optimizer = problem.optimizer(model)
    facts["unowned"] = unowned(model, optimizer)
    begun = kept(model)
    losses: list[float] = []
    moments: dict[str, Any] = {}
    profiles: dict[str, Any] = {}
    steps_moved: list[float] = []
    batches = problem.batches()

    def measure(step: int) -> None:
        profile = Profile(problem, model, batch)
        cut, zero = profile.nothing()
        moments[str(step)] = {
            **profile.paths(),
            "cut": cut,
            "zero": zero,
            "silent": round(max(profile.silent, default=0.0), 3),
            "pinned": round(max(profile.pinned, default=0.0), 3),
        }
        profiles[str(step)] = profile.rows()

    for step in range(steps):
        if step in MOMENTS:
            measure(step)
        optimizer.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = next(batches)
            before = kept(model) if step < 20 else {}
            loss, _ = problem.loss_of(model, chosen)
            losses.append(float(loss))
            if loss.requires_grad:
                loss.backward()
            if step == 5:
                facts["underflown"] = round(underflown(model, Profile(problem, model, chosen)), 3)
            optimizer.step()
        if step < 20:
            steps_moved.append(statistics.median(moved(before, model) or [0.0]))
        if step == 5:
            facts["lost"] = round(lost(before, model), 3)
        if step == 49:
            facts["moved_50"] = sharp(statistics.median(moved(begun, model) or [0.0]))
    measure(steps)
    far = moved(begun, model)
    quarter = max(1, len(far) // 4)
    tail = losses[-max(1, steps // 5) :]
    # a loss can hide what is not a number: comparisons with it are all false
    sound = all(bool(weight.isfinite().all()) for weight in model.parameters())
    finite = [value for value in losses if math.isfinite(value)] if sound else []
    return {
        **facts,
        "begun": sharp(statistics.mean(losses[:5])),
        "ended": sharp(statistics.mean(tail)) if len(finite) == len(losses) else None,
        "noise": sharp(statistics.stdev(tail)) if len(finite) == len(losses) else None,
        "tail": len(tail),
        "constant": (level := constant_level(problem, model, batch)) and sharp(level),
        "moved_lower": sharp(statistics.median(far[:quarter] or [0.0])),
        "moved_upper": sharp(statistics.median(far[-quarter:] or [0.0])),
        "moved_per_step": sharp(statistics.median(steps_moved)),
        "moments": moments,
        "layers": profiles,
    }


def sharp(value: float) -> float | None:
    """Return a number in five digits, or None if it is none."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def examined(case: Case) -> dict[str, list[dict[str, Any]]]:
    """Compute the evidence of one case."""
    runs: dict[str, list[dict[str, Any]]] = {"sick": []}
    for seed in SEEDS:
        runs["sick"].append(trained(case.problem(seed), case.recipe.steps))
        cured = case.cured(seed)
        if cured is not None:
            runs.setdefault("cure", []).append(trained(cured, cured.steps))
    for role, measured in runs.items():
        for seed, run in enumerate(measured):
            profiles = run.pop("layers")
            if role == "sick" and seed == 0:  # one full profile tells enough
                run["layers"] = profiles
    return runs
