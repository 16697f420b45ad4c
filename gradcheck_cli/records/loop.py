"""What the loop around the steps did, as it was seen at backward passes and updates.

The probe counts, the rules judge: an entry here is an observation, and no mistake yet. Gradients are
looked at in a sample of the updates, which is what the habits that concern them are counted in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gradcheck_cli.records.site import SourceSite

BY_HAND = "ByHand"  # the name of an optimizer where there is none


class Kind(StrEnum):
    """What a habit is about."""

    UNCLEARED = "uncleared"  # updates by gradients that an earlier update had already used
    THROWN = "thrown"  # gradients cleared before any update used them; of all backward passes
    WIPED = "wiped"  # updates without a gradient because it was cleared after its backward pass
    PARTED = "parted"  # updates without some gradients that were cleared after their backward pass
    IDLE = "idle"  # updates by an optimizer none of whose parameters ever had a gradient
    OUTLIVED = "outlived"  # updates in a row, up to the last, without a new gradient, while a model of the same shapes gets them
    FADED = "faded"  # updates at the end, in a row, at a small share of the configured rate
    LOWERED = (
        "lowered"  # times that a plateau scheduler lowered the rate, of all numbers it was given
    )
    WARMING = "warming"  # all updates, none of which reached a good share of the configured rate
    SCHEDULED_FIRST = "scheduled first"  # a scheduler stepped before the first update
    CLIPPED_SCALED = "clipped scaled"  # clippings of gradients that a scaler had not unscaled
    STEPPED_SCALED = "stepped scaled"  # updates by gradients that a scaler had not unscaled
    REWRAPPED = "rewrapped"  # backward passes from a tensor that leads to no parameter
    CUT_CHECKPOINT = "cut checkpoint"  # reentrant checkpoints of inputs that carry no gradient
    BLIND_TERM = "blind term"  # inspected steps in which a term of the loss had no gradient
    UNFROZEN_LATE = "unfrozen late"  # parameters outside of optimizers, frozen when they were made
    ADDED_LATE = "added late"  # parameters outside of optimizers, created after they were made
    MADE_ANEW = (
        "made anew"  # inspected steps in which weights drawn in the forward pass had a gradient
    )
    REMADE = "remade"  # times that a model or optimizer was made anew at one line
    LEFT_BEHIND = (
        "left behind"  # spells without a graph of a model that stands where the training began
    )
    SUMMED = (
        "summed"  # inspected steps that add up mean losses of several backward passes undivided
    )
    IGNORED = "ignored"  # inspected steps in which all labels were ignored, or there were none
    TRAIN_MODE = (
        "train mode"  # spells between updates with dropout or batch norm acting without a graph
    )
    EVAL_MODE = "eval mode"  # updates in a row, up to the last, in eval mode, after train mode
    HOOKED = "hooked"  # calls of a hook of the user's on gradients, and the factor of their size
    ONE_BATCH = "one batch"  # inspected steps, all of which were given the same batch of a loader
    BROKE = "broke"  # inspected steps in which a call's backward pass made numbers into none; its name, its layer
    MADE_NONE = "made none"  # the call that made the first of what is no number, of numbers; its name, its layer
    OUTSIDE = "outside"  # values given to a loss that is not documented for them; of which argument
    DROWNED = "drowned"  # inspected steps with several tasks, and how one of them stands: a habit for each
    WEIGHED_BY_ALL = "weighed by all"  # inspected steps in which all samples are weighed by the numbers of all, of those with such a product
    FEW_DRAWN = "few drawn"  # draws of a loader in one pass, of its samples
    SEEDED = "seeded"  # updates before which the same line set the same seed, and the training drew; the function, the seed
    RESCALED = "rescaled"  # samples in memory that were scaled or shifted after they had been trained on; of those looked at
    UNLOADED = "unloaded"  # tensors of a state that a trained module was to load, and took none of
    HELD_TWICE = "held twice"  # optimizers with another one's parameters, beside idle gradients
    OPPOSED = "opposed"  # looks at an optimizer that holds all of another one, and pulls against it
    ASCENDS = "ascends"  # the optimizer goes up: `maximize`, or a negative rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """Something that the loop did `times` out of `of` occasions, first at `at`."""

    kind: Kind
    times: int = 0
    of: int = 0
    at: SourceSite | None = None
    names: tuple[str, ...] = ()  # layers, classes of schedulers, ... as the kind says
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """How often it was so, of the occasions: 0..1."""
        return self.times / self.of

    @property
    def where(self) -> str:
        """The place, to be written behind what it is the place of; nothing where it is unknown."""
        return f" at {self.at}" if self.at else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFacts:
    """One training's loop, over the whole run."""

    backwards: int = 0
    updates: int = 0
    others: int = 0  # optimizers of other trainings that stepped
    backward_at: SourceSite | None = None  # where the first backward pass began
    habits: tuple[Habit, ...] = ()

    def habits_of(self, kind: Kind) -> tuple[Habit, ...]:
        """Return all habits of this kind."""
        return tuple(h for h in self.habits if h.kind == kind)

    def habit(self, kind: Kind) -> Habit:
        """Return the first habit of this kind; one that never happened when there is none."""
        return next(iter(self.habits_of(kind)), Habit(kind=kind))
