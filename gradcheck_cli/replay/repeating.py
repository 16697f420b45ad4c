"""A training that was recorded, as one that can be repeated with a change."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.probe.watched_calls import gradient_hooks_seen
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.replay.arm import Arm, ordered
from gradcheck_cli.replay.events import Event
from gradcheck_cli.replay.mended import mended, penalties_of
from gradcheck_cli.replay.playing import Player, Variation
from gradcheck_cli.replay.recording import Recording, Unit
from gradcheck_cli.replay.settings import Settings
from gradcheck_cli.replay.state import Holdings, State, added
from gradcheck_cli.targets.change import Change, LoopChange, last
from gradcheck_cli.targets.kept import kept
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.optimizers import follow_model, ids_held_by, learning
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.redrawing import is_drawn, redrawn
from gradcheck_cli.targets.training import Training, unknown_site

HELD_OUT = 0.2  # of the recorded steps, the last ones
FEWEST = 5  # steps from which some are held out


@dataclass
class Replay:
    """Builds trainings from recorded steps while it is entered; then all is put back as it was.

    `model` is what changes are applied to: the called module, or one that holds all that were called.
    """

    recording: Recording
    model: nn.Module
    site_of: Callable[[nn.Module], SourceSite | None] = unknown_site
    precision: str = "fp32"
    seed: int = 0
    optimizers: Sequence[Any] = ()  # that were seen, where none of them made a recorded step
    holdings: Holdings = field(init=False)
    current: Arm | None = None
    start: State = field(init=False)
    _exit: ExitStack = field(default_factory=ExitStack)
    _paths: dict[int, str] = field(init=False)
    _penalties: Mapping[Event, int] = field(init=False)

    def __post_init__(self) -> None:
        own = added([self.model])
        seen = tuple(o for o in self.optimizers if isinstance(o, torch.optim.Optimizer))
        self.optimizers = self.recording.optimizers or seen
        for optimizer in self.optimizers:
            own.add_optimizer(optimizer)
        self.holdings = Holdings()
        self.holdings.take(self.recording.holdings)
        more = own.without(self.recording.holdings)
        self.holdings.take(more)
        self.start = self.recording.initial.and_also(State.of(more))
        self._penalties = penalties_of(self.recording.units)
        self._paths = {id(m): path for path, m in self.model.named_modules()}

    def __enter__(self) -> Self:
        trained = State.of(self.holdings)
        self._exit.enter_context(unchanged())
        self._exit.enter_context(kept(self.holdings.modules.values()))
        self._exit.callback(trained.install)
        self._exit.callback(self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _leave(self) -> None:
        if self.current is not None:
            self.current.unhook()
        self.current = None

    @property
    def varies(self) -> bool:
        """Are there seeds that differ in more than their number?"""
        drawn = any(is_drawn(p) for p in self._weights())
        parts = [m for call in self.recording.calls for m, flag in call.training if flag]
        drops = any(getattr(m, "p", 0) for m in parts if "Dropout" in type(m).__name__)
        return drawn or drops or (not self.recording.is_chained and len(self._training) > 1)

    def put_in_place(self, arm: Arm) -> None:
        """Let the live objects hold what this arm holds."""
        if self.current is arm:
            return
        if self.current is not None:
            self.current.unhook()
            self.current.state = State.of(self.holdings)
        arm.state.install()
        arm.hook()
        self.current = arm

    # ---- building -------------------------------------------------------------------------

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make a training from the recorded steps, with these changes; it is in place afterwards.

        With the recording's own seed: its weights, order and chance. With another: other weights of
        the same distribution, another order, other dropout. Raises CannotDiagnoseError without steps.
        """
        if not self.recording.units:
            raise CannotDiagnoseError(self.recording.obstacle or "no training step was recorded")
        own = seed is None or seed == self.seed
        arm = self._arm(None if own else seed, hold_out)
        self.put_in_place(arm)
        if not own:
            assert seed is not None
            self._redraw(seed)
        with gradient_hooks_seen(lambda tensor, hook: arm.hooks.append((tensor, hook))):
            model = self._changed(arm, changes)
        arm.hook()
        return Training(
            model=model,
            optimizers=tuple(self.optimizers),
            step=arm.step,
            evaluate=arm.evaluate,
            device=_device(self.model),
            precision=self.precision,
            loss_name=getattr(self.recording.units[0].criterion, "name", ""),
            optimizer_name=", ".join(type(o).__name__ for o in self.recording.optimizers),
            site_of=self.site_of,
            in_place=arm.in_place,
        )

    @property
    def _training(self) -> tuple[Unit, ...]:
        units = self.recording.units
        return units[: len(units) - self._held_out] if self._held_out else units

    @property
    def _held_out(self) -> int:
        return held_out_of(len(self.recording.units))

    def _arm(self, seed: int | None, hold_out: bool) -> Arm:
        units = self.recording.units
        training = self._training if hold_out else units
        unseen = units[len(training) :] if hold_out and self._held_out else units
        order = ordered(training, None if self.recording.is_chained else seed)
        player = Player(self.recording, Variation(seed=seed, penalties=self._penalties))
        return Arm(self.holdings, self.put_in_place, self.start.copied(), player, order, unseen)

    def _weights(self) -> list[Tensor]:
        return [t for t in self.holdings.tensors.values() if t.requires_grad]

    def _redraw(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for tensor in self._weights():
                if is_drawn(tensor):
                    tensor.copy_(redrawn(tensor, generator))

    def _changed(self, arm: Arm, changes: Sequence[Change]) -> nn.Module:
        before = learning(self.model, self.recording.optimizers)
        model = self.model
        vary = arm.player.vary
        vary.resolve = lambda module: self._resolved(module, model)
        for change in changes:
            if change.model is not None:
                model = change.model(model) or model
        model.to(_device(self.model))
        vary.modes = getattr(vars(self.model).get("forward"), "modes", ())
        vary.mended = mended(last(changes, "loop"), self.recording, self.optimizers)
        if learning(model, self.recording.optimizers) != before:
            self._follow(before, model)
        for optimizer in self.recording.optimizers:
            vary.settings[id(optimizer)] = self._settings(optimizer, changes)
        vary.precision = last(changes, "precision")
        vary.clip = last(changes, "clip")
        vary.penalty = self._penalty(changes)
        vary.inputs, vary.loss = together("", changes).inputs, self._loss(changes)
        return model

    def _follow(self, before: set[int], model: nn.Module) -> None:
        for optimizer in self.recording.optimizers:
            held = ids_held_by(optimizer)
            if held & before:
                follow_model(optimizer, before, model)
                before = before | {id(p) for p in model.parameters()}

    def _settings(self, optimizer: torch.optim.Optimizer, changes: Sequence[Change]) -> Settings:
        loop: LoopChange | None = last(changes, "loop")
        settings = Settings(
            self.recording.settings_of(optimizer),
            warm_up=last(changes, "warm_up"),
            is_steady=loop is not None and loop.is_steady,
        )
        if (edit := together("", changes).optimizer) is not None:
            settings.learn(optimizer, edit)
        return settings

    def _penalty(self, changes: Sequence[Change]) -> float:
        factor: float | None = last(changes, "penalty")
        if factor is not None and not self._penalties:
            raise CannotDiagnoseError("no penalty on weights is added to the recorded loss")
        return 1.0 if factor is None else factor

    def _loss(self, changes: Sequence[Change]) -> Any:
        loss = last(changes, "loss")
        if loss is not None and any(unit.criterion is None for unit in self.recording.units):
            raise CannotDiagnoseError(
                "the loss is computed inside the model: its last part cannot be exchanged"
            )
        return loss

    def _resolved(self, module: nn.Module, model: nn.Module) -> nn.Module:
        """Return what stands in the place of a recorded module, without what only wraps it."""
        module = unwrapped(module)
        path = self._paths.get(id(module))
        if path is None:
            return module
        if not path:
            return model
        try:
            return self.model.get_submodule(path)
        except AttributeError:
            return module


def held_out_of(number: int) -> int:
    """Return how many of that many recorded steps are held out."""
    return max(1, round(HELD_OUT * number)) if number >= FEWEST else 0


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))
