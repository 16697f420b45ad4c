"""Files of the user's with the names of modules that we import: each side gets its own."""

import sys
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read
from tests.faults.test_endings import MODEL, SCRIPT
from tests.support.processes import python

pytestmark = pytest.mark.heavy  # each test starts processes

THEIRS = "WHO = 'theirs'\n"
NAMES = ("yaml", "jinja2", "typer", "rich", "pydantic", "markupsafe")  # that torch does not import
USES = "import yaml, jinja2, rich\nassert yaml.WHO == jinja2.WHO == rich.WHO == 'theirs'\n"
OUTPUTS = ("-o", "yaml:r.yaml", "-o", "html:r.html", "-o", "sarif:r.sarif")
STARTS = {
    "as a module": ["-m", "gradcheck_cli"],
    "as a command": [str(Path(sys.executable).with_name("gradcheck"))],
}


def project(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.py").write_text(THEIRS)
    (folder / "m.py").write_text(
        USES + MODEL.replace("STAGE", "").replace("AFTER", "0").replace("DO", "pass")
    )
    (folder / "train.py").write_text(USES + SCRIPT)


@pytest.mark.parametrize("start", STARTS)
def test_a_model_finds_its_own_modules_and_we_find_ours(tmp_path: Path, start: str) -> None:
    project(tmp_path, *NAMES, "random", "queue", "torch", "typing", "dataclasses", "json")
    done = python(
        tmp_path, *STARTS[start], "diagnose", "m.py", "--no-verify", "--steps", "12", *OUTPUTS
    )
    assert done.returncode in {0, 1}, done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 12
    assert (tmp_path / "r.html").stat().st_size > 10_000


@pytest.mark.parametrize("start", STARTS)
def test_a_script_finds_its_own_modules_and_we_find_ours(tmp_path: Path, start: str) -> None:
    project(tmp_path, *NAMES)
    done = python(tmp_path, *STARTS[start], "run", *OUTPUTS, "train.py")
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    assert read(tmp_path / "r.yaml").run.steps == 30


def test_a_script_whose_file_breaks_torch_fails_as_it_does_without_us(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(THEIRS)
    (tmp_path / "train.py").write_text(SCRIPT)
    plain = python(tmp_path, "train.py")
    done = python(tmp_path, "-m", "gradcheck_cli", "run", "-o", "yaml:r.yaml", "train.py")
    assert done.returncode == plain.returncode == 1
    assert plain.stderr.splitlines()[-1] in done.stderr
    assert "bug in gradcheck" not in done.stderr


@pytest.mark.parametrize(
    "words", ["--version", "rules", "explain GC101", "report r.yaml", "config"]
)
def test_commands_that_run_no_code_of_theirs_need_none_of_their_files(
    tmp_path: Path, words: str
) -> None:
    from gradcheck_cli.records.yamlfile import write
    from tests.support.a_report import sick

    project(tmp_path, *NAMES, "random", "queue", "torch", "typing", "dataclasses", "json")
    write(sick(), tmp_path / "r.yaml")
    done = python(tmp_path, "-m", "gradcheck_cli", *words.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("start", ["diagnose", "run"])
def test_a_change_of_the_folder_moves_no_report(tmp_path: Path, start: str) -> None:
    (tmp_path / "far").mkdir()
    moves = "import os; os.chdir('far')\n"
    windows = (
        "del os.fchdir; os.supports_fd.discard(os.chdir)\n"  # it has no folders that are held open
    )
    source = MODEL.replace("STAGE", "").replace("AFTER", "0").replace("DO", "pass")
    (tmp_path / "m.py").write_text(moves + source)
    (tmp_path / "train.py").write_text(
        f"{moves}{windows}import atexit\natexit.register(lambda: open('left.txt', 'w').close())\n{SCRIPT}"
    )
    words = ("m.py", "--no-verify", "--steps", "12") if start == "diagnose" else ("train.py",)
    (tmp_path / "link.yaml").symlink_to("r.yaml")
    done = python(tmp_path, "-m", "gradcheck_cli", start, "-o", "yaml:link.yaml", *words)
    assert done.returncode in {0, 1}, done.stderr
    assert "wrote link.yaml" in done.stderr
    assert read(tmp_path / "r.yaml").run.steps
    assert (tmp_path / "link.yaml").is_symlink()
    assert [file.name for file in (tmp_path / "far").iterdir()] == ["left.txt"] * (start == "run")


def test_a_package_that_draws_a_number_as_it_is_imported_draws_it_for_the_script(
    tmp_path: Path,
) -> None:
    draws = "import random\nrandom.seed(0)\nimport rich.console\nprint('drew', random.random())\n"
    (tmp_path / "train.py").write_text(draws + SCRIPT)
    plain = python(tmp_path, "train.py").stdout
    seen = python(tmp_path, "-m", "gradcheck_cli", "run", "-q", "train.py").stdout
    assert "drew" in plain
    assert plain.splitlines()[0] in seen
