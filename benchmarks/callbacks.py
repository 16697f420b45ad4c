"""Trainings by Lightning, by transformers and of a compiled model, bare or watched, for `benchmarks.judging`.

All train the MLP for digits of 28x28 pixels (784-256-256-10) on batches of 128.
"""

import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from gradcheck_cli.probe.everywhere import Everywhere

BATCH = 128


def network(width: int = 256) -> nn.Sequential:
    """Return the MLP, or one with wider hidden layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


class Batches(Dataset[dict[str, torch.Tensor]]):
    """Batches that are there already, so that time goes into training."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        x = torch.randn(8, BATCH, 784)
        self.kept = [{"x": a, "labels": a[:, :10].argmax(1)} for a in x]

    def __len__(self) -> int:
        """Return how many there are."""
        return self.steps

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Return a batch."""
        return self.kept[index % len(self.kept)]


@contextmanager
def _clock() -> Iterator[list[float]]:
    spent: list[float] = []
    begun = time.process_time()
    yield spent
    spent.append(time.process_time() - begun)


def lightning(steps: int, *, watched: bool) -> float:
    """Return the processor seconds of `fit`."""
    from lightning.pytorch import LightningModule, Trainer

    from gradcheck_cli.integrations.lightning import GradcheckCallback

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            return functional.cross_entropy(self.net(batch["x"]), batch["labels"])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    callbacks = [GradcheckCallback()] if watched else []
    trainer = Trainer(accelerator="cpu", max_epochs=1, callbacks=callbacks, **quiet)
    data = DataLoader(Batches(steps), batch_size=None)
    with _clock() as spent:
        trainer.fit(Module(), data)
    return spent[0]


def transformers(steps: int, *, watched: bool) -> float:
    """Return the processor seconds of `train`."""
    from transformers import Trainer, TrainingArguments

    from gradcheck_cli.integrations.transformers import GradcheckTrainerCallback

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            logits = self.net(x)
            return {"loss": functional.cross_entropy(logits, labels), "logits": logits}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=1,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(
            Model(),
            arguments,
            train_dataset=Batches(steps),
            data_collator=lambda batches: batches[0],
            callbacks=[GradcheckTrainerCallback()] if watched else [],
        )
        with _clock() as spent:
            trainer.train()
    return spent[0]


def compiled(steps: int, *, watched: bool, width: int = 256) -> float:
    """Return the processor seconds of a loop over a compiled model, watched as `gradcheck run` does.

    Compiling is a part of it, by a warm cache.
    """
    torch.compiler.reset()
    seen: Any = nullcontext()
    if watched:
        seen = Everywhere()
        seen.loop.alive.none_yet = True  # as `run` knows, when torch was imported just now
    data = Batches(steps)
    with warnings.catch_warnings(), seen, _clock() as spent:
        warnings.simplefilter("ignore")
        model = network(width)
        fast = torch.compile(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(steps):
            batch = data[step]
            optimizer.zero_grad()
            functional.cross_entropy(fast(batch["x"]), batch["labels"]).backward()
            optimizer.step()
    return spent[0]
