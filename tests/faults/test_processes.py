"""The command as a process that is killed, starved and locked out: nothing is lost, nobody is called."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcheck_cli.records.yamlfile import read
from tests.support.processes import forked

pytestmark = pytest.mark.heavy  # each test starts processes

ROOT = Path(__file__).parents[2]
MODEL = """
import time
import torch
from torch import nn

def build_model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
"""
SLOW = (
    MODEL
    + """
def loss_fn(output, target):
    open("ready", "w").close()
    time.sleep(0.02)
    return nn.functional.cross_entropy(output, target)
"""
)
BREAKS_A_RULE = (
    MODEL
    + """
from gradcheck_cli.rules import RULES, engine
from gradcheck_cli.rules.base import Rule

def broken(trace):
    raise ZeroDivisionError("a rule of ours")
    yield

engine.judge.__kwdefaults__["rules"] = (Rule("GC101", "vanishing-gradient", broken), *RULES[1:])
"""
)
DEAD_WORKER = (
    MODEL.replace("return torch.utils.data.TensorDataset", "return Loader")
    + """
import os

class Dying(torch.utils.data.Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info() is not None:
            os._exit(9)
        return self.x[index], self.y[index]

def Loader(x, y):
    return torch.utils.data.DataLoader(Dying(x, y), batch_size=8, num_workers=1)
"""
)
HANGING = """
import time
import torch
from torch import nn

class Waiting(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index >= FROM:
            try:
                time.sleep(600)
            except Exception:
                pass
        return torch.randn(4), index % 2

def build_model():
    return nn.Linear(4, 2)

def train_data():
    return torch.utils.data.DataLoader(Waiting(), batch_size=8, num_workers=WORKERS)
"""
NO_NETWORK = """
import socket

def refuse(*args, **kwargs):
    with open({log!r}, "a") as log:
        log.write(repr(args) + "\\n")
    raise OSError("the network is blocked")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
socket.getaddrinfo = socket.gethostbyname = refuse
"""


def start(folder: Path, source: str, *args: str, **env: str) -> "subprocess.Popen[str]":
    """Begin to diagnose a file with this source in `folder`."""
    (folder / "m.py").write_text(source)
    return subprocess.Popen(
        forked("-m", "gradcheck_cli", "diagnose", "m.py", "--no-verify", *args),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **env},
    )


def finished(folder: Path, source: str, *args: str, **env: str) -> tuple[int, str]:
    """Diagnose; return the exit code and all that was said."""
    process = start(folder, source, *args, **env)
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def no_bug_of_ours(said: str) -> bool:
    return "bug in gradcheck" not in said and "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "number"), [(0, signal.SIGINT), (1, signal.SIGTERM), (2, signal.SIGTERM)]
)
def test_ctrl_c_or_sigterm_at_any_time_exits_130_and_what_was_measured_is_written(
    tmp_path: Path, seed: int, number: int
) -> None:
    process = start(
        tmp_path, SLOW, "--loss", "m.py:loss_fn", "--steps", "2000", "-o", "yaml:r.yaml"
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.Random(seed).uniform(0, 1.5))
    process.send_signal(number)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert no_bug_of_ours(out + err)
    if (tmp_path / "r.yaml").exists():
        report = read(tmp_path / "r.yaml")
        assert report.run.interrupted
        assert report.run.steps > 0
    else:
        assert "nothing was measured" in err


@pytest.mark.slow
def test_termination_ends_the_process_and_leaves_no_broken_report(tmp_path: Path) -> None:
    process = start(
        tmp_path, SLOW, "--loss", "m.py:loss_fn", "--steps", "2000", "-o", "yaml:r.yaml"
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=90)
    assert process.returncode != 0
    assert "Traceback" not in err
    if (tmp_path / "r.yaml").exists():
        read(tmp_path / "r.yaml")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").symlink_to("/dev/full")
    code, said = finished(tmp_path, MODEL, "--steps", "3", "-o", "yaml:r.yaml")
    assert code == 2
    assert "r.yaml" in said or "/dev/full" in said
    assert no_bug_of_ours(said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_is_said_before_the_training(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, said = finished(tmp_path, MODEL, "--steps", "3", "-o", "yaml:locked/r.yaml")
    assert code == 2
    assert "locked" in said
    assert no_bug_of_ours(said)


def test_a_rule_of_ours_that_crashes_costs_that_rule_and_exits_4(tmp_path: Path) -> None:
    code, said = finished(tmp_path, BREAKS_A_RULE, "--steps", "25", "-o", "yaml:r.yaml")
    assert code == 4, said
    report = read(tmp_path / "r.yaml")
    assert ["GC101" in c.where for c in report.crashed] == [True]
    assert "a rule of ours" in report.crashed[0].traceback
    assert len(report.passed) > 3


@pytest.mark.slow
def test_a_worker_of_the_data_loader_that_dies_is_the_users(tmp_path: Path) -> None:
    code, said = finished(tmp_path, DEAD_WORKER, "--steps", "10")
    assert code == 3, said
    assert "worker" in said.lower()
    assert "bug in gradcheck" not in said


def test_nobody_is_called_over_the_network(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    log = tmp_path / "calls.txt"
    (hook / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(log)))
    code, said = finished(
        tmp_path, MODEL, "--steps", "12", "-o", "html:r.html", "-o", "yaml:r.yaml",
        PYTHONPATH=f"{hook}:{ROOT}",
    )  # fmt: skip
    assert code in {0, 1}, said
    blocked = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    env = {**os.environ, "PYTHONPATH": str(hook)}
    assert not log.exists(), log.read_text()
    assert subprocess.run(blocked, env=env, check=False, capture_output=True).returncode == 1
    assert log.exists(), "the block itself works"
    page = (tmp_path / "r.html").read_text()
    assert 'src="http' not in page
    assert "@import" not in page


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_data_that_hangs_ends_with_a_report_of_what_was_measured(
    tmp_path: Path, workers: int
) -> None:
    source = HANGING.replace("FROM", "40").replace("WORKERS", str(workers))
    code, said = finished(tmp_path, source, "--timeout", "6", "-o", "yaml:r.yaml")
    assert code == 3, said
    report = read(tmp_path / "r.yaml")
    assert 0 < report.run.steps <= 5
    [why] = [gap.reason for gap in report.gaps if gap.what.startswith("whatever came after")]
    assert why.startswith("nothing happened for 6 s (--timeout)")
    assert workers or why.endswith("waiting at m.py:13")
    assert no_bug_of_ours(said)


@pytest.mark.slow
def test_a_worker_that_hangs_is_not_put_down_to_the_command_itself(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(HANGING.replace("FROM", "0").replace("WORKERS", "1"))
    command = Path(sys.executable).with_name("gradcheck")
    done = subprocess.run(
        [command, "diagnose", "m.py", "--no-verify", "--timeout", "5"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.strip() == "error: nothing happened for 5 s (--timeout)"


def test_data_that_hangs_from_the_start_is_one_line_that_says_where(tmp_path: Path) -> None:
    source = HANGING.replace("FROM", "0").replace("WORKERS", "0")
    code, said = finished(tmp_path, source, "--timeout", "3", "-o", "yaml:r.yaml")
    assert code == 3
    assert said.strip() == "error: nothing happened for 3 s (--timeout), waiting at m.py:13"


def test_a_file_that_hangs_while_it_is_imported_is_one_line_too(tmp_path: Path) -> None:
    code, said = finished(tmp_path, "import time\ntime.sleep(600)", "--timeout", "3")
    assert (code, said.strip()) == (
        3,
        "error: nothing happened for 3 s (--timeout), waiting at m.py:2",
    )
