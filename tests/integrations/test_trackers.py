"""Reports into trackers, through stand-ins that write down what they are given."""

from dataclasses import replace
from typing import Any

from gradcheck_cli.integrations.trackers import to_mlflow, to_tensorboard, to_wandb
from gradcheck_cli.records.report import History
from tests.support.a_report import sick

REPORT = replace(
    sick(),
    history=History(
        steps=(0, 5),
        series={"gradient": {"net.0": (0.5, None), "a b:c": (1.0, 2.0)}},
        loss_steps=(0, 1, 5),
        losses=(3.0, 2.0, 1.0),
    ),
)


class Notes:
    """Takes any call and keeps it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self.calls.append((name, *args, *kwargs.values()))


def test_tensorboard_gets_every_measured_value_at_its_step_and_the_text() -> None:
    notes = Notes()
    to_tensorboard(REPORT, notes)
    scalars = [c[1:] for c in notes.calls if c[0] == "add_scalar"]
    assert ("gradcheck/loss", 2.0, 1) in scalars
    assert ("gradcheck/gradient/a b:c", 2.0, 5) in scalars
    assert len(scalars) == 6, "what was not measured is left out"
    [text] = [c for c in notes.calls if c[0] == "add_text"]
    assert REPORT.findings[0].name in text[2]


def test_wandb_gets_one_row_per_step_in_order_and_the_counts() -> None:
    notes = Notes()
    to_wandb(REPORT, notes)
    rows = [c[1] for c in notes.calls]
    assert [r["gradcheck/step"] for r in rows[:-1]] == [0, 1, 5]
    assert rows[0]["gradcheck/gradient/net.0"] == 0.5
    assert sum(rows[-1].values()) == len(REPORT.findings)


def test_mlflow_gets_names_it_accepts_and_the_page() -> None:
    notes = Notes()
    to_mlflow(REPORT, notes)
    names = {c[1] for c in notes.calls if c[0] == "log_metric"}
    assert "gradcheck/gradient/a b_c" in names
    [page] = [c for c in notes.calls if c[0] == "log_text"]
    assert page[2] == "gradcheck.html"
    assert page[1].lstrip().lower().startswith("<!doctype html")
