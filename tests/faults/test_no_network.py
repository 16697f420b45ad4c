"""Every command works without a network, and does not even try to reach one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# An audit hook can not be taken away again, and hears what C code asks Python's sockets for, too.
WATCH = """
import sys

def hear(event, args):
    if event in {{"socket.connect", "socket.sendto"}} and not isinstance(args[1], tuple):
        return  # a socket in the file system
    if event in {{"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}}:
        with open({log!r}, "a") as log:
            log.write(event + " " + repr(args[1:]) + "\\n")
        raise OSError("the network is blocked")

sys.addaudithook(hear)
"""
MODEL = """
import torch
from torch import nn

def build_model():
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3))

def train_data():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    return torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))

if __name__ == "__main__":
    model = build_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(25):
        x = torch.randn(16, 4)
        loss = nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
COMMANDS = (
    "diagnose m.py --steps 22 -o yaml:r.yaml -o html:r.html -o sarif:r.sarif",
    "run -o yaml:run.yaml m.py",
    "fix m.py",
    "report r.yaml",
    "compare r.yaml run.yaml",
    "baseline write r.yaml",
    "explain vanishing-gradient",
    "rules",
    "schema report",
    "config",
    "init",
    "--version",
    "--help",
)


def without_route() -> list[str]:
    """Return what starts a process in a network namespace of its own, nothing where that is refused."""
    tool = shutil.which("unshare")
    if tool is None:
        return []
    allowed = subprocess.run([tool, "-rn", "true"], check=False, capture_output=True)
    return [tool, "-rn"] if allowed.returncode == 0 else []


@pytest.mark.heavy
def test_every_command_works_without_a_route_and_calls_nobody(tmp_path: Path) -> None:
    hook, log = tmp_path / "hook", tmp_path / "calls.txt"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    (tmp_path / "m.py").write_text(MODEL)
    env = {**os.environ, "PYTHONPATH": f"{hook}:{ROOT}", "OMP_NUM_THREADS": "1"}
    shut_in = [*without_route(), sys.executable]
    for command in COMMANDS:
        done = subprocess.run(
            [*shut_in, "-m", "gradcheck_cli", *command.split()],
            cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode in {0, 1}, f"{command}: {done.stderr}"
        assert "Traceback" not in done.stderr, command
        assert not log.exists(), f"{command}: {log.read_text()}"
    for asks in ("create_connection(('127.0.0.1', 9))", "getaddrinfo('example.org', 80)"):
        code = f"import socket; socket.{asks}"
        tried = subprocess.run([*shut_in, "-c", code], env=env, check=False, capture_output=True)
        assert tried.returncode == 1
        assert log.exists(), "what listens for attempts hears them"
        log.unlink()


@pytest.mark.skipif(not without_route(), reason="network namespaces are not permitted here")
def test_the_namespace_has_no_route() -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 9), timeout=5)"
    tried = subprocess.run(
        [*without_route(), sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert "Network is unreachable" in tried.stderr
