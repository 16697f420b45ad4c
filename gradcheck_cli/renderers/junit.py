"""JUnit XML: one case per rule, failed, passed or skipped, which is what CI servers list."""

import xml.etree.ElementTree as ET  # only writes, never reads

from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.places import relative
from gradcheck_cli.renderers.words import clean, number, shorten, some_layers

LONGEST = 2000


def render(report: Report) -> str:
    """Return one suite; names are unique, because servers drop the second of a name."""
    suite = ET.Element("testsuite", name="gradcheck", timestamp=_text(report.run.started))
    for name, findings in _by_rule(report).items():
        _failed(suite, name, findings)
    for name in report.passed:
        _case(suite, _text(name))
    for skip in report.skipped:
        case = _case(suite, f"{_text(skip.code)} {_text(skip.name)}")
        ET.SubElement(case, "skipped", message=_text(skip.reason)).text = _text(skip.reason)
    for crash in report.crashed:
        whose, kind = ("gradcheck itself: ", "bug") if crash.is_ours else ("", "plugin")
        case = _case(suite, f"{whose}{_text(crash.where)}")
        error = ET.SubElement(case, "error", message=crash.blame, type=kind)
        error.text = "\n".join(_text(line) for line in crash.traceback.splitlines())
    _count(suite, report)
    ET.indent(suite)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
    )


def _by_rule(report: Report) -> dict[str, list[Finding]]:
    rules: dict[str, list[Finding]] = {}
    for finding in report.findings:
        rules.setdefault(f"{_text(finding.code)} {_text(finding.name)}", []).append(finding)
    return rules


def _failed(suite: ET.Element, name: str, findings: list[Finding]) -> None:
    """Add a failed case; a mere note passes and says what it has to say."""
    worst = max(findings, key=lambda f: f.severity.rank)
    case = _case(suite, name)
    said = "\n\n".join(_told(finding) for finding in findings)
    if worst.severity is Severity.NOTE:
        ET.SubElement(case, "system-out").text = said
        return
    failure = ET.SubElement(case, "failure", message=_text(worst.message), type=str(worst.severity))
    failure.text = said


def _told(finding: Finding) -> str:
    lines = [_text(finding.message)]
    for evidence in finding.evidence:
        limit = f" (limit {number(evidence.limit)})" if evidence.limit is not None else ""
        lines.append(
            f"{_text(evidence.what)}: {number(evidence.measured)}{limit} {_text(evidence.unit)}"
        )
    if finding.layers:
        lines.append(f"layers: {_text(some_layers(finding.layers))}")
    if finding.at:
        lines.append(f"built at {_text(relative(finding.at.file))}:{finding.at.line}")
    return "\n".join(line.rstrip() for line in lines)


def _case(suite: ET.Element, name: str) -> ET.Element:
    """Add a case; `file` and `line`, which some servers know, do not fit the schema of Jenkins."""
    return ET.SubElement(suite, "testcase", classname="gradcheck", name=name, time="0")


def _count(suite: ET.Element, report: Report) -> None:
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", f"{report.run.seconds:.3f}")
    ET.SubElement(suite, "system-out").text = _text(report.headline)


def _text(text: str) -> str:
    """Return text that XML 1.0 can hold: ElementTree would write what no reader accepts."""
    kept = clean(text).replace("\ufffe", "?").replace("\uffff", "?")
    return shorten(kept, LONGEST)
