"""A finished report into TensorBoard, W&B or MLflow: written through the object that is handed over.

Nothing is imported and nothing is configured here, so nothing reaches a network unless the tracker
that was handed over does that.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers import markdown
from gradcheck_cli.renderers.html import render as render_html

PREFIX = "gradcheck"


class TensorBoardWriter(Protocol):
    """What is needed of a `SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any:
        """Write one number."""

    def add_text(self, tag: str, text_string: str) -> Any:
        """Write Markdown."""


class WandbRun(Protocol):
    """What is needed of a W&B run."""

    def log(self, data: dict[str, Any]) -> Any:
        """Write some numbers."""


class MlflowClient(Protocol):
    """What is needed of the module `mlflow`."""

    def log_metric(self, key: str, value: float, step: int) -> Any:
        """Write one number."""

    def log_text(self, text: str, artifact_file: str) -> Any:
        """Write a file."""


def readings(report: Report) -> Iterator[tuple[str, int, float]]:
    """Yield (name, step, value) of the losses and of every curve of every layer."""
    for step, loss in zip(report.history.loss_steps, report.history.losses, strict=True):
        yield f"{PREFIX}/loss", step, loss
    for quantity, rows in report.history.series.items():
        for layer, values in rows.items():
            for step, value in zip(report.history.steps, values, strict=True):
                if value is not None:
                    yield f"{PREFIX}/{quantity}/{layer}", step, value


def counts(report: Report) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    severities = [f.severity.value for f in report.findings]
    return {f"{PREFIX}/{name}s": severities.count(name) for name in ("error", "warning", "note")}


def to_tensorboard(report: Report, writer: TensorBoardWriter) -> None:
    """Write curves and the report into a `torch.utils.tensorboard.SummaryWriter`."""
    for name, step, value in readings(report):
        writer.add_scalar(name, value, step)
    writer.add_text(f"{PREFIX}/report", markdown.render(report))


def to_wandb(report: Report, run: WandbRun) -> None:
    """Write curves and counts into a run that `wandb.init()` returned.

    The step is a value of its own, because W&B drops rows that go back in its own step.
    """
    rows: dict[int, dict[str, Any]] = {}
    for name, step, value in readings(report):
        rows.setdefault(step, {f"{PREFIX}/step": step})[name] = value
    for step in sorted(rows):
        run.log(rows[step])
    run.log(dict(counts(report)))


def to_mlflow(report: Report, mlflow: MlflowClient) -> None:
    """Write curves, counts and the HTML page into the active run; give it the module `mlflow`."""
    for name, step, value in readings(report):
        mlflow.log_metric(_plain(name), value, step)
    for name, count in counts(report).items():
        mlflow.log_metric(name, count, len(report.history.losses))
    mlflow.log_text(render_html(report), "gradcheck.html")


def _plain(name: str) -> str:
    """MLflow takes letters, digits, and a few signs."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
