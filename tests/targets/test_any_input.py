"""Whatever is written or lies in a file: an answer or one line, never another exception."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcheck_cli.errors import UsageError
from gradcheck_cli.settings.located import read_toml, read_yaml
from gradcheck_cli.settings.schema import Config
from gradcheck_cli.targets.files import open_data_file
from gradcheck_cli.targets.naming import load
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.references import parse
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.weights import read_weights

PIECES = st.text(alphabet="ab1.:()[]{}='\"-+*, \n\t#&!_\x00é", max_size=40)
SUFFIXES = (".npz", ".npy", ".pt", ".safetensors", ".csv", ".csv.gz", ".tsv", ".parquet")
LIMITS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LIMITS
@given(PIECES)
def test_references(text: str) -> None:
    for written in (text, f"file.py:{text}"):
        with suppress(UsageError):
            parse(written)


@LIMITS
@given(PIECES)
def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    with suppress(UsageError):
        load(f"zz{text}", "model")


@LIMITS
@given(st.one_of(PIECES.map(str.encode), st.binary(max_size=60)))
def test_configs(tmp_path: Path, content: bytes) -> None:
    for reader, name in ((read_yaml, "c.yaml"), (read_toml, "c.toml")):
        file = tmp_path / name
        for text in (content, b"[tool.gradcheck]\n" + content):
            file.write_bytes(text)
            with suppress(UsageError):
                reader(file)


@LIMITS
@given(st.sampled_from(SUFFIXES), st.one_of(PIECES.map(str.encode), st.binary(max_size=200)))
def test_data_files(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"data{suffix}"
    for prefix in (
        b"",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00",
        b"a,b,label\n1,2,3\n",
        b"PAR1",
        b"\x80\x02",
    ):
        file.write_bytes(prefix + content)
        for read in (lambda: open_data_file(str(file), Options()), lambda: read_weights(str(file))):
            with suppress(UsageError):
                read()


def test_every_setting_of_a_config_is_known_to_a_target() -> None:
    own = {"name", "model", "data", "loss", "optimizer", "steps"}
    run = {"models", "output", "fail_on", "quiet", "verify", "verify_on", "budget", "timeout"}
    run |= {"select", "extend_select", "ignore", "extend_ignore", "per_module_ignores"}
    run |= {"rules", "baseline", "exit_zero", "examine"}
    options = set(Options.__dataclass_fields__)
    assert set(Config.model_fields) - own - run <= options
    assert options - set(Config.model_fields) == {"trust", "strategy", "most_samples"}


@pytest.mark.parametrize("kind", ["model", "data", "loss", "optimizer"])
def test_a_name_longer_than_any_files_is_refused_in_one_line(kind: str) -> None:
    given = {"model": "sample_models/deep_sigmoid.py", kind: "x" * 5000}
    with pytest.raises(UsageError, match="a name of 5000 bytes; no file has more than 255"):
        Target.from_strings(**given)
