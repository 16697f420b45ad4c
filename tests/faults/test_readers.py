"""Broken files and texts: one of our errors with a message, never anything else."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.fuzz import READERS, fuzz, read_config, read_reference, read_report, sample_report
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.records import yamlfile
from gradcheck_cli.settings import load
from tests.support.processes import python

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("reader", READERS)
def test_mutated_inputs_are_read_or_refused(reader: str) -> None:
    outcome = fuzz(reader, round(1000 * READERS[reader][2]), seed=1)
    assert outcome.crashes == []
    assert outcome.read > 0
    assert outcome.refused > 0


ATTACKS = {
    "code": "!!python/object/apply:os.system ['touch pwned']",
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{n}: &{n} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n" for p, n in zip("abcd", "bcde", strict=True)),
    "recursive alias": "a: &a [*a]",
    "depth": "[" * 500,
    "depth of mappings": "{a: " * 500,
    "a long number": "schema: " + "9" * 100_000,
    "two documents": "schema: 1\n---\nschema: 1",
    "a key twice": "schema: 1\nschema: 1",
    "a list as a key": "schema: 1\n? [x]\n: y",
    "a mapping as a key": "schema: 1\n? {a: b}\n: y",
    "a merge": "a: &a {schema: 1}\n<<: *a",
    "another schema": "schema: 999",
    "nothing": "",
    "a scalar": "hello",
    "binary": "\x00\x01\x02",
    "a bad date": "schema: !!timestamp 2001-99-99",
    "no date at all": "schema: !!timestamp x",
    "no truth": "schema: !!bool perhaps",
    "no number": "schema: !!int ''",
    "no set": "schema: !!set [a]",
    "no character": 'schema: "\\UFFFFFFFF"',
    "a long version": f"%YAML {'9' * 5000}.1\n---\nschema: 1",
    "a long hexadecimal number": "schema: 0x" + "f" * 10_000,
    "a long tag": f"schema: !<{'t' * 10_000}> 1",
}  # fmt: skip


def message(read: Callable[[str], None], text: str) -> str:
    """Return what the refusal says, nothing where the text was read."""
    try:
        read(text)
    except GradcheckError as error:
        return str(error).strip()
    return ""


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("read", [read_report, read_config])
def test_attacks_on_yaml_are_refused(
    read: Callable[[str], None], attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = message(read, ATTACKS[attack])
    assert bool(said) is ((read, attack) != (read_config, "nothing")), said
    assert len(said) < 2000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "tool = 3  # gradcheck",
        "[tool]\ngradcheck = 3",
        "[tool.gradcheck]\nseed = " + "9" * 5000,
        "[tool.gradcheck]\nmodel = 'm.py'\nseed = 0x" + "f" * 9000,
        "[tool.gradcheck]\nseed = " + "[" * 5000,
    ],
    ids=["tool is a number", "gradcheck is a number", "digits", "hexadecimal digits", "depth"],
)
def test_attacks_on_toml_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(GradcheckError, match=r"c\.toml") as caught:
        load({}, config=str(file), environ={})
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "name", ["x" * 5000, "~no-such-user/c.yaml", "a\0b"], ids=["long", "~", "nul"]
)
def test_a_config_under_an_impossible_name_is_not_there(name: str) -> None:
    with pytest.raises(GradcheckError, match="no such file"):
        load({}, config=name, environ={})


@pytest.mark.heavy
@pytest.mark.parametrize("text", ["'[' * 100_000", "'{a: ' * 50_000", "'- ' * 100_000"])
@pytest.mark.parametrize("module", ["gradcheck_cli.records.yamlfile", "gradcheck_cli.settings"])
def test_depth_does_not_overflow_the_stack_of_the_process(text: str, module: str, tmp_path) -> None:
    code = {
        "gradcheck_cli.records.yamlfile": f"from {module} import loads; loads({text})",
        "gradcheck_cli.settings": f"open('c.yaml', 'w').write({text}); from {module} import load; "
        "load({}, config='c.yaml', environ={})",
    }[module]
    done = python(tmp_path, "-c", code)
    assert done.returncode == 1, f"killed by signal {-done.returncode}"
    assert done.stderr.strip().splitlines()[-1].startswith("gradcheck_cli.")


def test_a_report_with_every_kind_of_number_is_read_back() -> None:
    from dataclasses import replace

    report = sample_report()
    for value in (float("nan"), float("inf"), -float("inf"), 1e-320, 1e308, 0.0):
        finding = report.findings[0]
        evidence = replace(finding.evidence[0], measured=value, limit=value)
        told = replace(report, findings=(replace(finding, evidence=(evidence,)),))
        for text in (yamlfile.dumps(told), yamlfile.dumps_json(told)):
            back = yamlfile.loads(text).findings[0].evidence[0]
            assert repr(back.measured) == repr(
                float(f"{value:.6g}")
            ) or back.measured == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "m.py:" + "(" * 200,
        "m.py:f(" + "[" * 300,
        "m.py:f(x=)",
        ":",
        "",
        pytest.param("m.py:" + "-" * 5000 + "1", id="minus signs"),
        pytest.param("m.py:f(" + "-" * 900 + "x)", id="minus signs of an argument"),
        pytest.param("m.py:f(" + "x+" * 900 + "x)", id="a long sum"),
        "m.py:1(2)",
        "m.py:f(1 is 2)",
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_reference_that_can_not_be_parsed_is_refused(text: str) -> None:
    with pytest.raises(GradcheckError) as caught:
        read_reference(text)
    assert len(str(caught.value)) < 2000


def test_aliases_that_multiply_are_refused_at_once() -> None:
    lists = zip("abcdefg", "bcdefgh", strict=True)
    bomb = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n" for before, name in lists
    )
    started = time.process_time()
    assert message(read_report, bomb)
    assert time.process_time() - started < 0.2


def test_a_config_that_names_a_very_long_path_is_read_or_refused() -> None:
    message(read_config, f"model: m.py\ndata: {'x' * 5000}\n")
