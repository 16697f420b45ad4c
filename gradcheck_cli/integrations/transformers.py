# ruff: noqa: ARG002 - the signatures are theirs
"""`Trainer(callbacks=[GradcheckTrainerCallback()])`: watch a Hugging Face training, keep its report."""

from typing import Any

from transformers import TrainerCallback

from gradcheck_cli.integrations.callback import WatchingCallback


class GradcheckTrainerCallback(WatchingCallback, TrainerCallback):  # type: ignore[misc] # not installed where we are checked
    """Watches from the first step to the end of `train`; after an exception, `finish()` reports.

    The arguments are those of `WatchingCallback`.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin to watch: the Trainer hands over its model and optimizer."""
        optimizer = given["optimizer"]
        self._begin(
            given["model"], getattr(optimizer, "optimizer", optimizer)
        )  # accelerate wraps it

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the training when that was asked for."""
        if self.should_stop:
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop watching and report."""
        self.finish()
