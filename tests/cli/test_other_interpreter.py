"""`gradcheck --python FILE`: a tool of its own, on a project's interpreter; and odd consoles."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_cli.cli.app import app
from gradcheck_cli.elsewhere import asked, command
from gradcheck_cli.errors import UsageError
from tests.support.processes import ROOT, python

SCRIPT = """
import only_here
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.randn(256, 8)
for step in range(30):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(data), (data[:, 0] > 0).long()).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--python", "p", "run", "x"], ("p", ["run", "x"])),
        (["--python=p", "run"], ("p", ["run"])),
    ],
)
def test_the_first_option_names_the_interpreter(words, expected) -> None:
    assert asked(words) == expected


def test_it_has_to_come_first() -> None:
    done = CliRunner().invoke(app, ["--version", "--python", "p"])
    assert done.exit_code == 2
    assert "it has to come first" in done.output


def test_a_name_that_is_missing_and_a_file_that_is_no_python_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--python needs a file"):
        asked(["--python"])
    with pytest.raises(UsageError, match="is no Python interpreter that can be run"):
        command(str(tmp_path / "none"), [])


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_an_interpreter_of_another_version_says_how_to_install(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\necho \'["cpython-999", "x"]\'\n')
    other.chmod(0o755)
    with pytest.raises(UsageError, match=r"is cpython-999 .* uv tool install --python"):
        command(str(other), [])


@pytest.mark.heavy
def test_a_project_is_diagnosed_on_its_own_interpreter_without_gradcheck_in_it(
    tmp_path: Path,
) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=os.name != "nt")
    place = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    there = tmp_path / "venv" / place
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([str(there), "-c", ask], capture_output=True, text=True, check=True)
    Path(own.stdout.strip(), "only_here.py").write_text("")
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ("--python", str(there), "diagnose", "--steps", "20", "--budget", "5", "train.py")
    done = python(tmp_path, "-m", "gradcheck_cli", *words, "--output", "brief")
    assert done.returncode == 1, done.stderr
    assert "double-softmax" in done.stdout
    assert "## Fix (" in done.stdout


@pytest.mark.heavy
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_consoles_of_windows_are_written_without_an_error(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "trän.py").write_text(SCRIPT.replace("import only_here\n", ""), encoding="utf-8")
    words = ("run", "--output", "html:page.html", "--output", "brief", "trän.py")
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    command_line = [sys.executable, "-m", "gradcheck_cli", *words]
    done = subprocess.run(command_line, cwd=tmp_path, env=env, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "mismatched-loss" in said
    assert "mismatched-loss" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.heavy
def test_workers_that_are_spawned_do_not_train_again(tmp_path: Path) -> None:
    body = SCRIPT.replace("import only_here\n", "").replace("\n", "\n    ")
    (tmp_path / "train.py").write_text(
        "import torch\n"
        "class Rows(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 64\n"
        "    def __getitem__(self, i): return torch.ones(3)\n"
        "def main():\n"
        f"    {body}\n"
        "    loader = torch.utils.data.DataLoader(\n"
        "        Rows(), batch_size=8, num_workers=1, multiprocessing_context='spawn')\n"
        "    print('rows', sum(len(batch) for batch in loader))\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    done = python(tmp_path, "-m", "gradcheck_cli", "run", "train.py")
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("rows 64") == 1
    assert done.stderr.count("PROBLEMS FOUND") == 1
