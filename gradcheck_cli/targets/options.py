"""Everything about a target that is a choice and not a part of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcheck_cli.declared import DEFAULTS, TRAINING, check
from gradcheck_cli.errors import UsageError

STRATEGIES = ("ddp", "fsdp")
LEAST_SEED, MOST_SEED = -(2**63), 2**64 - 1  # of torch.manual_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to load and how to train. Raises UsageError on values that make no sense."""

    lr: float | None = None
    batch_size: int | None = None
    seed: int = DEFAULTS["seed"]
    device: str = DEFAULTS["device"]
    precision: str = DEFAULTS["precision"]  # fp32 | bf16 | fp16
    model_args: Mapping[str, Any] = field(default_factory=dict)  # text values follow annotations
    weights: str | None = None  # FILE or FILE:key
    trust: bool = False  # load files that can run code
    target_column: str | None = None  # of a table
    input_key: str | None = None  # of a dict batch
    target_key: str | None = None
    scheduler: Any = None  # function of the optimizer
    clip_norm: float | None = None
    accumulate: int = DEFAULTS["accumulate"]  # micro-batches per step
    training_step: Any = None  # training_step(model, batch) or (model, batch, optimizers)
    strategy: str | None = None  # ddp | fsdp: share every batch with the other ranks
    most_samples: int | None = None  # of a batch that are used, where fixes are tried

    def __post_init__(self) -> None:
        if self.strategy not in (None, *STRATEGIES):
            raise UsageError(f"no strategy {self.strategy!r}; use {' or '.join(STRATEGIES)}")
        if not LEAST_SEED <= self.seed <= MOST_SEED:
            raise UsageError(f"seed {self.seed}: torch takes {LEAST_SEED} to {MOST_SEED}")
        for setting in TRAINING:
            check(setting.name, getattr(self, setting.name, None))
