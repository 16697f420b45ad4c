"""Readings, findings and the page into TensorBoard, W&B, MLflow or trackio, while a training runs.

    with watch(model, optimizer, to=[TensorBoard(writer)]):
        ...

Everything is written through the object that is handed over: nothing is imported before that and
nothing is configured, so nothing reaches a network unless that tracker does it. `send` writes a
finished report. Names hold the layer's place, so that they sort by depth.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from math import nan
from pathlib import Path
from typing import Any

from gradcheck_cli.errors import UsageError
from gradcheck_cli.live.following import Readings, numbered
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.textfile import write_text
from gradcheck_cli.renderers import markdown
from gradcheck_cli.renderers.html import render as render_html

PREFIX = "gradcheck"
PAGE = "gradcheck.html"


class Tracker(ABC):
    """A follower that turns what it hears into names, numbers and texts."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def readings(self, said: Readings) -> None:
        """Write every number of a step; names stay those of the first step that showed a layer."""
        new = [path for path in said.layers if path not in self._names]
        if new:
            self._names = numbered([*self._names, *new])
        numbers = {
            f"{PREFIX}/{quantity}/{self._names[path]}": value
            for quantity, row in said.values.items()
            for path, value in row.items()
        }
        self.numbers({f"{PREFIX}/loss": said.loss, **numbers}, said.step)

    def finding(self, said: Finding, step: int) -> None:
        """Write a finding where it happened."""
        self.text(f"{PREFIX}/findings", f"{said.code} {said.name}: {said.message}", step)

    def report(self, said: Report) -> None:
        """Write counts, the report and its page."""
        last = said.run.steps
        severities = [f.severity.value for f in said.findings]
        counts = {f"{PREFIX}/{s}s": severities.count(s) for s in ("error", "warning", "note")}
        self.numbers(counts, last)
        self.page(render_html(said), markdown.render(said), last)

    @abstractmethod
    def numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Write numbers of a step."""

    @abstractmethod
    def text(self, name: str, text: str, step: int) -> None:
        """Write a text."""

    @abstractmethod
    def page(self, page: str, summary: str, step: int) -> None:
        """Keep the page, and link to it."""


def send(report: Report, tracker: Tracker) -> None:
    """Write a finished report: the curves it holds, then what it says."""
    history = report.history
    losses = dict(zip(history.loss_steps, history.losses, strict=True))
    order = [x.path for x in sorted(report.layers, key=lambda x: x.order)]
    for i, step in enumerate(history.steps):
        values = {
            quantity: {path: v for path, row in rows.items() if (v := row[i]) is not None}
            for quantity, rows in history.series.items()
        }
        tracker.readings(Readings(step, losses.get(step, nan), order, values))
    tracker.report(report)


class TensorBoard(Tracker):
    """Into a `torch.utils.tensorboard.SummaryWriter`; the page goes into its folder."""

    def __init__(self, writer: Any) -> None:
        super().__init__()
        self._writer = writer

    def numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Write scalars."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def text(self, name: str, text: str, step: int) -> None:
        """Write Markdown."""
        self._writer.add_text(name, text, step)

    def page(self, page: str, summary: str, step: int) -> None:
        """Write the page beside the events, and the summary with a link to it."""
        file = Path(self._writer.log_dir) / PAGE
        write_text(file, page)
        self.text(f"{PREFIX}/report", f"[{PAGE}]({file.resolve().as_uri()})\n\n{summary}", step)


class Wandb(Tracker):
    """Into a run that `wandb.init()` returned. The step is a number of its own: W&B's must not go back."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self._run = run
        run.define_metric(f"{PREFIX}/step")
        run.define_metric(f"{PREFIX}/*", step_metric=f"{PREFIX}/step")

    def numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Write one row."""
        self._run.log({**numbers, f"{PREFIX}/step": step})

    def text(self, name: str, text: str, step: int) -> None:
        """Keep the texts as a list in the summary."""
        self._run.summary[name] = [*self._run.summary.get(name, []), f"step {step}: {text}"]

    def page(self, page: str, summary: str, step: int) -> None:
        """Show the page in a panel."""
        shown = _imported("wandb").Html(page, inject=False)
        self._run.log({f"{PREFIX}/page": shown, f"{PREFIX}/step": step})
        self._run.summary[f"{PREFIX}/report"] = summary


class Mlflow(Tracker):
    """Into the active run; give it the module `mlflow`."""

    def __init__(self, mlflow: Any) -> None:
        super().__init__()
        self._mlflow = mlflow

    def numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Write metrics, in one call, under names of letters, digits and a few signs."""
        plain = ((_plain(name), value) for name, value in numbers.items())
        self._mlflow.log_metrics(dict(plain), step=step)

    def text(self, name: str, text: str, step: int) -> None:
        """Write a tag, which a run shows beside its numbers."""
        self._mlflow.set_tag(f"{_plain(name).replace('/', '.')}.{step:06d}", text)

    def page(self, page: str, summary: str, step: int) -> None:
        """Keep the page as an artifact, and link to it in the run's description."""
        self._mlflow.log_text(page, PAGE)
        self._mlflow.set_tag(f"{PREFIX}.page_of_step", str(step))
        link = self._mlflow.get_artifact_uri(PAGE)
        self._mlflow.set_tag("mlflow.note.content", f"[{PAGE}]({link})\n\n{summary}")


class Trackio(Tracker):
    """Into the run that `trackio.init()` began; the page goes into `folder`."""

    def __init__(self, folder: str | Path = ".") -> None:
        super().__init__()
        self._trackio, self._file = _imported("trackio"), Path(folder) / PAGE

    def numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Write one row."""
        self._trackio.log(dict(numbers), step=step)

    def text(self, name: str, text: str, step: int) -> None:
        """Write Markdown."""
        self._trackio.log({name: self._trackio.Markdown(text)}, step=step)

    def page(self, page: str, summary: str, step: int) -> None:
        """Write the page into the folder, and the summary with a link to it."""
        write_text(self._file, page)
        link = f"[{PAGE}]({self._file.resolve().as_uri()})"
        self.text(f"{PREFIX}/report", f"{link}\n\n{summary}", step)


def _imported(name: str) -> Any:
    """Return an optional module; raises UsageError with what to install."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        raise UsageError(f"the package {name} is missing: pip install {name}") from missing


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
