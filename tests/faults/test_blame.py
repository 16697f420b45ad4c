"""Odd models, names and numbers: told as what they are, and never as a bug of ours."""

import json
from pathlib import Path

import pytest

from tests.support.processes import python

ODD = """
import torch
from torch import nn

def data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)
        self.more()

    def more(self):
        pass

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))

class Meta(Base):
    def more(self):
        self.c = nn.Linear(3, 3, device="meta")

class InItself(Base):
    def more(self):
        self.a.parent = self

class InACircle(Base):
    def more(self):
        self.a.friend, self.b.friend = self.b, self.a

class EqualsRaise(Base):
    def __eq__(self, other):
        raise ValueError("no two are equal")

    __hash__ = nn.Module.__hash__

class EqualsTensors(Base):
    def __eq__(self, other):
        return torch.ones(3)

    __hash__ = nn.Module.__hash__

class HasEverything(Base):
    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return None

class NoWords(Base):
    def __repr__(self):
        raise ValueError("no words")

class NoTruth(Base):
    def __bool__(self):
        raise ValueError("no truth")

class NoMode(Base):
    def train(self, mode=True):
        raise ValueError("no mode")

class Unhashable(Base):
    __hash__ = None

class GivesItself(Base):
    def forward(self, x):
        endless = []
        endless.append(endless)
        return {"output": super().forward(x), "endless": endless}

class Stops(Base):
    def forward(self, x):
        raise type("Stop", (BaseException,), {})("a stop of their own")
"""
DRIVER = """
import contextlib, io, json, sys
from gradcheck_cli.cli.app import main

sys.path.insert(0, ".")
told = []
for words in json.loads(sys.stdin.read() if len(sys.argv) < 2 else sys.argv[1]):
    sys.argv = ["gradcheck", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main()
    told.append((code, out.getvalue() + err.getvalue()))
print(json.dumps(told))
"""
DIAGNOSE = (
    "--data",
    "odd.py:data",
    "--loss",
    "cross_entropy",
    "--no-verify",
    "--steps",
    "12",
    "-q",
)


def told(folder: Path, commands: list[list[str]]) -> list[tuple[int, str]]:
    """Return code and words of each command, one after the other in one process."""
    (folder / "odd.py").write_text(ODD)
    (folder / "driver.py").write_text(DRIVER)
    done = python(folder, "driver.py", json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return [tuple(entry) for entry in json.loads(done.stdout)]


def test_no_odd_model_is_a_bug_of_ours(tmp_path: Path) -> None:
    refused = {
        "Meta": "c.weight is on the meta device",
        "InItself": "the module a holds a module that it is part of",
        "InACircle": "holds a module that it is part of",
        "Unhashable": "unhashable type: 'Unhashable'",
        "Stops": "a stop of their own",
    }
    diagnosed = "EqualsRaise EqualsTensors HasEverything NoWords NoTruth NoMode GivesItself".split()
    names = [*refused, *diagnosed]
    commands = [["diagnose", f"odd.py:{name}", *DIAGNOSE] for name in names]
    for name, (code, said) in zip(names, told(tmp_path, commands), strict=True):
        assert code == (3 if name in refused else 0), (name, said)
        assert "bug:" not in said, (name, said)
        assert refused.get(name, "") in said, name
        assert "gradcheck_cli/" not in said.replace("it happened at gradcheck_cli/", ""), name


LONG = "x" * 300


def test_names_that_no_file_can_have_and_seeds_that_torch_does_not_take_are_2(
    tmp_path: Path,
) -> None:
    model = ["diagnose", "odd.py:Base", *DIAGNOSE]
    commands = [
        *([*model, "--seed", seed] for seed in ("18446744073709551616", "-9223372036854775809", "9" * 26)),
        *([*model, *option] for option in (
            ["-o", f"yaml:{LONG}"], ["-o", "yaml:a\0b"], ["--baseline", LONG], ["--config", LONG],
            ["--weights", f"{LONG}.pt"], ["--data", f"{LONG}.csv"], ["--data", "a\0b.npz"],
        )),
        ["diagnose", f"{LONG}.py"], ["diagnose", LONG], ["diagnose", "a/" * 3000 + "m.py"], ["diagnose", "a\0b.py"],
        ["run", f"{LONG}.py"], ["run", "-m", LONG], ["report", LONG], ["compare", LONG, LONG],
        ["baseline", "write", LONG], ["report", "."], ["report", "/dev/zero"],
        [*model, "--baseline", "/dev/zero"], [*model, "--config", "/dev/zero"],
    ]  # fmt: skip
    for words, (code, said) in zip(commands, told(tmp_path, commands), strict=True):
        assert code == 2, (words, said)
        assert "Traceback" not in said
        assert said.startswith("error: "), said


@pytest.mark.parametrize("kind", ["/dev/zero", "a pipe", "a long file"])
def test_a_config_and_a_report_behind_a_link_are_read_up_to_a_bound(
    tmp_path: Path, kind: str
) -> None:
    import os

    link = tmp_path / "gradcheck.yaml"
    if kind == "a pipe":
        os.mkfifo(link)
    elif kind == "a long file":
        with link.open("wb") as file:
            file.truncate(2**40)
    else:
        link.symlink_to(kind)
    for words in (["diagnose", "--config", "gradcheck.yaml"], ["report", "gradcheck.yaml"]):
        done = python(tmp_path, "-c", BOUNDED, *words, timeout=60)
        assert done.returncode == 2, (words, done.stderr)
        assert "gradcheck.yaml" in done.stderr
        assert "Traceback" not in done.stderr


# With 1 GB of addresses, which an unbounded read would soon exceed.
BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from gradcheck_cli.__main__ import main
main()
"""
