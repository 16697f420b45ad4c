"""One training on several ranks: PyTorch's own DDP or FSDP2 around the model of a target.

Every rank builds the same model from the same seed and draws the same batches; each trains on its
share of every batch, so that all together train on what one process would.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim import LBFGS, Optimizer

from gradcheck_cli.errors import CannotDiagnoseError, GradcheckError, UsageError
from gradcheck_cli.targets.batches import UNEQUAL, samples_in
from gradcheck_cli.targets.losses import Computed, Objective
from gradcheck_cli.targets.wording import describe, map_tensors

NAMES = {"ddp": "DistributedDataParallel", "fsdp": "FSDP2 (fully_shard)"}


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Let the ranks of this torchrun talk to each other: over gloo, or nccl where there is CUDA."""
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def device_of_rank(device: torch.device) -> torch.device:
    """Return the accelerator that is this rank's own, where none was named by number."""
    if device != torch.device("cuda"):
        return device
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(own)
    return own


def sharded(model: nn.Module, device: torch.device) -> nn.Module:
    """Spread the parameters over the ranks with FSDP2: blocks first, then what is left.

    Raises CannotDiagnoseError with what torch says against it, UsageError where torch is too old.
    """
    if device.type == "cpu" and not hasattr(torch.cpu.Stream, "record_event"):  # before torch 2.7
        raise UsageError(
            f"--strategy fsdp on the CPU needs torch 2.7 or newer, not {torch.__version__}"
        )
    try:
        mesh = init_device_mesh(device.type, (dist.get_world_size(),))
        for block in _blocks(model):
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        if hasattr(model, "training_step"):
            register_fsdp_forward_method(model, "training_step")
    except Exception as cause:
        raise _unfit("fsdp", model, cause) from cause
    return model


def _blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the members of the outermost lists, unless they share a parameter with something else."""
    holders: dict[int, int] = {}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            holders[id(parameter)] = holders.get(id(parameter), 0) + 1
    waiting = [model]
    while waiting:
        module = waiting.pop(0)
        if not isinstance(module, nn.Sequential | nn.ModuleList):
            waiting += module.children()
            continue
        for member in module:
            own = [p for m in member.modules() for p in m.parameters(recurse=False)]
            if own and not _is_list(member) and all(holders[id(p)] == 1 for p in own):
                yield member


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict)


def follow_shards(optimizer: Optimizer, names: dict[int, str], model: nn.Module) -> None:
    """Let an optimizer that came with the model hold the shards of what it held, `names` by id."""
    by_name = dict(model.named_parameters())
    for entry in optimizer.param_groups:
        entry["params"] = [by_name[names[id(p)]] if id(p) in names else p for p in entry["params"]]


class _Step(nn.Module):
    """Model and loss as one module: one forward pass of DDP for one backward pass, whatever the loss calls."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.computed: Computed | None = None

    def forward(self, batch: Any) -> Tensor:
        self.computed = self.objective.compute(self.model, batch)
        return self.computed.loss


@dataclass(slots=True)
class Parallel:
    """How one rank computes its part of a step. Raises CannotDiagnoseError where torch refuses the model."""

    kind: str
    model: nn.Module
    objective: Objective
    step: _Step = field(init=False)
    replica: DistributedDataParallel | None = None

    def __post_init__(self) -> None:
        self.step = _Step(self.model, self.objective)
        if self.kind == "ddp":
            try:  # a sick model has parameters that no gradient reaches
                self.replica = DistributedDataParallel(self.step, find_unused_parameters=True)
            except Exception as cause:
                raise _unfit("ddp", self.model, cause) from cause

    def compute(self, batch: Any) -> Computed:
        """Run model and loss on this rank's share."""
        (self.replica or self.step)(batch)
        computed, self.step.computed = self.step.computed, None
        assert computed is not None
        return computed  # its own loss, not DDP's copy of it: the graph stays as the model made it

    def mean(self, loss: Tensor) -> Tensor:
        """Return the loss of the whole batch, the same on all ranks, so that all decide the same."""
        total = loss.detach().double().clone()
        dist.all_reduce(total)
        return (total / dist.get_world_size()).to(loss.dtype)


def refuse(kind: str, optimizers: tuple[Optimizer, ...], *, manual: bool, precision: str) -> None:
    """Raise UsageError on a loop that these strategies cannot carry."""
    instead = "train it in your own script and use torchrun -m gradcheck_cli run"
    if manual:
        raise UsageError(
            f"--strategy {kind}: the training step steps its optimizers itself; {instead}"
        )
    if len(optimizers) > 1:
        raise UsageError(f"--strategy {kind} takes one optimizer, not {len(optimizers)}; {instead}")
    if isinstance(optimizers[0], LBFGS):
        raise UsageError(f"--strategy {kind}: LBFGS runs the model several times a step; {instead}")
    if kind == "fsdp" and precision == "fp16":
        raise UsageError("--strategy fsdp: fp16 scales losses per rank; use --precision bf16")


def shares(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield this rank's samples of every batch: each world-th, beginning with its own number.

    Raises UsageError on a batch that the ranks cannot share equally.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    for batch in batches:
        yield share(batch, rank, world)


def share(batch: Any, rank: int, world: int) -> Any:
    """Return the samples `rank`, `rank + world`, ... of a batch of tensors. Raises UsageError."""
    samples = samples_in(batch)
    if samples is None:
        raise UsageError(
            f"--strategy: a batch of {describe(batch)} cannot be shared between ranks: {UNEQUAL}"
        )
    if samples % world or not samples:
        near = max(1, round(samples / world)) * world
        raise UsageError(
            f"--strategy: a batch of {samples} samples cannot be shared equally by {world} ranks; "
            f"use --batch-size {near}"
        )
    return map_tensors(batch, lambda tensor: tensor[rank::world] if tensor.ndim else tensor)


def notes(kind: str, model: nn.Module) -> Iterator[str]:
    """Say how the ranks train together."""
    world = dist.get_world_size()
    yield f"{NAMES[kind]} over {world} ranks; each takes one sample in {world} of a batch"
    if any(isinstance(module, _BatchNorm) for module in model.modules()):
        yield "batch normalization takes its statistics from each rank's own samples"


def _unfit(kind: str, model: nn.Module, cause: Exception) -> GradcheckError:
    first = (str(cause).strip().splitlines() or [""])[0]
    return CannotDiagnoseError(
        f"{type(model).__name__} cannot be trained with {NAMES[kind]}: {type(cause).__name__}: {first}"
    )
