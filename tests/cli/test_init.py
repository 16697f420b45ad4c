import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from gradcheck_cli.cli.config import config_command, init_command
from tests.conftest import Write
from tests.support.processes import python

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command("init")(init_command)
app.command("config")(config_command)

TRAIN = """
from gradcheck_cli import settings
from gradcheck_cli.targets.target import Target
for run in settings.load(environ={}).runs:
    training = Target.from_strings(**run.target()).build()
    losses = [float(training.step().loss) for _ in range(5)]
    print(run.name, training.loss_name, training.optimizer_name)
"""

PROJECTS = {
    "one file": {
        "train.py": """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        return torch.relu(self.layer(x))

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Sequential(Block(width), nn.Linear(width, 3))

    def forward(self, x):
        return self.body(x)

def make_data():
    return torch.randn(64, 8), torch.randint(3, (64,))

if __name__ == "__main__":
    model = Net()
    for x, y in []:
        model(x).backward()
""",
    },
    "a package with relative imports": {
        "shop/__init__.py": "",
        "shop/nets/__init__.py": "from .big import Big\n",
        "shop/nets/parts.py": "from torch import nn\nWIDTH = 4\n\nclass Head(nn.Linear):\n    pass\n",
        "shop/nets/big.py": (
            "from torch import nn\nfrom .parts import WIDTH, Head\n\n\nclass Big(nn.Module):\n"
            "    def __init__(self):\n        super().__init__()\n        self.head = Head(WIDTH, 1)\n\n"
            "    def forward(self, x):\n        return self.head(x)\n"
        ),
        "shop/data.py": (
            "import torch\nfrom torch.utils.data import TensorDataset\n\n\ndef train_dataset():\n"
            "    return TensorDataset(torch.randn(32, 4), torch.randn(32, 1))\n"
        ),
        "shop/training.py": "import torch\n\n\ndef make_optimizer(model):\n    return torch.optim.SGD(model.parameters(), lr=0.1)\n",
        "tests/test_nets.py": "import torch\n\nclass Fake(torch.nn.Module):\n    pass\n\ndata = 3\n",
        "broken.py": "def f(:\n",
    },
    "a table beside a model": {
        "model.py": "from torch import nn\n\nmodel = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))\n",
        "data/train.csv": "a,b,outcome\n" + "1,2,0\n3,-1,1\n" * 20,
        ".venv/lib/other.py": "from torch import nn\n\ndef build_model():\n    return nn.Linear(1, 1)\n",
    },
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS.keys())
def test_what_init_writes_trains_at_once(write: Write, files: dict[str, str]) -> None:
    for name, text in files.items():
        write(name, text)
    result = run("init")
    assert result.exit_code == 0
    assert "now run: gradcheck diagnose" in result.output
    done = python(Path.cwd(), "-c", TRAIN)
    assert done.returncode == 0, done.stderr


def test_the_survey_chooses_what_a_person_would(write: Write) -> None:
    for name, text in PROJECTS["a package with relative imports"].items():
        write(name, text)
    text = run("init", "--print").output
    assert "model: shop/nets/big.py:Big\n" in text
    assert "data: shop/data.py:train_dataset\n" in text
    assert "optimizer: shop/training.py:make_optimizer\n" in text
    assert not Path("gradcheck.yaml").exists()


def test_a_model_that_needs_arguments_asks_for_them(write: Write) -> None:
    write(
        "net.py",
        "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self, width, *, depth):\n        pass\n",
    )
    result = run("init")
    assert "fill in what is missing" in result.output
    text = Path("gradcheck.yaml").read_text()
    assert "model_args:  # it needs these; fill them in\n  width: null\n  depth: null\n" in text


def test_a_script_that_trains_when_it_is_run_is_said_to_need_no_config(write: Write) -> None:
    write("my train.py", "for x, y in batches:\n    model(x).backward()\n    optimizer.step()\n")
    write("net.py", "from torch import nn\n\nclass Net(nn.Module):\n    pass\n")
    said = " ".join(run("init").output.split())
    assert "my train.py trains when it is run; that needs no config" in said
    assert "gradcheck diagnose 'my train.py'" in said
    assert "net.py trains" not in said


def test_an_empty_project_gets_a_form_to_fill_in(write: Write) -> None:
    assert run("init").exit_code == 0
    assert "# model: file.py:build_model" in Path("gradcheck.yaml").read_text()
    assert run("config").exit_code == 0


def test_an_existing_config_is_kept(write: Write) -> None:
    write("gradcheck.yaml", "lr: 1\n")
    assert run("init").exit_code == 2
    assert Path("gradcheck.yaml").read_text() == "lr: 1\n"
    assert run("init", "--force").exit_code == 0
    Path("gradcheck.yaml").unlink()
    write("pyproject.toml", "[tool.gradcheck]\nlr = 1\n")
    result = run("init")
    assert result.exit_code == 2
    assert "pyproject.toml holds a config already" in result.output


def test_config_shows_each_value_and_its_origin(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gradcheck.yaml", "lr: 1e-3\nmodels:\n  - model: a.py\n  - model: b.py\n")
    monkeypatch.setenv("GRADCHECK_SEED", "7")
    lines = [line.split() for line in run("config").output.splitlines()]
    assert ["lr", "0.001", "gradcheck.yaml:1"] in lines
    assert ["seed", "7", "GRADCHECK_SEED"] in lines
    assert ["steps", "50", "default"] in lines
    assert ["model", "b.py", "gradcheck.yaml:4"] in lines


def test_neither_command_imports_torch(write: Write) -> None:
    for call in ("init_command(force=True, show=True)", "config_command(config=None)"):
        code = (
            "import sys, typer\nfrom gradcheck_cli.cli.config import *\n"
            f"try:\n    {call}\nexcept SystemExit:\n    pass\nsys.exit('torch' in sys.modules)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, env={"PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == 0
