"""benchmarks/overhead.py: its arithmetic, what it keeps, and its one-line errors."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from benchmarks import overhead
from tests.support.processes import ROOT, python


def test_a_long_run_costs_its_kinds_of_steps_as_often_as_the_schedule_takes_them() -> None:
    same = overhead.sampled({"read": 1.2, "inspected": 1.2, "idle": 1.2})
    assert same == pytest.approx(1.2)
    mixed = overhead.sampled({"read": 2.0, "inspected": 2.0, "idle": 1.0})
    watched = sum(overhead.Sampling().observes(index) for index in range(overhead.LONG))
    assert 8 <= watched < 50
    assert mixed == pytest.approx(1 + watched / overhead.LONG)


def test_a_measurement_in_a_child_comes_back_and_one_that_dies_is_an_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert overhead.in_child(lambda: 2.5) == 2.5
    with pytest.raises(RuntimeError, match="has died"):
        overhead.in_child(lambda: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err


ROW = {"every step": 1.1, "closely": 1.2, "sampled": 1.01, "memory": 0.0}
GIVEN = argparse.Namespace(device="cpu", threads=1)


def test_other_tools_stay_as_they_were_where_they_were_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overhead, "RESULTS", tmp_path / "overhead.json")
    overhead.keep({"LSTM": ROW}, [{"name": "tool"}], GIVEN)
    overhead.keep({"LSTM": ROW | {"every step": 1.3}}, [], GIVEN)
    kept = json.loads(overhead.RESULTS.read_text("utf-8"))
    assert kept["models"]["LSTM"]["every step"] == 1.3
    assert kept["peers"]["tools"] == [{"name": "tool"}]
    assert kept["peers"]["gradcheck"] == {"LSTM": 1.1}  # from the run that measured both


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "mps"], "--device mps: expected cpu or cuda"),
        (["--device", "cuda:99"], "--device cuda:99: torch"),
        (["--only", "BERT"], "--only BERT: expected a part of MLP 10M"),
        (["--only", "LSTM", "--write"], "--write keeps all models"),
    ],
)
def test_what_can_not_be_measured_is_one_line(words: list[str], said: str) -> None:
    done = python(ROOT, "-m", "benchmarks.overhead", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device here")
def test_a_machine_without_cuda_says_so() -> None:
    assert overhead.usable("cpu")
    assert not overhead.usable("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_a_model_is_measured_on_the_accelerator() -> None:
    done = python(
        ROOT, "-m", "benchmarks.overhead", "--device", "cuda", "--only", "LSTM", "--rounds", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "| LSTM | " in done.stdout
