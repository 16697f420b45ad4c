"""The tools as an agent has them: the official client over stdin and stdout of a real process."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from gradcheck_cli.records.yamlfile import dumps
from tests.support import a_report
from tests.support.processes import ROOT, python

pytest.importorskip("mcp", reason="an extra")

NET = """
import torch
from torch import nn


def build_model():
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(dim=1))


def train_data():
    torch.manual_seed(0)
    inputs = torch.randn(256, 8)
    return torch.utils.data.TensorDataset(inputs, (inputs[:, 0] > 0).long())
"""


async def _ask(folder: Path, calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    from mcp import Client, StdioServerParameters

    process = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gradcheck_cli", "mcp"],
        cwd=str(folder),
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    async with Client(process) as client:
        tools = await client.list_tools()
        answers = [", ".join(sorted(tool.name for tool in tools.tools))]
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            answers.append("".join(getattr(part, "text", "") for part in result.content))
    return answers


def ask(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    """Return the names of the tools, then the answer to each call."""
    return anyio.run(_ask, folder, list(calls))


@pytest.mark.heavy
def test_an_agent_is_told_what_is_wrong_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "a.yaml").write_text(dumps(a_report.sick()))
    examined = ["--steps", "20", "--examine", "quick", "--fail-on", "warning"]
    names, said, asked, manual, same, missing, nowhere = ask(
        tmp_path,
        ("diagnose", {"target": "net.py", "options": ["--no-verify"]}),
        ("examine", {"target": "net.py", "options": examined}),
        ("explain", {"name": "GC101"}),
        ("compare", {"before": "a.yaml", "after": "a.yaml"}),
        ("diagnose", {"target": "no.py"}),
        ("diagnose", {"target": "net.py", "folder": "nowhere"}),
    )
    assert names == "compare, diagnose, examine, explain, fix, run"
    assert "- fine: Is a sample's output independent" in asked
    assert "exit code 1: something is wrong" in asked
    assert "# gradcheck: sick" in said
    assert "double-softmax" in said
    assert said.endswith("exit code 0: nothing at or above the gate was found, or it was done")
    assert "vanishing-gradient" in manual
    assert "exit code 0" in same
    assert "exit code 2: the call is wrong" in missing
    assert nowhere == "exit code 2: there is no folder nowhere"
    assert (tmp_path / "net.py").read_text() == NET


@pytest.mark.heavy
def test_a_fix_is_written_only_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    _, shown = ask(
        tmp_path, ("fix", {"target": "net.py", "options": ["--write", "--budget", "20"]})
    )
    assert "-    return nn.Sequential(" in shown
    assert (tmp_path / "net.py").read_text() == NET
    ask(tmp_path, ("fix", {"target": "net.py", "write": True, "options": ["--budget", "20"]}))
    assert "Softmax" not in (tmp_path / "net.py").read_text()


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path) -> None:
    missing = "import sys; sys.modules['mcp'] = None; sys.argv[1:] = ['mcp']"
    done = python(tmp_path, "-c", f"{missing}; from gradcheck_cli.__main__ import main; main()")
    assert done.returncode == 2
    assert "pip install 'gradcheck-cli[mcp]'" in done.stderr
