"""SARIF, JUnit, GitHub, GitLab and Markdown: valid, within limits, and nothing can be injected."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import junitparser
import pytest

from gradcheck_cli.records.finding import Crash, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.renderers import github, gitlab, junit, markdown, sarif
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned
from tests.support.junit_schema import misfits

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "sarif-2.1.0.json").read_text())
CARDS = {"GC101": "A layer's gradient is too small.\n\nMeasures  ...\n"}
BASES = [a_report.sick(), a_report.healthy(), a_report.empty(), a_report.sick(200)]
EVERYTHING = [*BASES, *(poisoned(a_report.sick(), s) for s in STRINGS)]


def many(count: int, severity: Severity = Severity.ERROR) -> Report:
    """A report with many findings, each on a line of its own."""
    first = a_report.sick().findings[0]
    return replace(
        a_report.sick(),
        findings=tuple(
            replace(first, severity=severity, layers=(f"net.{i}",), at=SourceSite("m.py", i + 1))
            for i in range(count)
        ),
    )


# ---------------------------------------------------------------------------------- SARIF


@pytest.mark.parametrize("report", EVERYTHING)
def test_sarif_fits_the_oasis_schema_and_githubs_demands(report: Report) -> None:
    log = json.loads(sarif.render(report, CARDS))
    # not jsonschema.validate: it first finds fault with the published schema itself
    jsonschema.Draft202012Validator(SCHEMA).validate(log)
    [run] = log["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["id"]
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"].strip()
        assert len(rule["fullDescription"]["text"]) <= 1024
    for result in run["results"]:
        assert result["message"]["text"].strip()
        [location] = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_has_one_result_per_rule_and_line_with_all_layers() -> None:
    first = a_report.sick().findings[0]
    twice = replace(a_report.sick(), findings=(first, replace(first, layers=("other",))))
    [result] = json.loads(sarif.render(twice, CARDS))["runs"][0]["results"]
    names = [x["fullyQualifiedName"] for x in result["locations"][0]["logicalLocations"]]
    assert names == [*first.layers, "other"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 24, "startColumn": 28, "endLine": 24, "endColumn": 40}


def test_sarif_carries_the_card_and_the_fix() -> None:
    [run] = json.loads(sarif.render(a_report.sick(), CARDS))["runs"]
    rule = run["tool"]["driver"]["rules"][0]
    assert rule["shortDescription"]["text"] == "A layer's gradient is too small."
    [change] = run["results"][0]["fixes"][0]["artifactChanges"]
    assert "LeakyReLU" in change["replacements"][0]["insertedContent"]["text"]


def test_sarif_without_findings_is_a_valid_empty_run() -> None:
    assert json.loads(sarif.render(a_report.healthy(), CARDS))["runs"][0]["results"] == []


def test_fingerprints_survive_other_lines_and_other_values() -> None:
    def marks(report: Report) -> list[str]:
        results = json.loads(sarif.render(report, CARDS))["runs"][0]["results"]
        return [r["partialFingerprints"]["gradcheck/v1"] for r in results]

    first = a_report.sick().findings[0]
    moved = replace(first, at=SourceSite("x.py", 99), evidence=(), message="other words")
    wrapped = replace(first, layers=tuple(f"module.{path}" for path in first.layers))
    one = marks(replace(a_report.sick(), findings=(first,)))
    assert marks(replace(a_report.sick(), findings=(moved,))) == one
    assert marks(replace(a_report.sick(), findings=(wrapped,))) == one


def test_a_finding_without_a_place_is_shown_at_the_models_file() -> None:
    finding = replace(a_report.sick().findings[0], at=None)
    [result] = json.loads(sarif.render(replace(a_report.sick(), findings=(finding,)), CARDS))[
        "runs"
    ][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "sample_models/deep_sigmoid.py"


# ---------------------------------------------------------------------------------- JUnit


@pytest.mark.parametrize("report", EVERYTHING)
def test_junit_is_read_by_an_independent_reader(report: Report) -> None:
    suite = junitparser.TestSuite.fromstring(junit.render(report))
    cases = list(suite)
    assert len({case.name for case in cases}) == len(cases)
    assert suite.tests == len(cases)
    assert suite.failures == sum(
        bool(c.result) and isinstance(c.result[0], junitparser.Failure) for c in cases
    )


@pytest.mark.parametrize("report", EVERYTHING)
def test_junit_fits_the_schema_of_jenkins(report: Report) -> None:
    assert misfits(junit.render(report)) == []


def test_junit_says_failed_passed_skipped_and_broken() -> None:
    report = replace(a_report.sick(), crashed=(Crash("rule GC999", "Traceback\nboom"),))
    cases = {c.name: c for c in junitparser.TestSuite.fromstring(junit.render(report))}
    failure = cases["GC101 vanishing-gradient"].result[0]
    assert "1.6e-6 (limit 0.001)" in failure.text
    assert cases["exploding-gradient"].is_passed
    assert cases["GC503 precision-underflow"].is_skipped
    assert cases["gradcheck itself: rule GC999"].is_error


def test_a_note_is_no_failure() -> None:
    suite = junitparser.TestSuite.fromstring(junit.render(many(1, Severity.NOTE)))
    assert suite.failures == 0


# ---------------------------------------------------------------------------------- GitHub


@pytest.mark.parametrize("report", EVERYTHING)
def test_every_line_is_one_workflow_command_of_ours(report: Report) -> None:
    for line in github.render(report).splitlines():
        assert re.fullmatch(r"::(error|warning|notice) [^:]*::.*", line)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", github.render(report))


@pytest.mark.parametrize("severity", list(Severity))
def test_no_more_than_ten_of_a_kind_and_the_rest_is_counted(severity: Severity) -> None:
    lines = github.render(many(30, severity)).splitlines()
    for kind in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{kind} ") for line in lines) <= 10
    assert re.search(r"\d+ more annotations beyond GitHub's limit", lines[-1])


def test_columns_are_given_within_one_line_only() -> None:
    site = SourceSite("m.py", 3, 5, 7, 2)
    report = replace(a_report.sick(), findings=(replace(a_report.sick().findings[0], at=site),))
    line = github.render(report).splitlines()[0]
    assert "line=3,endLine=7" in line
    assert "col=" not in line


# ---------------------------------------------------------------------------------- GitLab


@pytest.mark.parametrize("report", EVERYTHING)
def test_gitlab_gets_what_it_requires(report: Report) -> None:
    entries = json.loads(gitlab.render(report))
    for entry in entries:
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["description"].strip()
        assert entry["check_name"]
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1
    assert len({e["fingerprint"] for e in entries}) == len(entries)
    assert not gitlab.render(report).startswith("\ufeff")


# ---------------------------------------------------------------------------------- Markdown


@pytest.mark.parametrize("name", ["sick", "healthy", "empty"])
def test_markdown_is_the_golden_one(golden, name: str) -> None:
    golden(f"markdown-{name}.md", markdown.render(getattr(a_report, name)()))


@pytest.mark.parametrize("string", STRINGS)
def test_nothing_that_users_named_marks_up_or_mentions(string: str) -> None:
    report = poisoned(a_report.sick(), string)
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", markdown.render(report))
    ours = re.compile(r"</?(details|summary|br)>")
    rest = ours.sub("", outside)
    for sign in ("<", "`", "@", "[", "]", "!"):
        assert sign not in rest
    assert rest.count("**") % 2 == 0
    rows = [line for line in outside.splitlines() if line.startswith("| ❌")]
    assert [row.count("|") for row in rows] == [6] * len(rows)


def test_code_can_not_leave_its_fence() -> None:
    fix = replace(a_report.sick().fixes[0], code="````\n# out", diff="")
    text = markdown.render(replace(a_report.sick(), fixes=(fix,), causes=()))
    assert "`````python\n````\n# out\n`````" in text


def test_a_comment_stays_below_githubs_limit() -> None:
    assert len(markdown.render(poisoned(many(1000), "x" * 10_000))) < 65_536
