"""Odd places, links and words, in every command they can meet, as processes of their own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read, write
from tests.support.a_report import sick
from tests.support.processes import python

pytestmark = pytest.mark.heavy  # it starts many processes

MODEL = """
import os, shutil, sys, tempfile
import torch
from torch import nn
BEFORE

class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 20:
            LATER
        return self.layers(x)

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))

if __name__ == "__main__":
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = train_data().tensors
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    END
"""
# torch asks for the current folder itself when it imports this, with or without us
MOVES_AWAY = "import torch._dynamo; far = tempfile.mkdtemp(); os.chdir(far); shutil.rmtree(far)"
QUICK = "--no-verify --examine none --steps 24 -q"
DIAGNOSE = f"diagnose m.py:Model {QUICK} -o yaml:r.yaml"
FIX = "fix m.py:Model --budget 2 --examine none --steps 24 -q -o yaml:r.yaml"
RUN = "run -q -o yaml:r.yaml m.py"


def source(before: str = "", later: str = "pass", end: str = "pass") -> str:
    return MODEL.replace("BEFORE", before).replace("LATER", later).replace("END", end)


def place(folder: Path, text: str | None = None) -> Path:
    """Make a folder with a model."""
    folder.mkdir(parents=True)
    (folder / "m.py").write_text(source() if text is None else text)
    write(sick(), folder / "was.yaml")
    return folder


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a command."""

    code: int
    out: str
    err: str


def told(folders: list[tuple[Path, str, dict[str, str]]]) -> list[Told]:
    """Run `gradcheck WORDS` in each folder, and return the exit codes and what was said."""
    done = [python(f, "-m", "gradcheck_cli", *words.split(), **env) for f, words, env in folders]
    return [Told(one.returncode, one.stdout, one.stderr) for one in done]


def all_told(folder: Path, cases: dict[str, tuple[str, str]]) -> dict[str, Told]:
    """Return what is told by each command, in a folder of its own beside its source."""
    asked = [(place(folder / name, text), words, {}) for name, (text, words) in cases.items()]
    return dict(zip(cases, told(asked), strict=True))


