"""A trace that was saved and judged again gives the report that was made of it."""

import json
import subprocess
import sys
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
import torch
from hypothesis import given
from torch import nn
from typer.testing import CliRunner

from gradcheck_cli.cli.app import app
from gradcheck_cli.diagnosing import diagnosed
from gradcheck_cli.errors import UsageError
from gradcheck_cli.pipeline import conclude, recalled
from gradcheck_cli.policy import Policy
from gradcheck_cli.records import tracefile
from gradcheck_cli.records.recording import Recording
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.records.tracefile import read_traces, write_traces
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.targets.target import Target
from gradcheck_cli.watching import watch
from tests.rules.test_properties import calmly
from tests.support.arbitrary import any_trace

QUIET = Policy(verify=False, examine="none")


def deep(activation: type[nn.Module]) -> nn.Sequential:
    """Return a network of ten layers, in which sigmoids lose the gradient and ReLUs do not."""
    torch.manual_seed(0)
    layers = [part for _ in range(9) for part in (nn.Linear(16, 16), activation())]
    return nn.Sequential(*layers, nn.Linear(16, 3))


def target(activation: type[nn.Module]) -> Target:
    """Return a training of it on points whose class is in them."""
    points = torch.randn(96, 16, generator=torch.Generator().manual_seed(1))
    data = (points, points[:, :3].argmax(1))
    return Target.of(model=lambda: deep(activation), data=data, batch_size=32, lr=1e-2)


def bare(report: Report) -> Report:
    """Return the report without what only the model can give."""
    kept = report.next_steps[:1] if report.fixes else report.next_steps
    return replace(report, fixes=(), next_steps=kept)


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.ReLU])
def test_the_report_of_a_saved_trace_is_that_of_the_run(
    activation: type[nn.Module], tmp_path: Path
) -> None:
    made = diagnosed(target(activation), 24, policy=QUIET)
    write_traces(made.recordings, tmp_path / "t.json.gz")
    [recording] = read_traces(tmp_path / "t.json.gz")
    assert recording == made.recordings[0]
    again = conclude(recalled(recording), QUIET).report
    assert replace(bare(made.report), next_steps=again.next_steps) == again


@pytest.mark.heavy
@calmly
@given(any_trace())
def test_any_trace_is_read_back_as_it_was(trace: Trace) -> None:
    text = tracefile.dumped([Recording(trace=trace)])
    [found] = tracefile._loaded(text, Path("any.json"))
    assert str(found.trace) == str(trace)


def test_numbers_that_are_not_finite_and_broken_names_survive(tmp_path: Path) -> None:
    made = diagnosed(target(nn.ReLU), 3, policy=QUIET).recordings[0]
    steps = (replace(made.trace.steps[0], loss=nan), replace(made.trace.steps[1], loss=-inf))
    odd = replace(made, trace=replace(made.trace, steps=steps), subject="a\udcffb")
    write_traces([odd], tmp_path / "t.json")
    [found] = read_traces(tmp_path / "t.json")
    assert [str(step.loss) for step in found.trace.steps] == ["nan", "-inf"]
    assert found.subject == "a?b"


def test_a_large_trace_is_thinned_and_says_so(tmp_path: Path, monkeypatch) -> None:
    made = diagnosed(target(nn.ReLU), 40, policy=QUIET).recordings
    whole = len(tracefile.dumped(made))
    monkeypatch.setattr(tracefile, "MOST_BYTES", whole * 2 // 3)
    write_traces(made, tmp_path / "t.json")
    [found] = read_traces(tmp_path / "t.json")
    assert (tmp_path / "t.json").stat().st_size <= whole * 2 // 3
    assert found.trace.losses == made[0].trace.losses
    assert len(found.trace.observed) < len(made[0].trace.observed)
    assert any("some readings" in gap.what for gap in found.trace.gaps)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON"),
        (b"\x1f\x8bbroken", "can not read"),
        (b"[1]", "no trace of gradcheck"),
        (b'{"gradcheck_traces": 9}', "schema 9"),
        (b'{"gradcheck_traces": 1, "trainings": []}', "holds no training"),
        (b'{"gradcheck_traces": 1, "trainings": [{"trace": {"looks": "x"}}]}', "0.trace.looks"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_trace_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        read_traces(file)
    assert "\n" not in str(caught.value)


def test_judge_gates_as_the_run_would_and_needs_no_torch(tmp_path: Path) -> None:
    model, points = deep(nn.Sigmoid), torch.randn(32, 16)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with watch(model, optimizer, policy=QUIET) as watched:
        for _ in range(24):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(points), points[:, :3].argmax(1)).backward()
            optimizer.step()
    trace, report = tmp_path / "t.json", tmp_path / "r.yaml"
    watched.save_trace(trace)
    assert "weight" not in json.loads(trace.read_text())["trainings"][0]  # no tensors
    runner = CliRunner()
    failed = runner.invoke(app, ["judge", str(trace), "-o", f"yaml:{report}"])
    assert failed.exit_code == 1, failed.output
    assert read(report).headline == watched.report().headline
    codes = ",".join(f.code for f in read(report).findings)
    passed = runner.invoke(app, ["judge", str(trace), "--ignore", codes, "-o", f"yaml:{report}"])
    assert passed.exit_code == 0, passed.output
    assert read(report).verdict is Verdict.HEALTHY
    code = (
        "import sys\nfrom gradcheck_cli.cli.app import app\n"
        f"try: app(['judge', {str(trace)!r}])\n"
        "except SystemExit: pass\nsys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0
