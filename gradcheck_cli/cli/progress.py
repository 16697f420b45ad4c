"""The progress of a training, on stderr."""

from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from gradcheck_cli.cli.consoles import animated, err
from gradcheck_cli.renderers.words import clean


class Steps:
    """The progress of a training on stderr; silent where nothing may move."""

    def __init__(self, *, quiet: bool) -> None:
        console = err()
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=quiet or not animated(console),
        )
        self.task = self.progress.add_task("starting", total=None, note="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def step(self, done: int, total: int, loss: float) -> None:
        """Show that `done` of `total` steps are behind us."""
        self.progress.update(self.task, completed=done, total=total, note=f"loss {loss:.4g}")

    def stage(self, name: str) -> None:
        """Show what is being done now."""
        self.progress.update(self.task, description=clean(name), note="")
