"""In CI a config, which a pull request may bring, can not write outside the checkout."""

from pathlib import Path

import pytest

from tests.cli.test_edge import gradcheck

MODEL = """
import torch
from torch import nn

def build_model():
    return nn.Linear(4, 2)

def train_data():
    x = torch.randn(64, 4)
    return x, (x[:, 0] > 0).long()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a model, a folder beside it, and a link that leads out."""
    inside = tmp_path / "checkout"
    (inside / ".git").mkdir(parents=True)
    (inside / "sub").mkdir()
    (tmp_path / "beside").mkdir()
    (inside / "way_out").symlink_to(tmp_path / "beside")
    (inside / "m.py").write_text(MODEL)
    return inside


def configured(checkout: Path, output: str, *options: str, **env: str) -> tuple[int, str]:
    """Diagnose what a config describes, which also names an output."""
    (checkout / "gradcheck.yaml").write_text(
        f"model: m.py:build_model\ndata: m.py:train_data\nsteps: 3\noutput: ['{output}']\n"
    )
    done = gradcheck("diagnose", "--no-verify", "-q", *options, cwd=checkout, **env)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "path", ["../beside/r.yaml", "way_out/r.yaml", "sub/../../beside/r.yaml", "{beside}/r.yaml"]
)
def test_a_path_that_leads_out_is_refused_before_anything_runs(checkout: Path, path: str) -> None:
    beside = checkout.parent / "beside"
    code, said = configured(checkout, f"yaml:{path.format(beside=beside)}", CI="true")
    assert code == 2
    [line] = said.splitlines()
    assert line.startswith("error: gradcheck.yaml:4: output yaml:")
    assert f"is outside {checkout}" in line
    assert list(beside.iterdir()) == []


@pytest.mark.parametrize("path", ["r.yaml", "sub/r.yaml", "sub/../r.yaml"])
def test_a_path_inside_is_written(checkout: Path, path: str) -> None:
    code, said = configured(checkout, f"yaml:{path}", CI="true")
    assert code == 0, said
    assert (checkout / path).is_file()


@pytest.mark.heavy
def test_outside_of_ci_and_on_the_command_line_a_person_decides(checkout: Path) -> None:
    wanted = checkout.parent / "beside" / "r.yaml"
    assert configured(checkout, "yaml:../beside/r.yaml")[0] == 0
    assert wanted.is_file()
    wanted.unlink()
    code, said = configured(checkout, "yaml:r.yaml", "--output", f"yaml:{wanted}", CI="true")
    assert code == 0, said
    assert wanted.is_file()
