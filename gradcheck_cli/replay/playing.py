"""Plays recorded steps on the live objects, as they were or with a change."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.remedies.calls import played_at
from gradcheck_cli.replay.events import Applied, Backward, Call, Event, Method, Update, learns
from gradcheck_cli.replay.mended import Mended, judged, unscale, weighed
from gradcheck_cli.replay.recording import Recording, Unit, site_text
from gradcheck_cli.replay.settings import Settings
from gradcheck_cli.replay.values import Alias, Given, Kept, Made, Owned, Path, at, mapped
from gradcheck_cli.targets.loop import HALF, without_checkpoints
from gradcheck_cli.targets.losses import on_floats
from gradcheck_cli.targets.modes import Modes, Region
from gradcheck_cli.targets.optimizers import held_by
from gradcheck_cli.targets.randomness import seed_everything

Resolve = Callable[[nn.Module], nn.Module]


@dataclass(slots=True, kw_only=True)
class Variation:
    """What is done differently from the recorded steps."""

    seed: int | None = None  # of what the steps draw; None: as recorded
    resolve: Resolve = lambda module: module  # from a recorded module to what stands in its place
    settings: dict[int, Settings] = field(default_factory=dict)  # by id of the optimizer
    inputs: Callable[[Tensor], Tensor] | None = None
    loss: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    penalties: Mapping[Event, int] = field(default_factory=dict)  # sums, and which part is one
    penalty: float = 1.0  # by which penalties are multiplied
    precision: str | None = None
    clip: float | None = None  # infinite: the recorded clipping is left out
    modes: tuple[Any, ...] = ()  # torch function modes in which functions outside modules run
    mended: Mended = field(default_factory=Mended)


@dataclass(slots=True)
class Player:
    """Plays steps one after the other; what a later step needs of an earlier one is kept."""

    recording: Recording
    vary: Variation = field(default_factory=Variation)
    values: dict[int, Tensor] = field(default_factory=dict)  # by slot
    learning: bool = True
    _fresh: dict[int, Tensor] = field(default_factory=dict)  # data of the step that is written to
    _losses: dict[Event, list[Tensor]] = field(default_factory=dict)  # of the step
    _updates: dict[int, int] = field(default_factory=dict)
    _drawn: int = 0
    _carried: frozenset[int] = frozenset()
    _absent: set[int] = field(default_factory=set)  # slots that an evaluation leaves empty

    def __post_init__(self) -> None:
        units = self.recording.units
        self._carried = frozenset().union(*(unit.reads_before for unit in units))

    def play(self, unit: Unit) -> float:
        """Train on a recorded step and return its loss.

        Raises CannotDiagnoseError where the change makes it impossible, and what the user's code raises.
        """
        return self._run(unit.events, unit)

    def losses_of(self, units: Sequence[Unit]) -> list[float]:
        """Return the losses of steps without learning from them; each has what those before it made.

        Values that training carries over stay as they are.
        """
        before, self.learning = dict(self.values), False
        self._absent.clear()
        try:
            return [self._run(unit.all, unit) for unit in units]
        finally:
            self.values, self.learning = before, True

    def _run(self, events: Sequence[Event], unit: Unit) -> float:
        self._fresh.clear()
        self._losses.clear()
        with Region() as region, torch.enable_grad(), without_checkpoints(self.vary.mended.loop):
            for event in events:
                self._event(event, unit, region)
        losses = [loss for found in self._losses.values() for loss in found]
        self.values = {s: v for s, v in self.values.items() if s in self._carried}
        return float(sum(float(loss) for loss in losses)) if losses else math.nan

    def _event(self, event: Event, unit: Unit, region: Region) -> None:
        if (
            isinstance(event, Backward) and event not in self._losses
        ):  # a closure runs several times
            found = [self.values[slot].detach().float().mean() for slot in event.losses]
            self._losses[event] = found
        if self.vary.mended.leaves_out(event):
            return
        if not self.learning and self._is_left_out(event):
            self._absent |= event.writes
            return
        region.enter(self._modes(event, unit))
        self.vary.mended.before(event, unit)
        if isinstance(event, Update):
            with torch.set_grad_enabled(event.modes.grad):
                self._update(event, unit, region)
            return
        args, kwargs = self.filled(event.args), self.filled(event.kwargs)
        with torch.set_grad_enabled(region.grad):
            result = self._result(event, unit, args, kwargs)
        self._keep(event, result, args, kwargs)
        if isinstance(event, Backward):
            self.vary.mended.passed(unit)

    def _is_left_out(self, event: Event) -> bool:
        """Does it belong to learning, or need what was left out: a gradient, a norm that clips?"""
        gradient = isinstance(event, Applied) and event.name == "get grad"
        return gradient or learns(event) or bool(event.reads & self._absent - self.values.keys())

    def _modes(self, event: Event, unit: Unit) -> Modes:
        grad = event.modes.grad and (self.learning or unit.differentiates)
        autocast = event.modes.autocast
        if self.vary.precision is not None:
            half = HALF.get(self.vary.precision)
            device = autocast[0][0] if autocast else "cpu"
            autocast = () if half is None else ((device, half, True),)
        return Modes(grad, autocast)

    def _result(
        self, event: Event, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if isinstance(event, Call):
            return self._call(event, args, kwargs)
        if isinstance(event, Applied):
            return self._apply(event, unit, args, kwargs)
        if isinstance(event, Backward):
            return event.function(*self.vary.mended.divided(args), **kwargs)
        assert isinstance(event, Method)
        owner = event.owner
        if isinstance(owner, nn.Module):
            owner = self.vary.resolve(owner)
        return event.function(owner, *args, **kwargs)

    def _call(self, event: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.vary.resolve(event.module)
        flags = self.vary.mended.flags(event, learning=self.learning)
        for part in module.modules():
            vars(part)["training"] = flags.get(id(part), flags[id(event.module)])
        self._draw(event)
        if self.vary.inputs is not None:
            change = on_floats(self.vary.inputs)
            args, kwargs = self._changed_inputs(event, args, kwargs, change)
        with ExitStack() as stack:
            if module is event.module and "forward" not in vars(module):
                for mode in self.vary.modes:  # the edited model is not what is called
                    stack.enter_context(mode)
            return module(*args, **kwargs)

    def _changed_inputs(
        self, event: Call, args: tuple[Any, ...], kwargs: dict[str, Any], change: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Change what is data among the inputs; what other modules made stays."""
        data = {id(self._of_data(entry)) for entry in event.data}

        def changed(tensor: Any) -> Any:
            return change(tensor) if id(tensor) in data else tensor

        return mapped(args, changed), mapped(kwargs, changed)

    def _apply(
        self, event: Applied, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if event.clips is not None and self.vary.clip == math.inf and event.of_state:
            return args[0]
        self._draw(event)
        with ExitStack() as stack:
            stack.enter_context(played_at(event.site))
            for mode in self.vary.modes:
                stack.enter_context(mode)
            if self.vary.loss is not None and event is unit.criterion:
                return judged(event, args, kwargs, self.vary.loss)
            if (part := self.vary.penalties.get(event)) is not None:
                if not self.learning:
                    return args[1 - part]  # what is compared is the loss of the data
                args = weighed(args, part, self.vary.penalty)
            return event.function(*args, **kwargs)

    def _update(self, event: Update, unit: Unit, region: Region) -> None:
        optimizer, key = event.optimizer, id(event.optimizer)
        count = self._updates[key] = self._updates.get(key, -1) + 1
        known = self.vary.settings.get(key, Settings(self.recording.settings_of(optimizer)))
        known.apply(optimizer, count)
        inner = event.closure

        def closure() -> Any:
            with torch.enable_grad():
                self.vary.mended.updated(held_by(optimizer))
                for entry in inner or ():
                    self._event(entry, unit, region)
                self._clip(event)
                return self.filled(event.returned)

        if inner is None:
            self._clip(event)
        self._draw(event)
        # once more, behind hooks of the user that count steps of their own and change the rate
        last = optimizer.register_step_pre_hook(lambda *_: known.apply(optimizer, count))
        try:
            if event.scaler is not None:
                event.scaler.step(optimizer)
            else:
                optimizer.step(*(() if inner is None else (closure,)))
        finally:
            last.remove()
        self.vary.mended.updated(held_by(optimizer))
        for tensor in held_by(optimizer):
            if id(tensor) not in self.recording.trained:
                tensor.grad = None  # nothing recorded zeroes what the change has added

    def _clip(self, event: Update) -> None:
        if self.vary.clip is None or self.vary.clip == math.inf:
            return
        unscale(event)
        nn.utils.clip_grad_norm_(held_by(event.optimizer), self.vary.clip)

    def _draw(self, event: Event) -> None:
        """Let the step draw what it drew, or what another seed gives."""
        if event.chance is None or self.vary.mended.runs_on(event):
            return
        if self.vary.seed is None:
            event.chance.restore()
        else:
            self._drawn += 1
            seed_everything((self.vary.seed * 1_000_003 + self._drawn) % 2**31)

    # ---- values ---------------------------------------------------------------------------

    def filled(self, value: Any) -> Any:
        """Return a recorded value with tensors in the place of what stands for them."""
        return mapped(value, self._tensor)

    def _tensor(self, entry: Any) -> Any:
        if isinstance(entry, Made):
            if entry.slot not in self.values:
                raise CannotDiagnoseError(
                    "a step needs what an earlier one made, which was left out"
                )
            return self.values[entry.slot]
        if isinstance(entry, Given):
            return self._of_data(entry)
        if isinstance(entry, Owned):
            return self._owned(entry)
        if isinstance(entry, Alias):
            memory = self._owned(entry.owner).detach()
            return torch.as_strided(memory, entry.size, entry.stride, entry.offset)
        if isinstance(entry, Kept):
            return entry.holder[entry.key]
        return entry

    def _of_data(self, entry: Given) -> Tensor:
        if not entry.fresh:
            return entry.tensor
        if id(entry) not in self._fresh:
            copy = entry.tensor.detach().clone()
            self._fresh[id(entry)] = copy.requires_grad_(entry.tensor.requires_grad)
        return self._fresh[id(entry)]

    def _owned(self, entry: Owned) -> Tensor:
        if entry.module is None:
            return entry.tensor
        found = getattr(self.vary.resolve(entry.module), entry.name, None)
        return found if isinstance(found, Tensor) else entry.tensor

    def _keep(self, event: Event, result: Any, args: Any, kwargs: Any) -> None:
        root = (result, args, kwargs)
        for path, slot in event.outputs:
            self.values[slot] = _output(root, path, event)


def _output(root: Any, path: Path, event: Event) -> Tensor:
    try:
        found = at(root, path)
    except (KeyError, IndexError, AttributeError, TypeError):
        found = None
    if not isinstance(found, Tensor):
        name = type(event.module).__name__ if isinstance(event, Call) else "a function"
        raise CannotDiagnoseError(
            f"with this change {name}{site_text(event.site)} returns something of another kind"
        )
    return found
