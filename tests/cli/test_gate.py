"""report, compare and baseline as processes, and what the gate makes of a saved report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import write
from tests.cli.test_edge import gradcheck
from tests.support import a_report

SICK, HEALTHY = a_report.sick(), a_report.healthy()


def saved(folder: Path, **reports: Report) -> None:
    """Save each report as NAME.yaml."""
    for name, report in reports.items():
        write(report, folder / f"{name}.yaml")


def test_a_saved_report_is_shown_and_written_again(tmp_path) -> None:
    saved(tmp_path, r=SICK)
    done = gradcheck("report", "r.yaml", "-o", "html:r.html", "-o", "sarif:r.sarif", cwd=tmp_path)
    assert done.returncode == 0
    assert "PROBLEMS FOUND" in done.stdout
    assert (tmp_path / "r.html").exists()
    [run] = json.loads((tmp_path / "r.sarif").read_text())["runs"]
    assert "gradient" in run["tool"]["driver"]["rules"][0]["help"]["text"]


@pytest.mark.parametrize(
    "output", ["text", "yaml", "json", "html", "sarif", "junit", "github", "gitlab", "markdown"]
)
def test_every_format_is_alone_on_stdout_and_changes_no_exit_code(tmp_path, output: str) -> None:
    saved(tmp_path, r=SICK, h=HEALTHY)
    sick = gradcheck("report", "r.yaml", "-o", output, "--fail-on", "error", cwd=tmp_path)
    assert sick.returncode == 1
    healthy = gradcheck("report", "h.yaml", "-o", output, "--fail-on", "error", cwd=tmp_path)
    assert healthy.returncode == 0
    for done in (sick, healthy):
        assert done.stdout.strip()
        assert ("gradcheck" in done.stdout.lower()) or output in {"gitlab", "text", "yaml", "json"}


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 0),
        (["--fail-on", "error"], 1),
        (["--fail-on", "error", "--exit-zero"], 0),
        (["--fail-on", "error", "--ignore", "GC1"], 0),
        (["--fail-on", "warning", "--ignore", "GC1"], 1),
        (["--fail-on", "warning", "--ignore", "GC1,GC4"], 0),
        (["--fail-on", "error", "--select", "GC4"], 0),
        (["--fail-on", "error", "--severity", "GC101=warning"], 0),
        (["--fail-on", "error", "--ignore-in", "net.*=GC101:frozen"], 0),
        (["--fail-on", "error", "--severity", "GC101=fatal"], 2),
        (["--fail-on", "error", "--baseline", "none.yaml"], 2),
    ],
)
def test_the_gate(tmp_path, args: list[str], code: int) -> None:
    saved(tmp_path, r=SICK)
    done = gradcheck("report", "r.yaml", *args, cwd=tmp_path)
    assert done.returncode == code, done.stderr


def test_useless_ignores_are_mentioned(tmp_path) -> None:
    saved(tmp_path, r=SICK)
    args = ["--ignore", "GC9", "--ignore-in", "head.*=GC101:x"]
    said = gradcheck("report", "r.yaml", *args, cwd=tmp_path).stderr
    assert "no rule fits 'GC9'" in said
    assert "the ignore of GC101 in head.* matched nothing" in said


def test_only_what_is_new_or_worse_fails_beside_a_baseline(tmp_path) -> None:
    first = SICK.findings[0]
    elsewhere = replace(first, layers=("head.0",))
    saved(tmp_path, old=SICK, new=replace(SICK, findings=(*SICK.findings, elsewhere)))
    assert gradcheck("baseline", "write", "old.yaml", cwd=tmp_path).returncode == 0
    gate = ["--fail-on", "error", "--baseline", "gradcheck-baseline.yaml"]
    same = gradcheck("report", "old.yaml", *gate, cwd=tmp_path)
    assert same.returncode == 0
    assert "2 of 2 findings are accepted" in same.stderr
    assert gradcheck("report", "new.yaml", *gate, cwd=tmp_path).returncode == 1


def test_pruning_removes_what_is_gone_and_adds_nothing(tmp_path) -> None:
    extra = replace(SICK.findings[0], code="GC202", name="saturated-activation")
    later = replace(SICK, findings=(SICK.findings[0], extra))
    saved(tmp_path, old=SICK, later=later)
    gradcheck("baseline", "write", "old.yaml", "--baseline", "b.yaml", cwd=tmp_path)
    done = gradcheck("baseline", "prune", "later.yaml", "--baseline", "b.yaml", cwd=tmp_path)
    assert "1 finding removed from b.yaml, 1 left" in done.stderr
    text = (tmp_path / "b.yaml").read_text()
    assert "GC101" in text
    assert "GC403" not in text
    assert "GC202" not in text


def test_comparing_exits_1_on_a_regression_only(tmp_path) -> None:
    saved(tmp_path, sick=SICK, healthy=HEALTHY)
    worse = gradcheck("compare", "healthy.yaml", "sick.yaml", cwd=tmp_path)
    assert worse.returncode == 1
    assert "+ new    GC101 vanishing-gradient in net.0 … net.8 (5 layers)" in worse.stdout
    assert gradcheck("compare", "sick.yaml", "healthy.yaml", cwd=tmp_path).returncode == 0
    assert gradcheck("compare", "sick.yaml", "sick.yaml", cwd=tmp_path).returncode == 0
    as_json = gradcheck("compare", "healthy.yaml", "sick.yaml", "-o", "json", cwd=tmp_path)
    assert json.loads(as_json.stdout)["regressed"] is True


@pytest.mark.parametrize(
    "args", [["report", "none.yaml"], ["compare", "none.yaml", "none.yaml"], ["report", "b.yaml"]]
)
def test_a_wrong_file_is_one_line(tmp_path, args: list[str]) -> None:
    (tmp_path / "b.yaml").write_text("hello: world\n")
    done = gradcheck(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
