"""The elements and attributes of JUnit XML that Jenkins' xUnit plugin accepts (its `junit-10.xsd`)."""

import re
import xml.etree.ElementTree as ET

NEEDED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}
ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": NEEDED["testsuite"]
    | {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    "testcase": {"name", "time", "classname", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "property": {"name", "value"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "properties": {"property"},
}
SECONDS = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")  # of a suite


def misfits(text: str) -> list[str]:
    """Return what the schema does not accept. Raises ParseError for what is no XML."""
    root = ET.fromstring(text)
    found = [] if root.tag in {"testsuites", "testsuite"} else [f"the root is {root.tag}"]
    for element in root.iter():
        tag, names = element.tag, set(element.attrib)
        found += [f"{tag} has no {name}" for name in NEEDED.get(tag, set()) - names]
        found += [f"{tag} with {name}" for name in names - ALLOWED.get(tag, set())]
        found += [f"{e.tag} in {tag}" for e in element if e.tag not in CHILDREN.get(tag, set())]
        if tag in CHILDREN and (element.text or "").strip():
            found.append(f"text in {tag}")
        if tag.startswith("testsuite") and not SECONDS.fullmatch(element.get("time", "")):
            found.append(f"seconds {element.get('time')}")
    return found
