"""`gradcheck demo`: a script is written here and diagnosed; nothing of the user's is lost."""

from pathlib import Path

import pytest

from gradcheck_cli.cli.demo import scripts
from tests.support.processes import python

TRUTH = {
    "vanishing": ("GC101", "saturating-activation"),
    "healthy": ("HEALTHY", ""),
    "equal": ("PROBLEMS FOUND", "learning-rate-too-high"),
    "inputs": ("GC101", "unnormalized-input"),
    "lora": ("zero-gradient", "symmetric-init"),
    "nan": ("non-finite", "infinite-slope"),
    "none": ("disconnected-parameter", "encoder.0"),
    "loop": ("PROBLEMS FOUND", ""),
    "softmax": ("mismatched-loss", "double-softmax"),
}
SLOW = {"softmax", "vanishing", "inputs", "loop", "equal", "lora", "nan", "none"}


def test_the_list_has_a_line_for_each_demo(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "gradcheck_cli", "demo", "--list", COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(scripts())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.heavy] if n in SLOW else []) for n in TRUTH]
)
def test_a_demo_writes_its_script_and_names_what_is_wrong_with_it(
    tmp_path: Path, name: str
) -> None:
    done = python(tmp_path, "-m", "gradcheck_cli", "demo", name)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"gradcheck_demo_{name}.py").read_text() == scripts()[name]
    for words in TRUTH[name]:
        assert words in done.stderr + done.stdout


def test_every_demo_has_its_truth() -> None:
    assert scripts().keys() == TRUTH.keys()


def test_a_script_that_was_changed_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "gradcheck_demo_vanishing.py"
    file.write_text("mine = 1\n")
    done = python(tmp_path, "-m", "gradcheck_cli", "demo")
    assert done.returncode == 2
    assert "exists and was changed; --force writes over it" in done.stderr
    assert file.read_text() == "mine = 1\n"


def test_an_unknown_demo_is_answered_with_the_names(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "gradcheck_cli", "demo", "vanish")
    assert done.returncode == 2
    assert "choose from vanishing, equal, healthy" in done.stderr
    assert not list(tmp_path.iterdir())
