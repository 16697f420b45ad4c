"""A script that was exported from a notebook holds commands that only a notebook can run."""

import ast
from pathlib import Path

import pytest

from gradcheck_cli.notebooks import freed, passed_over
from gradcheck_cli.scripts import looks_like_a_script
from tests.support.processes import python

HEAD = "# coding: utf-8\n\n# In[1]:\n\n"
MAGIC = "get_ipython().run_line_magic('matplotlib', 'inline')\n"
LOOP = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.rand(64, 8)
y = (x.sum(1) > 4).long()
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(40):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print("last", loss.item())
"""


def ran(source: str) -> dict[str, object]:
    """Run what is left of the source, and return its names."""
    tree, _ = freed(source.encode(), "a.py")
    names: dict[str, object] = {}
    exec(compile(tree, "a.py", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("source", "commands"),
    [
        (MAGIC + "a = 1\n", 1),
        (
            "get_ipython().system('exit 3')\nfor a in range(2):\n    get_ipython().magic('x')\na = 1\n",
            2,
        ),
        ("get_ipython().run_line_magic('time', 'a = 1')\n", 1),
        ("get_ipython().run_cell_magic('time', '', 'b = 2\\na = b - 1\\n')\n", 1),
        ("get_ipython().run_cell_magic('capture', 'out', 'a = 1')\n", 1),
        ("get_ipython().run_cell_magic('bash', '', 'a = 1')\na = 1\n", 1),
        (MAGIC + "files = get_ipython().getoutput('ls')\na = 1 if files is None else 0\n", 2),
        ("!pip install torch\n%matplotlib inline\nif True:\n    !ls\na = 1\n", 3),
    ],
)
def test_commands_are_passed_over_and_code_behind_a_time_is_run(source: str, commands: int) -> None:
    assert freed(source.encode())[1] == commands
    assert ran(source)["a"] == 1


@pytest.mark.parametrize(
    "source",
    [
        "a = 5 %\\\n3\n",
        "try:\n    get_ipython().magic('x')\nexcept NameError:\n    a = 2\n",
        "def inside():\n    get_ipython().magic('x')\na = 2\n",
        'a = """\n!ls\n%x\n"""\n',
    ],
)
def test_what_python_runs_is_left_as_it_is(source: str) -> None:
    tree, commands = freed(source.encode())
    assert commands == 0
    assert ast.dump(tree, include_attributes=True) == ast.dump(
        ast.parse(source), include_attributes=True
    )


def test_code_behind_a_time_stands_at_the_line_of_its_cell() -> None:
    tree, _ = freed((HEAD + "get_ipython().run_cell_magic('time', '', 'a = 1\\n1 / 0')\n").encode())
    assert {node.lineno for node in tree.body} == {5}


def test_what_is_no_python_stays_an_error() -> None:
    with pytest.raises(SyntaxError):
        freed(b"a = (\n")
    with pytest.raises(SyntaxError):
        freed(b"!ls\na = (\n")


def test_it_is_said_how_many_are_passed_over(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(MAGIC)
    assert passed_over(str(script)) == "1 command of a notebook is passed over in train.py"
    script.write_text(MAGIC * 2)
    assert passed_over(str(script)) == "2 commands of a notebook are passed over in train.py"
    for text in ("a = 1\n", "a = (\n"):
        script.write_text(text)
        assert passed_over(str(script)) == ""
    assert passed_over(str(tmp_path / "none.py")) == ""


def test_a_training_in_a_timed_cell_is_seen(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"{HEAD}{MAGIC}get_ipython().run_cell_magic('time', '', {LOOP!r})\n")
    assert looks_like_a_script(script) == 6
    script.write_text(f"{HEAD}{MAGIC}get_ipython().run_cell_magic('bash', '', {LOOP!r})\n")
    assert looks_like_a_script(script) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [MAGIC, "!pip install torch\n", "get_ipython().system('exit 1')\n"]
)
def test_an_exported_script_runs_as_one_without_commands(tmp_path: Path, command: str) -> None:
    (tmp_path / "plain.py").write_text(HEAD + LOOP)
    (tmp_path / "train.py").write_text(HEAD + command + LOOP)
    words = ("-m", "gradcheck_cli", "run", "--examine", "none")
    plain, exported = (python(tmp_path, *words, name) for name in ("plain.py", "train.py"))
    assert exported.returncode == plain.returncode == 0, exported.stderr
    assert exported.stdout == plain.stdout != ""
    assert "1 command of a notebook is passed over in train.py" in exported.stderr
    assert "passed over" not in plain.stderr
