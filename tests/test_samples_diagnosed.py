"""Every sample gets the finding and the cause that its docstring promises; its twin gets nothing."""

import ast
import re
from functools import cache
from statistics import mean

import pytest
import torch

from benchmarks.cases import architectures
from gradcheck_cli.causes.examined import guessed
from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.renderers.brief import LONGEST, brief, render
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from sample_models import FOLDER, SICK, named
from sample_models.digits import load as digits_of

DEEP = {"plain_deep_relu", "depth_without_normalization"}  # forty layers, seconds each


@cache
def report_on(stem: str, *, healthy: bool = False) -> Report:
    """Return what fifty steps of the sample show."""
    torch.set_num_threads(1)
    return diagnose(Target.from_strings(**named(stem, healthy=healthy), device="cpu"), verify=False)


def promise(stem: str) -> dict[str, str]:
    text = ast.get_docstring(ast.parse((FOLDER / f"{stem}.py").read_text(encoding="utf-8"))) or ""
    return dict(re.findall(r"^(Finding|Cause): (\S+)$", text, flags=re.MULTILINE))


SAMPLES = [pytest.param(s, marks=pytest.mark.slow if s in DEEP else ()) for s in SICK]


@pytest.mark.parametrize("stem", SAMPLES)
def test_the_promised_finding_and_cause_come_out(stem: str) -> None:
    report, promised = report_on(stem), promise(stem)
    grave = [f.name for f in report.findings if f.severity is not Severity.NOTE]
    assert report.verdict is Verdict.SICK
    assert promised["Finding"] in grave
    assert report.causes[0].name == promised["Cause"]
    # without experiments, what is named for want of another cause is no headline
    assert (promised["Cause"] in report.headline) is not guessed(report.causes[0])


@pytest.mark.parametrize("stem", SAMPLES)
def test_the_healthy_twin_is_healthy(stem: str) -> None:
    report = report_on(stem, healthy=True)
    assert [f.name for f in report.findings if f.severity is not Severity.NOTE] == []
    assert report.verdict is Verdict.HEALTHY
    assert report.causes == ()
    assert report.fixes == ()


@pytest.mark.parametrize("stem", SAMPLES)
def test_nothing_of_ours_crashes_and_every_finding_can_be_checked(stem: str) -> None:
    report = report_on(stem)
    assert report.crashed == ()
    codes = {f.code for f in report.findings}
    for finding in report.findings:
        assert finding.message
        assert all(e.what for e in finding.evidence)
    for cause in report.causes:
        assert set(cause.explains) <= codes
        assert 0 < cause.score <= 1
        assert cause.reasons
    scores = [c.score for c in report.causes]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("stem", SAMPLES)
def test_a_fix_is_proposed_for_the_first_cause_with_code_to_write(stem: str) -> None:
    report = report_on(stem)
    first = [f for f in report.fixes if f.treats == report.causes[0].name]
    assert first
    assert all(f.why and f.summary for f in first)
    assert any(f.code for f in report.fixes)


@pytest.mark.parametrize("stem", SAMPLES)
def test_the_brief_report_fits_and_holds_a_change_to_make(stem: str) -> None:
    said = brief(report_on(stem))
    assert len(render(report_on(stem)).encode()) <= LONGEST, "2,000 tokens of three bytes"
    assert said.cause is not None
    assert said.cause.name == promise(stem)["Cause"]
    assert said.fix is not None
    assert said.fix.change or said.fix.summary


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_an_untrained_architecture_with_its_usual_recipe_shows_no_error(name: str) -> None:
    pytest.importorskip("transformers")
    torch.set_num_threads(1)
    report = diagnose(architectures.target(name), 50, verify=False)
    assert [(f.name, f.message) for f in report.findings if f.severity is not Severity.NOTE] == []
    assert report.crashed == ()


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_an_untrained_recurrent_classifier_shows_no_error(cell: str) -> None:
    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = getattr(torch.nn, cell)(8, 32, batch_first=True)
            self.head = torch.nn.Linear(32, 10)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.head(self.cell(pixels.view(-1, 8, 8))[0][:, -1])

    target = Target.of(model=Reader, data=digits_of, optimizer="Adam", lr=3e-3, device="cpu")
    report = diagnose(target, 50, verify=False)
    assert [f.name for f in report.findings if f.severity is not Severity.NOTE] == []


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", architectures.STARTED_WIDER)
def test_where_the_librarys_own_start_is_a_plateau_it_is_said_to_vanish(name: str) -> None:
    pytest.importorskip("transformers")
    torch.set_num_threads(1)

    def learned(training: Training) -> float:
        losses = [float(training.step().loss) for _ in range(150)]
        return mean(losses[:10]) - mean(losses[-10:])

    own, wider = (architectures.target(name, as_in_the_library=own) for own in (True, False))
    assert abs(learned(own.build())) < 0.05
    assert learned(wider.build()) > 0.3
    errors = {
        f.name for f in diagnose(own, 50, verify=False).findings if f.severity is Severity.ERROR
    }
    assert "vanishing-gradient" in errors
