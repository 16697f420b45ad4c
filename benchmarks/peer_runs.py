"""What the rules of other training debuggers read of a run, and the installed ones themselves."""

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.targets.training import Training

VANISHING = "vanishing-gradient"
INSTALLABLE = ("torchmortem", "torch_audit")


@dataclass
class Weight:
    """What one parameter showed, step by step."""

    name: str
    matrix: bool  # not a bias, not a scale
    dense: bool  # of a linear layer
    mean: list[float] = field(default_factory=list)  # mean |g|
    norm: list[float] = field(default_factory=list)
    zeros: list[int] = field(default_factory=list)
    size: int = 0
    weight: list[float] = field(default_factory=list)  # |w|
    drift: list[float] = field(default_factory=list)  # |mean of w|
    moved: list[float] = field(default_factory=list)  # mean |dw| / mean |w|
    finite: bool = True


@dataclass
class Activation:
    """What one activation or linear layer showed, step by step."""

    kind: str
    silent: list[float] = field(default_factory=list)  # share of units active on < 1 %
    quiet: list[float] = field(default_factory=list)  # share whose 95th percentile is < 1e-5
    beyond: list[float] = field(default_factory=list)  # share of inputs beyond the limits
    negative: list[float] = field(default_factory=list)  # share of outputs <= 0
    large: list[float] = field(default_factory=list)  # share of outputs beyond 5
    mean: list[float] = field(default_factory=list)


@dataclass
class Run:
    """What the peers' rules read of one run."""

    weights: list[Weight] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)  # empty where there is none
    rate: float = 0.0
    installed: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    @property
    def matrices(self) -> list[Weight]:
        """Weight matrices that got a gradient, in the order in which they are registered."""
        return [weight for weight in self.weights if weight.matrix and weight.norm]


def share(condition: Tensor) -> float:
    """Return the share of elements for which something holds."""
    return float(condition.float().mean()) if condition.numel() else 0.0


LIMITS = {"Tanh": (-9.5, 9.5), "Sigmoid": (-23.0, 17.0)}
SEEN = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Linear, nn.Conv2d)


class Watch:
    """Reads parameters around the optimizer's step and outputs in the forward pass."""

    def __init__(self, training: Training) -> None:
        self.run, self.model = Run(), training.model
        owner = {
            f"{path}.{key}".strip("."): module
            for path, module in self.model.named_modules()
            for key, _ in module.named_parameters(recurse=False)
        }
        self.entries: list[tuple[Weight, nn.Parameter]] = []
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                dense = isinstance(owner.get(name), nn.Linear) and parameter.ndim == 2
                weight = Weight(name, parameter.ndim > 1, dense, size=parameter.numel())
                self.run.weights.append(weight)
                self.entries.append((weight, parameter))
        self.before: list[Tensor] = []
        self.run.rate = float(training.optimizers[0].param_groups[0].get("lr") or 0.0)

    @contextmanager
    def watching(self, training: Training) -> Iterator[None]:
        """Read while inside."""
        with ExitStack() as hooks:
            for module in self.model.modules():
                if isinstance(module, SEEN):
                    kept = Activation(type(module).__name__)
                    self.run.activations.append(kept)
                    hooks.callback(module.register_forward_hook(self.reader(kept)).remove)
            for optimizer in training.optimizers[:1]:
                hooks.callback(optimizer.register_step_pre_hook(self.read).remove)
                hooks.callback(optimizer.register_step_post_hook(self.compare).remove)
            yield

    @torch.no_grad()
    def read(self, *_: Any) -> None:
        """Note all gradients and weights before a step."""
        self.before = [parameter.detach().clone() for _, parameter in self.entries]
        for weight, parameter in self.entries:
            weight.weight.append(float(parameter.norm()))
            weight.drift.append(abs(float(parameter.float().mean())))
            if parameter.grad is None:
                continue
            grad = parameter.grad.to_dense().float()
            weight.mean.append(float(grad.abs().mean()))
            weight.norm.append(float(grad.norm()))
            weight.zeros.append(int((grad == 0).sum()))
            weight.finite &= math.isfinite(weight.norm[-1])

    @torch.no_grad()
    def compare(self, *_: Any) -> None:
        """Note how far each weight went."""
        for (weight, parameter), old in zip(self.entries, self.before, strict=True):
            size = float(old.float().abs().mean())
            step = float((parameter - old).float().abs().mean())
            weight.moved.append(step / size if size else 0.0)

    @staticmethod
    def reader(kept: Activation) -> Callable[..., None]:
        """Return a hook that notes what one layer hands out."""

        @torch.no_grad()
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            value, given = output.detach().float(), inputs[0].detach().float()
            units = value.flatten(1) if value.ndim < 4 else value.transpose(0, 1).flatten(1).T
            kept.mean.append(float(value.mean()))
            kept.negative.append(share(value <= 0))
            kept.large.append(share(value.abs() >= 5))
            if kept.kind == "ReLU":
                kept.silent.append(share((units > 0).float().mean(dim=0) < 0.01))
                high = units.abs().quantile(0.95, dim=0) if len(units) < 4000 else units.amax(dim=0)
                kept.quiet.append(share(high < 1e-5))
            if kept.kind in LIMITS:
                low, top = LIMITS[kept.kind]
                kept.beyond.append(share((given < low) | (given > top)))

        return hook


def accuracy(output: Any, target: Any) -> float | None:
    """Return the share of right answers of one batch, where the task has right answers."""
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return None
    if target.is_floating_point() or output.shape[:-1] != target.shape or not target.numel():
        return None
    return share(output.detach().argmax(dim=-1) == target)


def measured(training: Training, steps: int) -> Run:
    """Train for some steps with everything the peers want to see, and the peers themselves."""
    watch = Watch(training)
    with watch.watching(training), ExitStack() as stack:
        guests = {name: guest(name, training, stack) for name in INSTALLABLE}
        for _ in range(steps):
            outcome = training.step()
            watch.run.losses.append(float(outcome.loss))
            right = accuracy(outcome.output, outcome.target)
            if right is not None:
                watch.run.accuracy.append(right)
            for name in [name for name, entry in guests.items() if entry]:
                guests[name][0](watch.run.losses[-1])
    watch.run.installed = {name: entry[1]() if entry else None for name, entry in guests.items()}
    return watch.run


def guest(name: str, training: Training, stack: ExitStack) -> Any:
    """Attach an installed peer: what to call after a step, and what to call for its findings."""
    try:
        package = importlib.import_module(name)
    except ImportError:
        return None
    if name == "torchmortem":
        autopsy = package.Autopsy(training.model, optimizer=training.optimizers[0])
        stack.enter_context(autopsy)
        return lambda loss: autopsy.step(loss=loss), lambda: said_by_torchmortem(autopsy)
    auditor = package.autopatch(
        training.model,
        optimizer=training.optimizers[0],
        every_n_steps=1,
        suppress_internal_errors=True,
    )
    stack.callback(auditor.unpatch)
    return lambda _: None, lambda: said_by_torch_audit(auditor)


def said_by_torchmortem(autopsy: Any) -> tuple[str, ...]:
    """Return the titles of what is more than information."""
    report = autopsy.get_report()
    serious = [f.title for f in report.findings if f.severity.name in {"WARNING", "CRITICAL"}]
    return tuple(VANISHING if "anishing" in title else title for title in serious)


def said_by_torch_audit(auditor: Any) -> tuple[str, ...]:
    """Return the rules of what is more than information."""
    result = auditor.finish(report=False)
    return tuple({f.rule_id for f in result.findings if f.severity.name in {"WARN", "ERROR"}})
