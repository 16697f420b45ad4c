"""Files of the user's with the names of modules that we import: each side gets its own."""

import sys
from functools import partial
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read
from tests.faults.test_endings import MODEL, SCRIPT
from tests.support import processes

python = partial(processes.python, anew=True)  # it is about what is imported when
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


# ---- in a process of the user's, which imports us ----------------------------------------------

THEIR_LOOP = """
from gradcheck_cli import watch
with watch(net, optimizer) as w:
    for _ in range(12):
        x = torch.randn(32, 4)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), x[:, :3].argmax(1)).backward()
        optimizer.step()
report = w.report()
w.save_trace("t.json")
assert "<iframe" in w._repr_html_()
"""
TRAINERS = """
from torch.utils.data import DataLoader
import NAME
from gradcheck_cli.integrations.NAME import CALLBACK
x = torch.randn(96, 4)
rows = [{"x": row, "labels": row[:3].argmax()} for row in x]
class Model(BASE):
    def __init__(self):
        super().__init__()
        self.net = net
    def forward(self, x, labels):
        return {"loss": nn.functional.cross_entropy(self.net(x), labels)}
    def training_step(self, batch, _):
        return self(**batch)["loss"]
    def configure_optimizers(self):
        return optimizer
callback = CALLBACK()
TRAINS
report = callback.report
"""
LIGHTNING = """lightning.Trainer(max_steps=12, max_epochs=9, accelerator="cpu", logger=False, callbacks=[callback],
    enable_checkpointing=False, enable_progress_bar=False).fit(Model(), DataLoader(rows, 8))"""
TRANSFORMERS = """given = transformers.TrainingArguments("out", max_steps=12, report_to=[], save_strategy="no", use_cpu=True)
transformers.Trainer(Model(), given, train_dataset=rows, callbacks=[callback]).train()"""
BEGINS = """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""
ENDS = """
from gradcheck_cli.renderers.formats import find
assert report.run.steps == 12
assert len(find("html").write(report, {})) > 10_000
assert find("text").write(report, {}) and find("yaml").write(report, {})
assert {__import__(name).WHO for name in NAMES} == {"theirs"}
print("all is theirs that was")
"""


def trainer(name: str, callback: str, base: str, trains: str) -> str:
    """A training by a Trainer, with our callback."""
    text = TRAINERS.replace("NAME", name).replace("CALLBACK", callback)
    return text.replace("BASE", base).replace("TRAINS", trains)


PROGRAMS = {
    "torch": (THEIR_LOOP, (*NAMES, "html", "libcst", "statistics")),
    "lightning": (
        trainer("lightning", "GradcheckCallback", "lightning.LightningModule", LIGHTNING),
        ("libcst", "tomllib"),  # what a Trainer itself imports could not be theirs
    ),
    "transformers": (
        trainer("transformers", "GradcheckTrainerCallback", "nn.Module", TRANSFORMERS),
        ("libcst", "tomllib"),  # what a Trainer itself imports could not be theirs
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process_of_the_users_finds_its_own_modules_and_we_find_ours(
    tmp_path: Path, name: str
) -> None:
    pytest.importorskip(name)
    program, names = PROGRAMS[name]
    project(tmp_path, *names)
    ends = ENDS.replace("NAMES", repr(names))
    (tmp_path / "own.py").write_text(f"{BEGINS}{program}{ends}")
    done = python(tmp_path, "own.py")
    assert done.returncode == 0, done.stderr
    assert "all is theirs that was" in done.stdout


def test_a_test_of_the_users_finds_its_own_modules_and_we_find_ours(tmp_path: Path) -> None:
    project(tmp_path, "jinja2", "libcst", "statistics", "html")
    (tmp_path / "test_it.py").write_text(
        f"import jinja2, statistics\n{MODEL.replace('STAGE', '').replace('AFTER', '0').replace('DO', 'pass')}\n"
        "def test_it(gradcheck):\n"
        "    gradcheck(Model, train_data, steps=12, fail_on='never')\n"
        "    assert jinja2.WHO == statistics.WHO == __import__('libcst').WHO == 'theirs'\n"
        "def test_that(gradcheck):\n"
        "    gradcheck(Model, train_data, steps=12, fail_on='note', lr=1e4, verify=True)\n"
    )
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--gradcheck-report", "reports")
    done = python(tmp_path, *words)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "PROBLEMS FOUND" in done.stdout
