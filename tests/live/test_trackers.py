"""Readings, findings and the page in trackers, as they can be read there afterwards."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_cli import watch
from gradcheck_cli.errors import UsageError
from gradcheck_cli.live.following import Readings, numbered
from gradcheck_cli.live.trackers import Mlflow, TensorBoard, Tracker, Trackio, Wandb, send
from gradcheck_cli.records.report import History, Report
from tests.support import a_report


class Notes(Tracker):
    """A tracker that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.texts: list[tuple[str, str, int]] = []
        self.pages: list[str] = []

    def numbers(self, numbers, step: int) -> None:
        self.rows.append((step, dict(numbers)))

    def text(self, name: str, text: str, step: int) -> None:
        self.texts.append((name, text, step))

    def page(self, page: str, summary: str, step: int) -> None:
        self.pages.append(page)


def train(steps: int = 24, **options: Any) -> None:
    """Watch a deep sigmoid network that does not learn."""
    torch.manual_seed(0)
    layers = [m for _ in range(10) for m in (nn.Linear(8, 8), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.randn(64, 8)
    with watch(model, optimizer, **options):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(data), (data[:, 0] > 0).long())
            loss.backward()
            optimizer.step()


@pytest.fixture(scope="module")
def notes() -> Notes:
    kept = Notes()
    train(to=[kept])
    return kept


def test_readings_arrive_while_the_loop_runs(notes: Notes) -> None:
    steps = [step for step, row in notes.rows if "gradcheck/loss" in row]
    assert steps[:8] == list(range(8)), "the first steps are read one by one"
    assert steps[-1] < 24
    assert notes.rows[0][1]["gradcheck/gradient/000_0"] > 0


def test_names_sort_by_depth(notes: Notes) -> None:
    gradients = [n for n in notes.rows[0][1] if n.startswith("gradcheck/gradient/")]
    paths = [name.rpartition("_")[2] for name in sorted(gradients)]
    assert paths == [str(2 * i) for i in range(11)]


def test_findings_and_the_page_arrive(notes: Notes) -> None:
    assert any("GC101 vanishing-gradient" in text for _, text, _ in notes.texts)
    [page] = notes.pages
    assert "vanishing-gradient" in page
    assert notes.rows[-1][1]["gradcheck/errors"] >= 1


def test_watching_with_a_tracker_changes_no_weight() -> None:
    def weights(**options: Any) -> list[torch.Tensor]:
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watch(model, optimizer, **options):
            for _ in range(12):
                optimizer.zero_grad()
                model(torch.randn(8, 4)).pow(2).mean().backward()
                optimizer.step()
        return [p.detach() for p in model.parameters()]

    assert all(map(torch.equal, weights(to=[Notes()]), weights()))


def test_what_a_tracker_raises_ends_the_loop() -> None:
    class Full(Notes):
        def numbers(self, numbers, step: int) -> None:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        train(to=[Full()])


def test_a_layer_that_comes_later_keeps_the_names_of_the_others() -> None:
    kept = Notes()
    for layers in (["a", "b"], ["a", "new", "b"]):
        values = {"gradient": dict.fromkeys(layers, 1.0)}
        kept.readings(Readings(0, 1.0, layers, values))
    assert list(kept.rows[1][1])[1:] == [
        f"gradcheck/gradient/{name}" for name in ("000_a", "002_new", "001_b")
    ]
    assert numbered([str(i) for i in range(5000)])["7"] == "0007_7"


def report() -> Report:
    """A report with little history."""
    base = a_report.sick(2)
    curves = {"gradient": {"net.0": (0.5, None), "net.2": (1.0, 2.0)}}
    history = History(steps=(0, 5), series=curves, loss_steps=(0, 1, 5), losses=(3.0, 2.0, 1.0))
    return replace(base, history=history)


def test_a_finished_report_is_sent_the_same_way() -> None:
    kept = Notes()
    send(report(), kept)
    assert kept.rows[1] == (5, {"gradcheck/loss": 1.0, "gradcheck/gradient/001_net.2": 2.0})
    assert kept.pages


@pytest.mark.heavy
def test_tensorboard_holds_scalars_findings_and_a_link_to_the_page(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra heavy")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        train(to=[TensorBoard(writer)])
    held = EventAccumulator(str(tmp_path)).Reload()
    tags = held.Tags()
    scalars = [t for t in tags["scalars"] if t.startswith("gradcheck/gradient/")]
    assert min(scalars) == "gradcheck/gradient/000_0"
    assert [e.step for e in held.Scalars("gradcheck/loss")][:3] == [0, 1, 2]
    assert "gradcheck/findings/text_summary" in tags["tensors"]
    [said] = held.Tensors("gradcheck/report/text_summary")
    page = tmp_path / "gradcheck.html"
    assert page.as_uri().encode() in said.tensor_proto.string_val[0]
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.heavy
def test_mlflow_holds_metrics_the_page_and_a_link(tmp_path: Path, monkeypatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    with mlflow.start_run() as run:
        train(to=[Mlflow(mlflow)])
    kept = mlflow.get_run(run.info.run_id).data
    assert kept.metrics["gradcheck/errors"] >= 1
    assert "gradcheck/gradient/000_0" in kept.metrics
    assert "gradcheck.html" in kept.tags["mlflow.note.content"]
    assert list(tmp_path.rglob("gradcheck.html"))


@pytest.mark.heavy
def test_wandb_holds_rows_findings_and_the_page_without_a_network(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb", reason="not installed")
    with wandb.init(mode="offline", dir=str(tmp_path), project="p") as run:
        train(to=[Wandb(run)])
        summary = dict(run.summary)
    assert summary["gradcheck/gradient/000_0"] > 0
    assert any("vanishing-gradient" in text for text in summary["gradcheck/findings"])
    assert list(tmp_path.rglob("*.html"))


@pytest.mark.heavy
def test_trackio_holds_rows_and_a_link_to_the_page(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio", reason="not installed")
    run = trackio.init(project="p", embed=False)
    train(to=[Trackio(tmp_path)])
    trackio.finish()
    assert (tmp_path / "gradcheck.html").exists()
    kept = b"".join(f.read_bytes() for f in tmp_path.rglob("*.db*"))
    assert run is not None
    assert b"gradcheck/gradient/000_0" in kept
    assert b"GC101 vanishing-gradient" in kept


def test_a_tracker_that_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(UsageError, match=r"the package trackio is missing: pip install trackio"):
        Trackio()
