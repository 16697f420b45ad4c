"""Other tools that look into a training, each attached as its documentation shows, reading every step."""

import itertools
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.models import Work

Step = Callable[[], object]
AS_MUCH = frozenset({"outputs", "gradients", "weights"})  # of all layers, at every step


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool: what it reads of every layer at every step, and how it is attached to a training."""

    name: str
    package: str  # which holds it
    module: str  # which its adapter imports
    reads: tuple[str, ...]
    attach: Callable[[Work, ExitStack], Step]

    @property
    def measures_as_much(self) -> bool:
        """Does it read every kind of tensor that gradcheck reads?"""
        return set(self.reads) >= AS_MUCH


def torchmortem(work: Work, stack: ExitStack) -> Step:
    """Its default sampling; the collectors that look at one of fifty steps are not in the times."""
    from torchmortem import Autopsy

    autopsy = stack.enter_context(Autopsy(work.model, optimizer=work.optimizer))
    return lambda: autopsy.step(loss=float(work.step()))


def torch_audit(work: Work, stack: ExitStack) -> Step:
    """Every step instead of its default of one in a thousand."""
    from torch_audit import autopatch

    auditor = autopatch(
        work.model, optimizer=work.optimizer, every_n_steps=1, suppress_internal_errors=True
    )
    stack.callback(auditor.unpatch)
    return lambda: float(work.step())


def cockpit(work: Work, stack: ExitStack) -> Step:  # noqa: ARG001 - it leaves nothing to undo
    """Its smallest configuration, `economy`, at every step."""
    from backpack import extend
    from cockpit import Cockpit
    from cockpit.utils.configuration import configuration

    extend(work.model)
    plane = Cockpit(work.model.parameters(), quantities=configuration("economy"))
    counter = itertools.count()

    def step() -> float:
        index = next(counter)
        work.optimizer.zero_grad()
        losses = work.losses()
        loss = losses.mean()
        told = {
            "batch_size": len(losses),
            "individual_losses": losses,
            "loss": loss,
            "optimizer": work.optimizer,
        }
        with plane(index, info=told):
            loss.backward(create_graph=plane.create_graph(index))
        work.optimizer.step()
        return float(loss)

    return step


def neural_observatory(work: Work, stack: ExitStack) -> Step:
    """Statistics only, without keeping tensors; it reads weights at the start and the end alone."""
    from neural_observatory import Observatory, ObservatoryConfig

    logging.getLogger("neural_observatory").setLevel(logging.ERROR)
    observatory = Observatory(work.model, config=ObservatoryConfig(stats_only_mode=True))
    observatory.watch()
    stack.callback(observatory.stop)

    def step() -> float:
        observatory.step()
        return float(work.step())

    return step


def wandb_watch(work: Work, stack: ExitStack) -> Step:
    """`wandb.watch(log="all", log_freq=1)` of an offline run, logged at every step."""
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # offline is offline
    import wandb

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    settings = wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)
    run = wandb.init(mode="offline", dir=folder, settings=settings)
    stack.callback(run.finish)
    run.watch(work.model, log="all", log_freq=1)
    return lambda: run.log({"loss": float(work.step())})


def tensorboard(work: Work, stack: ExitStack) -> Step:
    """A histogram of every weight and every gradient at every step."""
    from torch.utils.tensorboard import SummaryWriter

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    writer = stack.enter_context(SummaryWriter(folder))
    counter = itertools.count()

    def step() -> float:
        loss, index = float(work.step()), next(counter)
        writer.add_scalar("loss", loss, index)
        for name, parameter in work.model.named_parameters():
            writer.add_histogram(name, parameter, index)
            writer.add_histogram(f"{name}.grad", parameter.grad, index)
        return loss

    return step


def underflow_overflow(work: Work, stack: ExitStack) -> Step:
    """Largest and smallest absolute values of weights, inputs and outputs, in hooks that stay."""
    from transformers.debug_utils import DebugUnderflowOverflow

    kept = DebugUnderflowOverflow(work.model)
    stack.callback(kept.reset_saved_frames)
    return lambda: float(work.step())


def gradient_norm(work: Work, stack: ExitStack) -> Step:  # noqa: ARG001 - it leaves nothing to undo
    """One norm of all gradients by torch's fused kernels, fetched once: the least that can be read."""
    from torch.nn.utils import get_total_norm

    def step() -> float:
        loss = float(work.step())
        norm = get_total_norm([p.grad for p in work.model.parameters() if p.grad is not None])
        return loss + float(norm)

    return step


PEERS = (
    Peer("torchmortem", "torchmortem", "torchmortem", ("outputs", "gradients", "weights"), torchmortem),
    Peer("torch-audit", "torch-audit", "torch_audit", ("zeros of activations", "gradients", "weights"), torch_audit),
    Peer("Cockpit, economy", "cockpit-for-pytorch", "cockpit", ("gradients of each sample", "updates"), cockpit),
    Peer("neural-observatory", "neural-observatory", "neural_observatory", ("outputs", "gradients at outputs"), neural_observatory),
    Peer("wandb.watch", "wandb", "wandb", ("weights", "gradients"), wandb_watch),
    Peer("TensorBoard histograms", "tensorboard", "tensorboard", ("weights", "gradients"), tensorboard),
    Peer("DebugUnderflowOverflow", "transformers", "transformers", ("outputs", "weights"), underflow_overflow),
    Peer("one fused gradient norm", "torch", "torch", ("one norm",), gradient_norm),
)  # fmt: skip


def is_installed(peer: Peer) -> bool:
    """Can its adapter be imported?"""
    return find_spec(peer.module) is not None
