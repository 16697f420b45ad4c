# ruff: noqa: ARG002 - the signatures are theirs
"""`Trainer(callbacks=[GradcheckCallback()])`: watch a Lightning training and keep its report."""

from typing import Any

from lightning.pytorch import Callback, Trainer

from gradcheck_cli.integrations.callback import WatchingCallback
from gradcheck_cli.records.finding import Finding


class GradcheckCallback(WatchingCallback, Callback):  # type: ignore[misc] # Lightning is not installed where we are checked
    """Watches from the first batch to the end of `fit`, also where that ends by an exception.

    The arguments are those of `WatchingCallback`.
    """

    _trainer: Trainer | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch: model and optimizers are in place."""
        self._trainer = trainer
        self._begin(pl_module, trainer.optimizers)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop watching and report."""
        self._trainer = None
        self.finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Report what was seen until the training failed."""
        self._trainer = None
        self.finish()

    def _found(self, finding: Finding) -> None:
        super()._found(finding)
        if self.should_stop and self._trainer is not None:
            self._trainer.should_stop = True
