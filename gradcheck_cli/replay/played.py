"""Recorded steps as they are handed over once a run has ended, and what can be repeated from them."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from torch import nn

from gradcheck_cli.probe.session import Session
from gradcheck_cli.records.diagnosis import UNTRIED
from gradcheck_cli.replay.arm import apart, opposed
from gradcheck_cli.replay.keeping import Keeper
from gradcheck_cli.replay.recorder import Recorder
from gradcheck_cli.replay.recording import Recording
from gradcheck_cli.replay.repeating import Replay, held_out_of
from gradcheck_cli.replay.reproducing import Replayed
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.optimizers import ids_held_by
from gradcheck_cli.targets.repeatable import Either, Repeatable

SECONDS = 2.0  # in which recorded steps are to be reproduced, where only experiments follow
LIGHT = 2**27  # bytes of data, and of weights, that are kept where nobody asked for a recording
BESIDE = "several models are trained against or beside each other, and this one cannot be trained alone: "
AGAINST = (
    "the optimizers learn from losses of which one opposes another: watch each network by itself, "
    "with its own optimizer, to have its fixes tried"
)
LATER = "another optimizer, of other parameters, took over after the recorded steps"
STILL = "meanwhile what else is trained stood still, as it was at the first recorded step"
UNMEASURED = "gradcheck failed in measuring while the steps were recorded"
Again = Callable[[Session, nn.Module, str], Repeatable]  # its model, and why it is not played


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The recorded steps of a run, on which experiments are made and fixes are tried."""

    recording: Recording
    trials: bool = True  # are fixes tried, too?
    ended: bool = False  # by itself, as it was meant to
    beside: bool = False  # several trainings at once, whose losses need not fall
    pace: float = 0.0  # seconds per step
    around: Callable[[], AbstractContextManager[object]] = nullcontext  # while arms are run
    again: Again | None = None  # how it is run again where it cannot be played

    @property
    def said(self) -> tuple[str, ...]:
        """What the report says of how fixes were tried."""
        recording = self.recording
        number = len(recording.units)
        kept = number - held_out_of(number)
        return (
            f"fixes were tried on {number} recorded steps, replayed in this process: the unchanged "
            f"replay reproduced their losses; {kept} are trained on again and again, the last "
            f"{number - kept} are held out",
            *recording.notes,
            *(
                [f"{recording.returning}: these values are those of the run"]
                if recording.returning
                else []
            ),
            *(
                ["inputs that depended on the model are those of the run"]
                if recording.is_chained
                else []
            ),
        )


def recorder(*, trials: bool) -> Recorder:
    """Return one for trials, or one that keeps and costs little, for experiments that nobody asked for."""
    light = Recorder(memory=LIGHT, keeper=Keeper(most=LIGHT), waits=True)
    return Recorder() if trials else light


def repeated(session: Session, played: Played | None) -> tuple[Repeatable | None, str]:
    """Return the training as one that can be repeated, or why it cannot be."""
    if played is None:
        return None, UNTRIED
    recording = played.recording
    if not recording.units:
        why = recording.obstacle or "no complete training step was recorded"
        if played.again is not None and not played.beside:
            return played.again(session, one_model(session), why), ""
        return None, f"the steps could not be recorded: {why}"
    if played.beside or len(recording.optimizers) > 1:
        others = any(o not in session.recorder.optimizers for o in recording.optimizers)
        against = opposed(recording)
        if played.beside or (others and against):
            return _alone(session, played)
        if against:
            return None, AGAINST
    model, optimizers = one_model(session), session.recorder.optimizers
    known = [session.loop.accounts.get(o) for o in optimizers]
    if not recording.optimizers and any(a is not None and a.updates for a in known):
        return None, "none of the recorded backward passes was followed by an update"
    recorded = [ids_held_by(o) for o in recording.optimizers]
    stepped = (o for o, a in zip(optimizers, known, strict=True) if a is not None and a.updates)
    if recorded and any(ids_held_by(o) not in recorded for o in stepped):
        return None, LATER
    replay = Replay(recording, model, session.site_of, session.precision, optimizers=optimizers)
    seconds = math.inf if played.trials else SECONDS
    replayed = Replayed(replay, played.around, played.said, seconds=seconds)
    again = played.again
    if recording.returning and again is not None:
        return again(session, model, recording.returning), ""
    if recording.returning and not played.trials:
        return None, recording.returning
    return replayed if again is None else Either(replayed, partial(again, session, model)), ""


def _alone(session: Session, played: Played) -> tuple[Repeatable | None, str]:
    """Return one of several trainings with the others standing still."""
    recording = played.recording
    alone, why = apart(recording, session.recorder.optimizers)
    if alone is None or alone.returning:
        return None, BESIDE + (why if alone is None else alone.returning)
    model = one_model(session)
    replay, whole = (
        Replay(x, model, session.site_of, session.precision) for x in (alone, recording)
    )
    return Replayed(replay, played.around, (*played.said, STILL), whole=whole), ""


def one_model(session: Session) -> nn.Module:
    """Return a module in which the paths of the layers are found, without the wrappers' names."""
    plain = [unwrapped(model) for model in session.group.models]
    if session.names == ("",):
        return plain[0]
    return nn.ModuleDict(dict(zip(session.names, plain, strict=True)))
