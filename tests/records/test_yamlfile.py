"""Reports survive being written and read; wrong files are one line."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.document import json_schema, to_document
from gradcheck_cli.records.finding import Evidence
from gradcheck_cli.records.report import History, LayerSummary
from gradcheck_cli.records.yamlfile import MAX_BYTES, dumps, dumps_json, loads, read, write
from tests.support import a_report

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"
REPORTS = [a_report.sick(), a_report.healthy(), a_report.empty(), a_report.sick(200)]


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("dump", [dumps, dumps_json])
def test_what_was_written_reads_back_and_writes_the_same(report, dump) -> None:
    text = dump(report)
    assert dump(loads(text)) == text


def test_nothing_but_digits_beyond_the_sixth_is_lost() -> None:
    report = a_report.sick()
    back = loads(dumps(report))
    for name in ("findings", "causes", "passed", "skipped", "gaps", "run", "assumptions"):
        assert getattr(back, name) == getattr(report, name)
    assert back.fixes[0].diff == report.fixes[0].diff
    assert loads(dumps(back)) == back


@pytest.mark.parametrize("report", REPORTS)
def test_reports_fit_the_published_schema(report) -> None:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(dumps_json(report)))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(dumps(report)))


def test_the_published_schema_is_the_current_one() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json_schema(), "make schema"


def test_the_core_of_the_contract() -> None:
    document = yaml.safe_load(dumps(a_report.sick()))
    assert document["schema"] == 1
    assert document["verdict"] == "sick"
    finding = document["findings"][0]
    assert finding["code"] == "GC101"
    assert finding["severity"] == "error"
    assert finding["confidence"] == "high"
    assert finding["layers"][0] == "net.0"
    assert finding["evidence"][0].keys() == {"what", "measured", "limit", "unit"}
    assert finding["evidence"][0]["measured"] == pytest.approx(1.6e-6)
    assert document["causes"][0]["name"] == "saturating-activation"
    assert document["fixes"][1]["verification"]["status"] == Status.NOT_RUN
    assert document["passed"] == ["exploding-gradient", "non-finite", "dying-relu"]
    assert document["skipped"][0].keys() == {"code", "name", "reason"}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.0, 1e-300, 5e-324, 1e-3, 1e22])
@pytest.mark.parametrize("dump", [dumps, dumps_json])
def test_every_number_survives(value, dump) -> None:
    layer = LayerSummary(path="a", kind="b", role="linear", order=0, gradient=value)
    back = loads(dump(replace(a_report.empty(), layers=(layer,)))).layers[0].gradient
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_numbers_keep_six_digits_and_curves_four() -> None:
    report = replace(
        a_report.empty(),
        history=History(steps=(0,), series={"gradient": {"a": (1 / 3, None)}}, losses=(2 / 3,)),
    )
    document = to_document(report)
    assert document["history"]["series"]["gradient"]["a"] == [0.3333, None]
    assert document["history"]["losses"] == [0.666667]


def test_curves_take_few_lines() -> None:
    lines = dumps(a_report.sick(200)).splitlines()
    assert len(lines) < 200 * 30


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "1e-3",
        "0",
        "null",
        "1:30",
        "010",
        "~",
        "=",
        "<<",
        "",
        " x ",
        "a: b",
        "#",
        "- a",
        "&a",
        "*a",
        "\ud800",
        "a\nb",
        "\x1b[31m",
        "\x00",
        "\u202e",
        "\x85",
        "😀",
        "'\"",
        "{{x}}",
        "%0A",
    ],
)
@pytest.mark.parametrize("dump", [dumps, dumps_json])
def test_no_name_of_a_layer_is_taken_for_something_else(name, dump) -> None:
    layer = LayerSummary(path=name, kind=name, role="linear", order=0)
    report = replace(
        a_report.empty(),
        headline=name,
        layers=(layer,),
        history=History(series={"gradient": {name: (1.0,)}}),
    )
    back = loads(dump(report))
    expected = name.replace("\ud800", "?")
    assert (back.headline, back.layers[0].path, [*back.history.series["gradient"]]) == (
        expected,
        expected,
        [expected],
    )


@given(st.text())
def test_any_text_survives(text: str) -> None:
    report = replace(a_report.empty(), headline=text, assumptions=(text,))
    expected = text.encode("utf-8", "replace").decode()
    assert loads(dumps(report)).assumptions == (expected,)
    assert loads(dumps_json(report)).headline == expected


@given(st.floats())
def test_any_number_survives_to_six_digits(value: float) -> None:
    report = a_report.sick()
    finding = replace(report.findings[0], evidence=(Evidence("x", value),))
    back = loads(dumps(replace(report, findings=(finding,)))).findings[0].evidence[0].measured
    assert back == pytest.approx(value, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a gradcheck report"),
        ("a: 1", "expected a gradcheck report"),
        ("[1, 2]", "expected a gradcheck report"),
        ("schema: 2", "a newer gradcheck wrote this file"),
        ("schema: one", "schema: expected a whole number, got 'one'"),
        ("schema: 1\nverdict: ill", "verdict: expected sick or healthy or unsure, got 'ill'"),
        ("schema: 1\nverdict: sick", "expected the key 'headline'"),
        ("schema: 1\nverdict: sick\nheadline: 3", "headline: expected text, got 3"),
        ("schema: 1\nverdict: sick\nheadline: no\nfindings: 3", "findings: expected a list"),
        (
            "schema: 1\nverdict: sick\nheadline: a\nfindings: [{code: 1}]",
            "findings[0].code: expected text",
        ),
        ("schema: 1\nschema: 1", "the key 'schema' is given twice (line 2, column 1)"),
        ("schema: [", "not YAML"),
        ("schema: !!python/object/apply:os.system ['true']", "not YAML"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("{" * 5000, "not YAML"),
        ("\x00", "not YAML"),
        ("a: &a [" + "x," * 3 + "]\nb: [" + "*a, " * 101 + "]", "more than 100 aliases"),
        ("x" * (MAX_BYTES + 1), "larger than 32 MB"),
    ],
)
def test_a_wrong_file_is_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        loads(text, name="r.yaml")
    assert str(error.value).startswith("r.yaml: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_reading_what_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can not read .*No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="not a text file"):
        read(tmp_path / "b.yaml")
    with pytest.raises(UsageError, match="Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["r.yaml", "r.json"])
def test_writing_and_reading_a_file(tmp_path: Path, name: str) -> None:
    write(a_report.sick(), tmp_path / name)
    assert dumps(read(tmp_path / name)) == dumps(a_report.sick())
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_unknown_keys_are_passed_over_so_that_files_may_grow() -> None:
    assert loads(dumps(a_report.empty()) + "later: {a: 1}\n").headline == a_report.empty().headline
