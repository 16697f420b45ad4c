"""What was measured and what was not: the waist between the probe and the rules.

A trace is frozen plain data. Layers stand in the order in which they first ran; every reading
belongs to a layer (by path) and to a step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import Any

from gradcheck_cli.records.examination import Answer, Outcome, Pass
from gradcheck_cli.records.loop import LoopFacts
from gradcheck_cli.records.reading import Reading as Reading  # noqa: PLC0414 - found here, too
from gradcheck_cli.records.site import SourceSite as SourceSite  # noqa: PLC0414 - found here, too


class Role(StrEnum):
    """What a layer does in the network."""

    LINEAR = "linear"  # Linear, convolutions, bilinear: weights times inputs
    RECURRENT = "recurrent"  # RNN, LSTM, GRU and their cells
    ATTENTION = "attention"  # modules and calls that hold a softmax over positions
    EMBEDDING = "embedding"
    NORMALIZATION = "normalization"
    ACTIVATION = "activation"  # a nonlinearity, as a module or as a call
    PARAMETER = "parameter"  # bare parameters: gates, positions, scales


CHOICES = "log-probabilities of choices times numbers from outside"
OWN_CHOICES = "log-probabilities of the model's own choices times numbers from outside"
MOVING_TARGETS = "its targets are computed by a network that changes during the training"
OVER_THE_BATCH = "log_softmax over the batch"  # what an output went through, on the wrong axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One trainable tensor, as it was when the first step was observed."""

    name: str  # full name: net.0.weight
    shape: tuple[int, ...]
    dtype: str = "float32"
    trainable: bool = True  # requires_grad
    optimized: bool = True  # some optimizer holds it
    reached: bool = True  # a gradient arrived at least once
    learning_rate: float | None = None
    weight_decay: float = 0.0
    shared_with: tuple[str, ...] = ()  # other names of the same tensor
    std: float = 0.0  # of its elements at the start
    rows_identical: bool = False  # all output units start with the same weights

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A module with parameters of its own, or a nonlinearity; in execution order."""

    path: str  # name in the model; a functional call is `owner:relu`, with `#2` for the second
    kind: str  # class of the module or name of the function
    role: Role
    order: int  # position in the forward pass
    called: bool = True
    # weight layers from here to the loss on the longest path; 0 = the last
    depth: int | None = None
    shortest: int | None = None  # on the shortest path: less than `depth` where skips exist
    calls: int = 1  # per step; recurrent cells and shared layers have many
    parameters: tuple[Parameter, ...] = ()
    activation: str | None = None  # the nonlinearity its output goes through next
    activated_by: str | None = None  # path of that nonlinearity
    normalized: bool = False  # a normalization follows before the next weights
    fan_in: int | None = None
    fan_out: int | None = None
    reads: tuple[str, ...] = ()  # layers whose outputs it was computed from, without layers between
    training: bool = True  # the module's own flag
    built_at: SourceSite | None = None
    gradient_arrives: bool = True  # the loss is connected to its output

    @property
    def weight(self) -> Parameter | None:
        """The largest parameter, which is the one that variance conditions are about."""
        return max(self.parameters, key=lambda p: p.numel, default=None)

    @property
    def trainable(self) -> bool:
        """Does any of its parameters ask for a gradient?"""
        return any(p.trainable for p in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One training step."""

    index: int
    loss: float
    data_loss: float | None = None  # its part that compares outputs with targets, in its own unit
    # by layer path; empty = not observed
    readings: Mapping[str, Reading] = field(default_factory=dict)
    learning_rate: float | None = None
    clip: float | None = None  # norm after clipping / norm before; None where nothing was clipped
    loss_scale: float = 1.0  # of mixed precision
    skipped: bool = False  # the scaler skipped the update


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A call that ends the gradient's way: detach, no_grad, argmax, round, ..."""

    operation: str
    layer: str | None  # innermost module in whose forward it happened
    at: SourceSite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What the batches looked like."""

    batch_size: int | None = None
    input_shapes: tuple[tuple[int, ...], ...] = ()
    input_mean: float | None = None
    input_std: float | None = None
    input_peak: float | None = None
    input_drift: float | None = None  # size of late batches / of the first ones
    constant_features: float | None = None  # share of input features that never vary
    nonfinite_inputs: int = 0
    target_shape: tuple[int, ...] | None = None
    target_kind: str | None = None  # classes | values
    classes_seen: int | None = None
    target_low: float | None = None
    target_high: float | None = None
    nonfinite_targets: int = 0
    duplicate_inputs: float | None = None  # share of samples in a batch that equal another one
    inputs_asked: bool = False  # the script asks for a gradient of what it gives to the model
    sorted_by_class: float | None = None  # classes in a batch / at random, where they come in rows


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFacts:
    """What the loss was computed from, as far as it could be seen."""

    kind: str | None = None  # cross_entropy | binary_cross_entropy_with_logits | mse_loss | ...
    at: SourceSite | None = None
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    activation_before: str | None = None  # the last nonlinearity between output and loss
    classes: int | None = None
    baseline: float | None = None  # the loss of the best constant prediction on the targets seen
    apart: bool = False  # it has other terms beside those that compare outputs with targets
    data_baseline: float | None = None  # then: what the constant loses in `Step.data_loss`
    bounded: bool | None = None  # it is never negative; None where nothing is known of it
    surrogate: str = ""  # why its size does not tell whether anything is learned
    first_over_guess: float | None = None  # the first loss of a classifier / of guessing among all
    broadcast: bool = False  # output and target had different shapes and were stretched
    # Of the first scores: rms around the mean over classes (binary: around 0). None for other losses.
    score_scale: float | None = None
    redrawn: bool = False  # choices whose log-probabilities are weighed were drawn for that alone
    # Of a policy: cosine of pushes on choices with their weights, and with their worth beyond its estimate.
    pushed_by_weights: float | None = None
    pushed_by_values: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A layer whose copies on several ranks are no longer the same: the first step it was seen."""

    layer: str
    step: int
    rank: int  # that differs most from rank 0
    low: float  # smallest norm of its weights on any rank
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A plain attribute of a model that holds weights: gradients reach them, and no optimizer holds them."""

    path: str
    computed: bool  # from what asks for a gradient, when the model was built
    contained: bool  # in a list, tuple or dict
    parameter: bool  # a Parameter is among what it is or was computed from
    at: SourceSite | None = None  # the line that sets it


@dataclass(frozen=True, kw_only=True)  # no slots: it holds what was derived from it
class Trace:
    """Everything one observed run has to say."""

    layers: tuple[Layer, ...] = ()
    steps: tuple[Step, ...] = ()
    data: DataFacts = field(default_factory=DataFacts)
    loss: LossFacts = field(default_factory=LossFacts)
    cuts: tuple[Cut, ...] = ()
    comparisons: tuple[Cut, ...] = ()  # of what layers computed: no way for a gradient, but masks
    clamps: tuple[Cut, ...] = ()  # beyond their limits no gradient passes
    steep: tuple[Cut, ...] = ()  # calls with points where the slope is infinite: sqrt at 0
    gaps: tuple[Gap, ...] = ()
    optimizer: str | None = None
    adaptive: bool = False  # the optimizer rescales each element (Adam and kin)
    precision: str = "float32"
    # modules kept in plain lists or dicts, unseen by parameters()
    unregistered: tuple[str, ...] = ()
    strays: tuple[Stray, ...] = ()  # weights that are no parameters
    drifts: tuple[Drift, ...] = ()  # replicas that differ, of a training on several ranks
    looks: int = 0  # steps in which layers were read; of a very long run not all readings are kept
    # the first step with a value that was not finite, if it was cut off
    broken_at: int | None = None
    passes: tuple[Pass, ...] = ()  # steps repeated with one thing changed, of a sick training
    skips: bool = False  # somewhere a sum joins a branch with its own input
    examination: tuple[Answer, ...] = ()  # what experiments on the same training answered
    loop: LoopFacts | None = None  # None where nobody watched the loop

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """What rules compute from this trace, kept so that it is computed once."""
        return {}

    @cached_property
    def observed(self) -> tuple[Step, ...]:
        """The steps in which layers were read."""
        return tuple(step for step in self.steps if step.readings)

    @property
    def taken(self) -> int:
        """How many steps were taken; of a very long run not all are kept."""
        return self.steps[-1].index + 1 if self.steps else 0

    @cached_property
    def losses(self) -> list[float]:
        """The loss of every step that is kept."""
        return [step.loss for step in self.steps]

    def answer(self, name: str) -> Answer | None:
        """Return what an experiment answered; None where it was not asked or was skipped."""
        return next(
            (a for a in self.examination if a.name == name and a.outcome is not Outcome.SKIPPED),
            None,
        )

    def layer(self, path: str) -> Layer:
        """Return the layer called `path`; raises KeyError."""
        return self._by_path[path]

    def built_at(self, paths: Iterable[str]) -> SourceSite | None:
        """Return where the first of these layers was built, of those whose place is known."""
        known = (self._by_path[path].built_at for path in paths if path in self._by_path)
        return next((site for site in known if site), None)

    @cached_property
    def _by_path(self) -> dict[str, Layer]:
        return {layer.path: layer for layer in reversed(self.layers)}  # of equal ones the first

    @cached_property
    def weight_layers(self) -> tuple[Layer, ...]:
        """Layers that ran and hold weights (no normalization, no bare scales)."""
        kinds = {Role.LINEAR, Role.RECURRENT, Role.ATTENTION, Role.EMBEDDING}
        return tuple(x for x in self.layers if x.called and x.parameters and x.role in kinds)