def test_a_folder_that_is_removed_takes_neither_the_training_nor_the_report(tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    found = all_told(
        tmp_path,
        {
            "diagnose": (source(MOVES_AWAY), DIAGNOSE),
            "fix": (source(MOVES_AWAY), FIX),
            "run": (source(MOVES_AWAY), RUN),
            "run raises": (source(end=f"{MOVES_AWAY}; raise ValueError('theirs')"), RUN),
        },
    )
    assert [found[name].code for name in found] == [0, 0, 0, 1], found
    for name, one in found.items():
        assert read(tmp_path / name / "r.yaml").run.steps >= 24, name
        assert "gradcheck_cli/" not in one.err
    assert found["run raises"].err.count("ValueError: theirs") == 1
    home = place(tmp_path / "home", source(end="shutil.rmtree(os.getcwd())"))
    done = python(home, "-m", "gradcheck_cli", "run", "-q", "-o", f"yaml:{kept}", "m.py")
    assert done.returncode == 0, done.stderr
    assert read(kept).run.steps == 30


def test_an_exception_whose_message_raises_is_theirs_and_costs_no_report(tmp_path: Path) -> None:
    odd = source(later="raise Odd")
    found = all_told(tmp_path, {"diagnose": (odd, DIAGNOSE), "fix": (odd, FIX), "run": (odd, RUN)})
    assert [found[name].code for name in found] == [3, 3, 1], found
    for name, one in found.items():
        assert read(tmp_path / name / "r.yaml").run.steps == 20
        assert "no words" not in one.err
    assert "Odd: <exception str() failed>" in found["run"].err


def test_what_the_users_code_takes_out_of_the_way_of_imports_is_there_for_ours(
    tmp_path: Path,
) -> None:
    html = " -o html:r.html -o sarif:r.sarif"
    found = all_told(
        tmp_path,
        {
            "diagnose": (source("sys.path.clear()"), DIAGNOSE + html),
            "run": (source(end="sys.path.clear(); sys.meta_path.clear()"), RUN.replace(" m.py", html) + " m.py"),
        },
    )  # fmt: skip
    assert [one.code for one in found.values()] == [0, 0], found
    for name in found:
        assert (tmp_path / name / "r.html").exists()


def test_an_exception_of_any_kind_leaves_the_report_of_the_steps_before(tmp_path: Path) -> None:
    kinds = (
        "import asyncio; raise asyncio.CancelledError",
        "raise BaseExceptionGroup('', [SystemExit(0)])",
    )
    cases = {str(n): (source(later=kind), DIAGNOSE) for n, kind in enumerate(kinds)}
    for name, one in all_told(tmp_path, cases).items():
        assert one.code == 3, one
        assert read(tmp_path / name / "r.yaml").run.steps == 20


def test_an_end_in_an_experiment_costs_that_experiment(tmp_path: Path) -> None:
    ends = source().replace(
        "    def forward(", "    def eval(self):\n        os._exit(0)\n\n    def forward("
    )
    found = all_told(tmp_path, {"eval": (ends, DIAGNOSE.replace("none", "quick"))})
    assert found["eval"].code == 0, found
    assert read(tmp_path / "eval" / "r.yaml").run.steps == 24


def test_what_is_no_regular_file_is_neither_waited_for_nor_read_without_end(tmp_path: Path) -> None:
    import os

    asked = []
    for number, words in enumerate((
        "diagnose p.py", "diagnose z.py", "run p.py", "init", f"diagnose m.py:Model {QUICK} -o yaml:p.py",
        f"diagnose m.py:Model {QUICK} --save-trace p.py",
    )):  # fmt: skip
        folder = place(tmp_path / str(number))
        os.mkfifo(folder / "p.py")
        (folder / "z.py").symlink_to("/dev/zero")
        asked.append((folder, words, {}))
    for (_, words, _), one in zip(asked, told(asked), strict=True):
        assert one.code == (0 if words == "init" else 2), (words, one)
        assert "Traceback" not in one.err
    assert "nobody reads that pipe" in one.err


def test_a_file_with_dots_in_its_name_is_no_package(tmp_path: Path) -> None:
    folder = place(tmp_path / "dots")
    (folder / "m.py").rename(folder / "net.v1.2.py")
    [one] = told([(folder, f"diagnose net.v1.2.py:Model {QUICK}", {})])
    assert one.code == 0, one


REPLACED = {  # what is replaced, and what is said of it where it can not be lived without
    "os.replace = None": "",
    "import json, tempfile, time; json.dumps = tempfile.mkstemp = time.strftime = None": "",
    "import builtins; builtins.open = builtins.print = lambda *a, **k: None": "",
    "sys.exit = os._exit = lambda *a: None": "",
    "torch.save = torch.load = None": "",
    "torch.isfinite = None": "torch.isfinite",
    "import time; time.monotonic = lambda: 'noon'": "time.monotonic",
}


@pytest.mark.parametrize("command", [DIAGNOSE, RUN], ids=["diagnose", "run"])
def test_a_function_that_the_users_code_replaces_is_ours_again_or_is_named(
    tmp_path: Path, command: str
) -> None:
    cases = {f"case {n}": (source(do), command) for n, do in enumerate(REPLACED)}
    for name, (do, named) in zip(all_told(tmp_path, cases).items(), REPLACED.items(), strict=True):
        kept, one = name
        if one.code == 0:
            assert read(tmp_path / kept / "r.yaml").run.steps >= 24, do
        else:
            assert one.code == 3, (do, one)
            assert named, (do, one)
            assert f"your code replaced {named}" in one.err, (do, one)


def test_a_program_that_takes_the_place_of_ours_is_said(tmp_path: Path) -> None:
    replaces = "os.execv(sys.executable, [sys.executable, '-c', 'pass'])"
    found = all_told(
        tmp_path,
        {"diagnose": (source(later=replaces), DIAGNOSE), "run": (source(end=replaces), RUN)},
    )
    assert found["diagnose"].code == 3, "exit 0 would be that of the other program"
    assert read(tmp_path / "diagnose" / "r.yaml").run.stopped.endswith("with os.exec")
    assert "another program, which can not be watched" in found["run"].err


LINKS = {"loop": "loop", "nowhere": "no/such", "endless": "/dev/zero", "code": "m.py"}
READS = {  # of each, how the link is called there
    "report LINK": "", "compare was.yaml LINK": "", "baseline write LINK": "", "judge LINK": "",
    f"{DIAGNOSE} --config LINK": "", f"{DIAGNOSE} --baseline LINK": "",
    f"{DIAGNOSE} --data LINK.csv": ".csv", f"{DIAGNOSE} --data LINK.npz": ".npz",
    f"{DIAGNOSE} --weights LINK.pt": ".pt", f"{FIX} --config LINK": "",
    "run --config LINK m.py": "",
}  # fmt: skip
WRITES = (
    f"diagnose m.py:Model {QUICK} -o yaml:LINK", f"diagnose m.py:Model {QUICK} --save-trace LINK",
    "fix m.py:Model -o html:LINK", "run -o json:LINK m.py", "report was.yaml -o sarif:LINK",
)  # fmt: skip


def test_links_that_lead_nowhere_back_or_to_no_end_are_refused_in_a_line(tmp_path: Path) -> None:
    asked = []
    for number, (words, suffix) in enumerate(READS.items()):
        for link in ("loop", "endless"):
            folder = place(tmp_path / f"{number}{link}")
            (folder / f"{link}{suffix}").symlink_to(
                f"{link}{suffix}" if link == "loop" else LINKS[link]
            )
            asked.append((folder, words.replace("LINK", link), {}))
    for number, words in enumerate(WRITES):
        for link in ("loop", "nowhere", "code"):
            folder = place(tmp_path / f"w{number}{link}")
            (folder / link).symlink_to(LINKS[link])
            asked.append((folder, words.replace("LINK", link), {}))
    for name in ("gradcheck.yaml", "pyproject.toml"):
        folder = place(tmp_path / f"auto {name}")
        (folder / name).symlink_to(name)
        asked.append((folder, DIAGNOSE, {}))
    for (folder, words, _), one in zip(asked, told(asked), strict=True):
        assert one.code == 2, (words, one)
        assert one.err.startswith(("error: ", "Usage")), (words, one)
        assert "Traceback" not in one.err, words
        assert one.out == "", words
        assert (folder / "m.py").read_text() == source(), "no report replaces code"


NARROW = ("diagnose m.py:Model --no-verify --examine none --steps 24", "run m.py",
          "report was.yaml", "rules", "explain GC101", "compare was.yaml was.yaml", "fix m.py:Model --examine none --budget 1 --steps 24")  # fmt: skip


def test_narrow_terminals_and_no_color_in_every_command(tmp_path: Path) -> None:
    variables = (
        {"COLUMNS": "40", "NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"COLUMNS": "0", "NO_COLOR": "1"},
        {"COLUMNS": "17", "NO_COLOR": "1"},
    )
    asked = [
        (place(tmp_path / f"{number} {kind}"), words, env)
        for number, words in enumerate(NARROW)
        for kind, env in enumerate(variables)
    ]
    found = told(asked)
    for number, words in enumerate(NARROW):
        plain, *narrow = found[3 * number : 3 * number + 3]
        assert "\x1b" not in plain.out + plain.err, words
        for one in narrow:
            assert one.code == plain.code, words
            assert _letters(one.out + one.err) == _letters(plain.out + plain.err), words


def _letters(text: str) -> int:
    """Return how many letters were printed: a terminal that crops prints fewer."""
    return sum(c.isalpha() for c in text)
